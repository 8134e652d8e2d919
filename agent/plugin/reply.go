package plugin

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"sync"

	"innkeeper/agent/systems/section"
)

// reply reads a plugin's standard output while it comes. It keeps no more
// than limit bytes and calls overflow when more come.
type reply struct {
	limit    int
	overflow func()
	progress func(message string, percent int)
	strike   func(string) string // takes out what nobody is to be told; nil for nothing

	mu      sync.Mutex
	seen    int
	flooded bool
	line    []byte
	result  json.RawMessage
	refusal *section.Error
	done    bool
	broken  error
}

// Write implements io.Writer and never fails: a plugin must not be blocked by
// what its parent thinks of it.
func (r *reply) Write(p []byte) (int, error) {
	r.mu.Lock()
	n := len(p)
	r.seen += n
	first := r.seen > r.limit && !r.flooded
	if first {
		r.flooded, r.line = true, nil
	}
	for !r.flooded && r.broken == nil {
		i := bytes.IndexByte(p, '\n')
		if i < 0 {
			r.line = append(r.line, p...)
			break
		}
		r.take(append(r.line, p[:i]...))
		r.line, p = nil, p[i+1:]
	}
	r.mu.Unlock()
	if first && r.overflow != nil {
		r.overflow()
	}
	return n, nil
}

// take judges one whole line.
func (r *reply) take(line []byte) {
	line = bytes.TrimSpace(line)
	if len(line) == 0 {
		return
	}
	if r.done {
		r.broken = fmt.Errorf("a line follows the result: %s", r.shown(line))
		return
	}
	var l Line
	if err := json.Unmarshal(line, &l); err != nil {
		r.broken = fmt.Errorf("a line is not JSON: %s", r.shown(line))
		return
	}
	switch l.Type {
	case typeProgress:
		if r.progress != nil {
			percent := -1
			if l.Percent != nil {
				percent = *l.Percent
			}
			r.progress(l.Message, percent)
		}
	case typeResult:
		if len(l.Result) == 0 || l.Result[0] != '{' {
			r.broken = fmt.Errorf("the result is not an object: %s", r.shown(line))
			return
		}
		r.done, r.result = true, l.Result
	case typeError:
		if l.Error == nil || l.Error.Message == "" {
			r.broken = fmt.Errorf("the error has no message: %s", r.shown(line))
			return
		}
		switch l.Error.Code {
		case section.Invalid, section.Unsupported, section.Busy, section.Failed:
		default:
			l.Error.Code = section.Failed
		}
		r.done, r.refusal = true, l.Error
	default:
		r.broken = fmt.Errorf("a line has the type %s; known are progress, result, error", r.shown([]byte(l.Type)))
	}
}

// end is called when the output has ended. It gives the result, or the
// plugin's own error (*section.Error), or what is wrong with the output.
func (r *reply) end() (json.RawMessage, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.line) > 0 && r.broken == nil && !r.flooded {
		r.take(r.line)
		r.line = nil
	}
	switch {
	case r.broken != nil:
		return nil, r.broken
	case r.refusal != nil:
		return nil, r.refusal
	case !r.done:
		return nil, errors.New("it ended without a result")
	}
	return r.result, nil
}

// ParseReply reads all that a plugin wrote to its standard output. It gives the
// result, or the plugin's own error (*section.Error), or says what is not of
// the protocol.
func ParseReply(out []byte) (json.RawMessage, error) {
	r := &reply{limit: len(out)}
	if _, err := r.Write(out); err != nil {
		return nil, err
	}
	return r.end()
}

func (r *reply) overflowed() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.flooded
}

// shown is foreign text made fit for a message.
func (r *reply) shown(b []byte) string {
	if r.strike != nil {
		b = []byte(r.strike(string(b)))
	}
	const most = 120
	more := ""
	if len(b) > most {
		b, more = b[:most], "..."
	}
	return strconv.Quote(string(b)) + more
}
