package plugin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"

	"innkeeper/agent/guest"
	"innkeeper/agent/systems/section"
)

// requestLimit bounds a request: a document and a plan with its checkpoint,
// each of which is bounded itself.
const requestLimit = 8 << 20

// Serve is the child's end: it reads the one request from stdin, has the
// section do it, and writes progress and the one result or error to stdout.
// What the section answers, an error too, is an answer and not an error of
// Serve; that one is of the line to the parent.
func Serve(ctx context.Context, name string, s section.Section, m guest.Machine, stdin io.Reader, stdout io.Writer) error {
	out := &lines{w: stdout}
	result, err := answer(ctx, name, s, m, stdin, out)
	if err != nil {
		var typed *section.Error
		if !errors.As(err, &typed) {
			typed = &section.Error{Code: section.Failed, Message: err.Error()}
		}
		return out.write(Line{Type: typeError, Error: typed})
	}
	raw, err := json.Marshal(result)
	if err != nil {
		return fmt.Errorf("encode the result: %w", err)
	}
	return out.write(Line{Type: typeResult, Result: raw})
}

func answer(ctx context.Context, name string, s section.Section, m guest.Machine, stdin io.Reader, out *lines) (any, error) {
	q, err := readRequest(stdin)
	if err != nil {
		return nil, err
	}
	if q.Operation == section.OpDescribe {
		return s.Describe(), nil // whoever asks need not know the name yet
	}
	if q.Section != name {
		return nil, section.Errorf(section.Unsupported, "", "this plugin serves the section %q, not %q", name, q.Section)
	}
	ctx = section.WithProgress(ctx, func(message string, percent int) {
		l := Line{Type: typeProgress, Message: message}
		if percent >= 0 {
			l.Percent = &percent
		}
		_ = out.write(l) // a parent that has gone is noticed at the result
	})
	switch q.Operation {
	case section.OpPlan:
		return s.Plan(ctx, m, q.Desired)
	case section.OpApply:
		if q.Plan == nil {
			return nil, section.Errorf(section.Failed, "", "the request has no plan to apply")
		}
		return struct{}{}, s.Apply(ctx, m, q.Desired, *q.Plan)
	case section.OpRestore:
		return struct{}{}, s.Restore(ctx, m, q.Checkpoint)
	}
	return nil, section.Errorf(section.Unsupported, "", "the operation %q is not known; known are describe, plan, apply, restore", q.Operation)
}

func readRequest(stdin io.Reader) (Request, error) {
	raw, err := io.ReadAll(io.LimitReader(stdin, requestLimit+1))
	if err != nil {
		return Request{}, fmt.Errorf("read the request: %w", err)
	}
	return parseRequest(raw)
}

func parseRequest(raw []byte) (Request, error) {
	var q Request
	if len(raw) > requestLimit {
		return q, fmt.Errorf("the request is longer than %d bytes", requestLimit)
	}
	if len(bytes.TrimSpace(raw)) == 0 {
		return q, errors.New("no request on standard input; a plugin is started by guestd and not by hand")
	}
	if err := json.Unmarshal(raw, &q); err != nil {
		return q, fmt.Errorf("the request is not of the protocol: %w", err)
	}
	if q.Protocol != Version {
		return q, section.Errorf(section.Unsupported, "", "the request is of protocol %d; this plugin speaks %d", q.Protocol, Version)
	}
	return q, nil
}

// lines writes JSON lines, each in one call, from any goroutine.
type lines struct {
	mu sync.Mutex
	w  io.Writer
}

func (l *lines) write(line Line) error {
	b, err := json.Marshal(line)
	if err != nil {
		return fmt.Errorf("encode a line: %w", err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, err := l.w.Write(append(b, '\n')); err != nil {
		return fmt.Errorf("write to the parent: %w", err)
	}
	return nil
}
