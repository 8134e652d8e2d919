package syslogd

import (
	"errors"
	"fmt"
	"net"
	"os"
	"regexp"
	"strconv"
	"strings"
)

// daemon is a running syslogd.
type daemon struct {
	machine Machine
	options options
	rules   []rule
	host    string
	files   map[string]*os.File
}

// load reads the configuration and the machine's name, at the start and at
// each SIGHUP. The whole name is used with RFC 5424, the first label without
// (syslogd.c, init).
func (d *daemon) load() error {
	rules, err := load(d.machine.Root, d.options.config)
	if err != nil {
		return err
	}
	name, err := d.machine.Hostname()
	if err != nil {
		return err
	}
	if !d.options.rfc5424 {
		name, _, _ = strings.Cut(name, ".")
	}
	d.close()
	d.rules, d.host, d.files = rules, name, map[string]*os.File{}
	return nil
}

func (d *daemon) close() {
	for _, f := range d.files {
		_ = f.Close()
	}
}

// local is a record of the local socket as libc's syslog(3) sends it:
// "<PRI>Mmm dd hh:mm:ss tag[pid]: text".
var local = regexp.MustCompile(`(?s)^<(\d{1,3})>(?:[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d )?(?:([^\s:\[\]]+)(?:\[(\d+)\])?: ?)?(.*)$`)

// record is a record that came in.
type record struct {
	facility, severity int
	tag, pid, text     string
}

// parseRecord takes a record apart. One without a priority is user.notice, as
// syslogd's DEFUPRI has it.
func parseRecord(raw []byte) record {
	text := strings.TrimRight(string(raw), "\x00\r\n")
	m := local.FindStringSubmatch(text)
	if m == nil {
		return record{facility: 1, severity: 5, text: text}
	}
	priority, err := strconv.Atoi(m[1])
	if err != nil || priority > 191 {
		priority = 13
	}
	return record{priority / 8, priority % 8, m[2], m[3], strings.ReplaceAll(m[4], "\n", " ")}
}

// log sends a record wherever a rule says. What cannot be written is lost, as
// with the real one.
func (d *daemon) log(raw []byte) {
	r := parseRecord(raw)
	for _, rule := range d.rules {
		if !rule.takes(r.facility, r.severity) {
			continue
		}
		if rule.remote != "" {
			_ = send(rule.remote, d.remoteLine(r))
			continue
		}
		_ = d.append(rule.file, d.localLine(r))
	}
}

func send(address, line string) error {
	conn, err := net.Dial("udp", address)
	if err != nil {
		return err
	}
	_, err = conn.Write([]byte(line))
	return errors.Join(err, conn.Close())
}

// append adds a line to a file, which has to be there: syslogd makes none
// without -C, and pfSense makes them.
func (d *daemon) append(file, line string) error {
	f := d.files[file]
	if f == nil {
		var err error
		if f, err = os.OpenFile(d.machine.Root+file, os.O_WRONLY|os.O_APPEND, 0); err != nil {
			return err
		}
		d.files[file] = f
	}
	_, err := f.WriteString(line + "\n")
	return err
}

// remoteLine is the datagram: RFC 5424, or RFC 3164 with the name that the
// record is from (syslogd.c, fprintlog_rfc5424 and fprintlog_bsd).
func (d *daemon) remoteLine(r record) string {
	priority := fmt.Sprintf("<%d>", r.facility*8+r.severity)
	if d.options.rfc5424 {
		return priority + d.rfc5424(r)
	}
	return priority + d.bsd(r)
}

func (d *daemon) localLine(r record) string {
	if d.options.rfc5424 {
		return fmt.Sprintf("<%d>", r.facility*8+r.severity) + d.rfc5424(r)
	}
	return d.bsd(r)
}

func (d *daemon) rfc5424(r record) string {
	stamp := d.machine.Now().Format("2006-01-02T15:04:05.000000Z07:00")
	return fmt.Sprintf("1 %s %s %s %s - - %s", stamp, dash(d.host), dash(r.tag), dash(r.pid), r.text)
}

func (d *daemon) bsd(r record) string {
	tag := r.tag
	if r.pid != "" {
		tag += "[" + r.pid + "]"
	}
	if tag != "" {
		tag += ": "
	}
	return fmt.Sprintf("%s %s %s%s", d.machine.Now().Format("Jan _2 15:04:05"), d.host, tag, r.text)
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
