// Package syslogd doubles FreeBSD's syslogd(8) as far as pfSense starts it
// (pfSense's syslog.inc): records of the local socket go into files and, by
// UDP, to other machines. What of syslog.conf(5) it does not know it refuses
// instead of passing it over, so that nobody takes silence for an effect.
package syslogd

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"innkeeper/images/freebsd/getopt"
)

// Machine is what syslogd finds around it.
type Machine struct {
	// Root is put before the paths of files.
	Root string
	// Socket is where programs send their records.
	Socket string
	// Hostname is gethostname(3).
	Hostname func() (string, error)
	Now      func() time.Time
}

// options are those of the command line.
type options struct {
	config, pidFile string
	rfc5424         bool
}

const usage = "usage: syslogd [-468ACcdFHkNnosTuv] [-a allowed_peer]\n" +
	"               [-b bind_address] [-f config_file]\n" +
	"               [-l [mode:]path] [-M fwd_length]\n" +
	"               [-m mark_interval] [-O format] [-P pid_file] [-p log_socket]\n"

// parse reads "syslogd [-O FORMAT] -s [-c -c] [-l SOCKET] [-P FILE] [-f FILE]".
// -s, which pfSense always gives, takes no records from other machines; -c,
// which counts repeated records no more, is what happens here in any case.
func parse(args []string) (options, error) {
	o := options{config: "/etc/syslog.conf", pidFile: "/var/run/syslog.pid"}
	given, operands, err := getopt.Parse(args, "scl:P:f:O:b:")
	if err != nil {
		return o, err
	}
	if len(operands) > 0 {
		return o, fmt.Errorf("unexpected argument %q", operands[0])
	}
	secure := false
	for _, g := range given {
		switch g.Letter {
		case 's':
			secure = true
		case 'P':
			o.pidFile = g.Argument
		case 'f':
			o.config = g.Argument
		case 'O':
			switch g.Argument {
			case "rfc5424", "syslog":
				o.rfc5424 = true
			case "rfc3164", "bsd":
				o.rfc5424 = false
			default:
				return o, fmt.Errorf("unsupported output format %q", g.Argument)
			}
		case 'b':
			return o, fmt.Errorf("lookalike: -b is not built")
		}
	}
	if !secure {
		return o, fmt.Errorf("lookalike: without -s it would take records from other machines, which is not built")
	}
	return o, nil
}

// Detach starts the daemon itself from the program that was called, and
// returns once it takes records.
type Detach func(args []string) error

// Run is syslogd(8): it checks its arguments and its configuration, detaches
// and returns.
func Run(args []string, m Machine, detach Detach, stderr io.Writer) int {
	o, err := parse(args)
	if err != nil {
		fmt.Fprintf(stderr, "syslogd: %v\n%s", err, usage)
		return 1
	}
	if _, err := load(m.Root, o.config); err != nil {
		fmt.Fprintf(stderr, "syslogd: %v\n", err)
		return 1
	}
	if err := detach(args); err != nil {
		fmt.Fprintf(stderr, "syslogd: %v\n", err)
		return 1
	}
	return 0
}

// Serve is the daemon. It tells ready once it takes records, and ends with ctx.
// Reload brings a value when it is to read its configuration anew (SIGHUP).
func Serve(ctx context.Context, args []string, m Machine, ready func(), reload <-chan os.Signal) error {
	o, err := parse(args)
	if err != nil {
		return err
	}
	if err := os.Remove(m.Socket); err != nil && !os.IsNotExist(err) {
		return err
	}
	socket, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: m.Socket, Net: "unixgram"})
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = socket.Close() })
	defer stop()
	if err := os.Chmod(m.Socket, 0o666); err != nil {
		return err
	}
	pid := strconv.Itoa(os.Getpid()) + "\n"
	if err := os.WriteFile(m.Root+o.pidFile, []byte(pid), 0o644); err != nil {
		return err
	}
	defer os.Remove(m.Root + o.pidFile)
	d := &daemon{machine: m, options: o}
	defer d.close()
	if err := d.load(); err != nil {
		return err
	}
	ready()
	records := make(chan []byte)
	go read(ctx, socket, records) // ends with the socket, which ends with ctx
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-reload:
			if err := d.load(); err != nil {
				return err
			}
		case raw, ok := <-records:
			if !ok {
				return nil
			}
			d.log(raw)
		}
	}
}

func read(ctx context.Context, socket *net.UnixConn, records chan<- []byte) {
	defer close(records)
	buffer := make([]byte, 8192)
	for {
		n, err := socket.Read(buffer)
		if err != nil {
			return
		}
		select {
		case records <- []byte(strings.Clone(string(buffer[:n]))):
		case <-ctx.Done():
			return
		}
	}
}
