package harness

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"

	"innkeeper/harness/guest"
)

// ShellRequest is the first line a client of a kept guest sends, as JSON.
type ShellRequest struct {
	// Op is "shell" (raw bytes both ways follow), "exec" (a ShellReply line
	// answers) or "down" (the guest is taken down).
	Op string `json:"op"`
	// Command is the shell line of "exec".
	Command string `json:"command,omitempty"`
	// Term, Rows and Columns describe the client's terminal for "shell".
	Term    string `json:"term,omitempty"`
	Rows    int    `json:"rows,omitempty"`
	Columns int    `json:"columns,omitempty"`
}

// ShellReply answers "exec".
type ShellReply struct {
	Stdout   string `json:"stdout"`
	Stderr   string `json:"stderr"`
	ExitCode int    `json:"exit_code"`
	Error    string `json:"error,omitempty"`
}

// ServeShell gives shells in g to clients of a unix socket until one says
// "down" or ctx ends. It returns when every client has been served.
func ServeShell(ctx context.Context, socket string, g *guest.Guest) error {
	if err := os.RemoveAll(socket); err != nil {
		return err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "unix", socket)
	if err != nil {
		return fmt.Errorf("shell socket: %w", err)
	}
	ctx, down := context.WithCancel(ctx)
	defer down()
	stop := context.AfterFunc(ctx, func() { listener.Close() })
	defer stop()
	var clients sync.WaitGroup
	defer clients.Wait()
	for {
		conn, err := listener.Accept()
		if err != nil {
			if ctx.Err() != nil || errors.Is(err, net.ErrClosed) {
				return nil
			}
			return fmt.Errorf("shell socket: %w", err)
		}
		clients.Go(func() {
			defer conn.Close()
			stop := context.AfterFunc(ctx, func() { conn.Close() })
			defer stop()
			if serveClient(ctx, conn, g) {
				down()
			}
		})
	}
}

// serveClient serves one client and reports whether it asked to take the guest down.
func serveClient(ctx context.Context, conn net.Conn, g *guest.Guest) (down bool) {
	reader := bufio.NewReader(conn)
	line, err := reader.ReadBytes('\n')
	if err != nil {
		return false
	}
	var request ShellRequest
	if err := json.Unmarshal(line, &request); err != nil {
		reply(conn, ShellReply{Error: "not a request: " + err.Error(), ExitCode: 1})
		return false
	}
	switch request.Op {
	case "down":
		reply(conn, ShellReply{})
		return true
	case "exec":
		out, err := g.Script(ctx, request.Command)
		answer := ShellReply{Stdout: out.Stdout, Stderr: out.Stderr, ExitCode: out.ExitCode}
		var status *guest.ExitError
		if err != nil && !errors.As(err, &status) {
			answer.Error, answer.ExitCode = err.Error(), 1
		}
		reply(conn, answer)
	case "shell":
		term := request.Term
		if term == "" {
			term = "vt100"
		}
		if _, err := g.Shell(ctx, joined{reader, conn}, term, max(request.Rows, 1), max(request.Columns, 1)); err != nil {
			fmt.Fprintf(conn, "\r\n%v\r\n", err)
		}
	default:
		reply(conn, ShellReply{Error: fmt.Sprintf("unknown op %q: shell, exec or down", request.Op), ExitCode: 2})
	}
	return false
}

type joined struct {
	io.Reader
	io.Writer
}

func reply(conn net.Conn, r ShellReply) {
	data, err := json.Marshal(r)
	if err == nil {
		_, _ = conn.Write(append(data, '\n'))
	}
}
