// Package ddp holds the messages between the doubles of middlewared and
// midclt: JSON over a WebSocket on a Unix socket, in the manner of Meteor's
// DDP (truenas/middleware 13.0, client/client.py and main.py).
package ddp

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// Socket is where middlewared listens, Resource the HTTP resource there.
const (
	Socket   = "/var/run/middlewared.sock"
	Resource = "/websocket"
)

// Message is any message of either side; which fields count depends on Kind.
type Message struct {
	Kind       string            `json:"msg"`
	ID         string            `json:"id,omitempty"`
	Version    string            `json:"version,omitempty"`
	Support    []string          `json:"support,omitempty"`
	Session    string            `json:"session,omitempty"`
	Method     string            `json:"method,omitempty"`
	Params     []json.RawMessage `json:"params,omitempty"`
	Name       string            `json:"name,omitempty"`
	Result     json.RawMessage   `json:"result,omitempty"`
	Error      *Error            `json:"error,omitempty"`
	Subs       []string          `json:"subs,omitempty"`
	Collection string            `json:"collection,omitempty"`
	Fields     json.RawMessage   `json:"fields,omitempty"`
}

// Error is what a failed call answers.
type Error struct {
	// Number is an errno of FreeBSD, or 201 for a method that is not there.
	Number int `json:"error"`
	// Type is "VALIDATION" or null.
	Type   *string `json:"type"`
	Reason string  `json:"reason"`
	Trace  *Trace  `json:"trace"`
	// Extra is, for a validation error, a list of [attribute, message, errno].
	Extra json.RawMessage `json:"extra"`
}

// Trace is where the error arose. The double has no Python frames to show.
type Trace struct {
	Class     string `json:"class"`
	Formatted string `json:"formatted"`
}

// Field is one pair of a Record.
type Field struct {
	Key   string
	Value any
}

// Record is a JSON object that keeps the order of its keys, as Python does.
type Record []Field

// MarshalJSON writes the fields in order.
func (r Record) MarshalJSON() ([]byte, error) {
	var out bytes.Buffer
	out.WriteByte('{')
	for i, field := range r {
		if i > 0 {
			out.WriteByte(',')
		}
		key, err := json.Marshal(field.Key)
		if err != nil {
			return nil, fmt.Errorf("encode key %q: %w", field.Key, err)
		}
		value, err := json.Marshal(field.Value)
		if err != nil {
			return nil, fmt.Errorf("encode %q: %w", field.Key, err)
		}
		out.Write(key)
		out.WriteByte(':')
		out.Write(value)
	}
	out.WriteByte('}')
	return out.Bytes(), nil
}

// Get returns the value under key.
func (r Record) Get(key string) (any, bool) {
	for _, field := range r {
		if field.Key == key {
			return field.Value, true
		}
	}
	return nil, false
}

// With returns a copy in which key has value; a new key comes last.
func (r Record) With(key string, value any) Record {
	out := append(Record(nil), r...)
	for i := range out {
		if out[i].Key == key {
			out[i].Value = value
			return out
		}
	}
	return append(out, Field{key, value})
}

// Decode reads JSON into the values that the middleware's schemas check:
// map[string]any, []any, string, bool, nil and json.Number.
func Decode(raw []byte) (any, error) {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		return nil, err
	}
	if decoder.More() {
		return nil, fmt.Errorf("text after the JSON value")
	}
	return value, nil
}
