// Package midclt doubles midclt, the command line of the middleware: the part
// of client/client.py of 13.0 that reads and changes settings.
package midclt

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"innkeeper/images/freenas/ddp"
)

// Options are what a run works on.
type Options struct {
	Socket string
	// StartupFile counts the middleware's steps while it starts.
	StartupFile    string
	Stdout, Stderr io.Writer
}

// Run is midclt with call, ping and waitready. Exit statuses: 0; 1 for an
// error of the API or a daemon that is not there; 2 for a wrong command line.
// Two traps of the real one are kept: a login that fails exits with 0, and no
// command at all does nothing and exits with 0.
func Run(ctx context.Context, args []string, o Options) int {
	line, err := parse(args)
	if err != nil {
		fmt.Fprintf(o.Stderr, "%s%v\n", line.usage(), err)
		return 2
	}
	if line.uri != "" {
		fmt.Fprintln(o.Stderr, "midclt: option --uri is not built in this lookalike")
		return 64
	}
	switch line.command {
	case "":
		return 0
	case "call":
		return call(ctx, line, o)
	case "ping":
		return ping(ctx, o)
	case "waitready":
		return waitReady(ctx, line, o)
	default:
		fmt.Fprintf(o.Stderr, "midclt: %s is not built in this lookalike\n", line.command)
		return 64
	}
}

// callTimeout is the client's default.
const callTimeout = 60 * time.Second

func call(ctx context.Context, line line, o Options) int {
	client, err := ddp.Dial(ctx, o.Socket)
	if err != nil {
		return unreachable(err, o)
	}
	defer client.Close() // the answer is here; how the connection ends does not matter
	if line.username != "" && line.password != "" {
		granted, failed, err := client.Call(ctx, "auth.login", []json.RawMessage{quote(line.username), quote(line.password)})
		if err != nil || failed != nil || string(granted) != "true" {
			fmt.Fprintln(o.Stdout, "Failed to login:  Invalid username or password")
			return 0
		}
	}
	timeout := callTimeout
	if line.timeout > 0 {
		timeout = line.timeout
	}
	bounded, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	if line.job {
		if err := client.Subscribe(bounded, "core.get_jobs"); err != nil {
			return unreachable(err, o)
		}
	}
	params := make([]json.RawMessage, len(line.operands)-1)
	for i, operand := range line.operands[1:] {
		params[i] = parameter(operand)
	}
	result, failed, err := client.Call(bounded, line.operands[0], params)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return refuse(&ddp.Error{Reason: "Call timeout"}, line, o)
	case err != nil:
		return unreachable(err, o)
	case failed != nil:
		return refuse(failed, line, o)
	}
	if line.job {
		// A job may take longer than the call that began it.
		if result, failed, err = await(ctx, client, result); err != nil {
			return unreachable(err, o)
		}
		if failed != nil {
			return refuse(failed, line, o)
		}
	}
	text, err := show(result)
	if err != nil {
		fmt.Fprintf(o.Stderr, "midclt: %v\n", err)
		return 1
	}
	fmt.Fprintln(o.Stdout, text)
	return 0
}

// parameter is an argument's JSON, or the argument itself as a string if it
// is none: "123" is a number, "nas1" a string.
func parameter(argument string) json.RawMessage {
	if json.Valid([]byte(argument)) {
		return json.RawMessage(argument)
	}
	return quote(argument)
}

func quote(text string) json.RawMessage {
	out, err := json.Marshal(text)
	if err != nil { // a string always encodes
		return json.RawMessage(`""`)
	}
	return out
}

// await returns the result of the job with that id.
func await(ctx context.Context, client *ddp.Client, id json.RawMessage) (json.RawMessage, *ddp.Error, error) {
	for {
		event, err := client.Event(ctx)
		if err != nil {
			return nil, nil, err
		}
		var job struct {
			ID     json.RawMessage `json:"id"`
			State  string          `json:"state"`
			Result json.RawMessage `json:"result"`
			Error  string          `json:"error"`
		}
		if event.Fields == nil {
			continue
		}
		if err := json.Unmarshal(event.Fields, &job); err != nil {
			return nil, nil, fmt.Errorf("decode a job: %w", err)
		}
		if string(job.ID) != string(id) {
			continue
		}
		switch job.State {
		case "SUCCESS":
			return job.Result, nil, nil
		case "FAILED", "ABORTED":
			return nil, &ddp.Error{Reason: job.Error}, nil
		}
	}
}

// refuse prints an error of the API. A validation error arrives without its
// trace and its list; its text names the fields.
func refuse(failed *ddp.Error, line line, o Options) int {
	if line.quiet {
		return 1
	}
	if failed.Reason != "" {
		fmt.Fprintln(o.Stderr, failed.Reason)
	}
	if failed.Type != nil && *failed.Type == "VALIDATION" {
		return 1
	}
	if failed.Trace != nil {
		fmt.Fprintln(o.Stderr, failed.Trace.Formatted)
	}
	if len(failed.Extra) > 0 && string(failed.Extra) != "null" {
		fmt.Fprintln(o.Stderr, string(failed.Extra))
	}
	return 1
}

func unreachable(err error, o Options) int {
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED) {
		fmt.Fprintln(o.Stderr, "Failed to run middleware call. Daemon not running?")
		return 1
	}
	fmt.Fprintf(o.Stderr, "midclt: %v\n", err)
	return 1
}

func ping(ctx context.Context, o Options) int {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	client, err := ddp.Dial(ctx, o.Socket)
	if err != nil {
		fmt.Fprintf(o.Stderr, "midclt: %v\n", err)
		return 1
	}
	defer client.Close()
	if err := client.Ping(ctx); err != nil {
		return 1
	}
	return 0
}

// waitReady waits until core.ping answers. With -t it gives up when the start
// has made no step for that long: the seconds count anew whenever the number
// in the startup file grows.
func waitReady(ctx context.Context, line line, o Options) int {
	retry := time.NewTicker(50 * time.Millisecond)
	defer retry.Stop()
	sequence, since := -1, time.Now()
	for {
		if answered(ctx, o.Socket) {
			return 0
		}
		if number, err := startup(o.StartupFile); err == nil {
			if number < sequence {
				fmt.Fprintln(o.Stdout, "Middleware has restarted")
				return 1
			}
			if number != sequence {
				sequence, since = number, time.Now()
			}
		}
		if line.timeout > 0 && time.Since(since) > line.timeout {
			fmt.Fprintf(o.Stdout, "Middleware startup is idle for more than %d seconds\n", int(line.timeout.Seconds()))
			return 1
		}
		select {
		case <-ctx.Done():
			return 1
		case <-retry.C:
		}
	}
}

func answered(ctx context.Context, socket string) bool {
	client, err := ddp.Dial(ctx, socket)
	if err != nil {
		return false
	}
	defer client.Close()
	_, failed, err := client.Call(ctx, "core.ping", nil)
	return err == nil && failed == nil
}

func startup(path string) (int, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(strings.TrimSpace(string(data)))
}
