package runs

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strings"

	"golang.org/x/term"

	"innkeeper/harness"
)

// Kept returns the socket of the kept guest of a system.
func Kept(system string) (string, error) {
	all, err := Find()
	if err != nil {
		return "", err
	}
	var others []string
	for _, f := range all {
		if !f.Live {
			continue
		}
		if socket, ok := f.Kept[system]; ok {
			return socket, nil
		}
		for name := range f.Kept {
			others = append(others, name)
		}
	}
	slices.Sort(others)
	if len(others) > 0 {
		return "", fmt.Errorf("no guest of %s was kept; running are: %s", system, strings.Join(others, ", "))
	}
	return "", fmt.Errorf("no guest of %s was kept; start one with: matrix run --keep %s", system, system)
}

// Exec runs a line of shell in the kept guest behind socket.
func Exec(ctx context.Context, socket, command string) (harness.ShellReply, error) {
	return ask(ctx, socket, harness.ShellRequest{Op: "exec", Command: command})
}

// Down takes the kept guest behind socket down and waits until it is gone.
func Down(ctx context.Context, socket string) error {
	_, err := ask(ctx, socket, harness.ShellRequest{Op: "down"})
	return err
}

func ask(ctx context.Context, socket string, request harness.ShellRequest) (reply harness.ShellReply, err error) {
	conn, err := dial(ctx, socket, request)
	if err != nil {
		return reply, err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	line, err := bufio.NewReader(conn).ReadBytes('\n')
	if err != nil {
		return reply, fmt.Errorf("the kept guest behind %s does not answer: %w", socket, errors.Join(err, context.Cause(ctx)))
	}
	if err := json.Unmarshal(line, &reply); err != nil {
		return reply, err
	}
	if reply.Error != "" {
		return reply, errors.New(reply.Error)
	}
	return reply, nil
}

func dial(ctx context.Context, socket string, request harness.ShellRequest) (net.Conn, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "unix", socket)
	if err != nil {
		return nil, fmt.Errorf("reach the kept guest: %w", err)
	}
	line, err := json.Marshal(request)
	if err == nil {
		_, err = conn.Write(append(line, '\n'))
	}
	if err != nil {
		conn.Close()
		return nil, err
	}
	return conn, nil
}

// Shell joins this terminal with a root shell in the kept guest behind socket.
func Shell(ctx context.Context, socket string, in *os.File, out io.Writer) error {
	request := harness.ShellRequest{Op: "shell", Term: os.Getenv("TERM"), Rows: 24, Columns: 80}
	fd := int(in.Fd())
	if term.IsTerminal(fd) {
		if w, h, err := term.GetSize(fd); err == nil {
			request.Rows, request.Columns = h, w
		}
		before, err := term.MakeRaw(fd)
		if err != nil {
			return fmt.Errorf("terminal: %w", err)
		}
		defer term.Restore(fd, before)
	}
	conn, err := dial(ctx, socket, request)
	if err != nil {
		return err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	go func() { // ends with the process, or with conn at the next key
		_, _ = io.Copy(conn, in)
		if half, ok := conn.(*net.UnixConn); ok {
			_ = half.CloseWrite()
		}
	}()
	_, err = io.Copy(out, conn)
	return err
}
