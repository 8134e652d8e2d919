package state

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"unicode/utf8"
)

// The limits of a document that comes from outside.
const (
	// MaxDocument is the size of the largest document that is read, in bytes.
	MaxDocument = 1 << 20
	// MaxDepth is how deep objects and lists may be nested.
	MaxDepth = 32
)

// ParseDesired reads a Desired document from foreign bytes. It refuses what is
// too large, too deep, not JSON, has a key twice or a field that is not known,
// and what Validate refuses; the error is an *InvalidError with all that was
// found wrong.
func ParseDesired(data []byte) (Desired, error) {
	var d Desired
	if err := decodeStrict(data, &d); err != nil {
		return Desired{}, err
	}
	if err := d.Validate(); err != nil {
		return Desired{}, err
	}
	return d, nil
}

// DecodeSection reads the value of a section into a struct by the same rules
// as ParseDesired, except that it validates nothing. The paths of problems
// begin with the section's name. Plugins use it for their desired value.
func DecodeSection(name string, raw json.RawMessage, into any) error {
	ps := &problems{}
	decodeInto(name, raw, into, ps)
	return ps.err()
}

func decodeStrict(data []byte, into any) error {
	ps := &problems{}
	decodeInto("", data, into, ps)
	return ps.err()
}

func decodeInto(path string, data []byte, into any, ps *problems) {
	if len(data) > MaxDocument {
		ps.add(path, "is %d bytes long; at most %d are read", len(data), MaxDocument)
		return
	}
	if !utf8.Valid(data) {
		ps.add(path, "is not UTF-8 text")
		return
	}
	v, ok := parse(path, data, ps)
	if ok {
		bind(path, v, into, ps)
	}
}

// value is a parsed JSON value: nil, bool, string, json.Number, []value or
// *object.
type value any

// object keeps its keys in the order of the document.
type object struct {
	keys   []string
	values map[string]value
}

type parser struct {
	dec *json.Decoder
	ps  *problems
}

var errTooDeep = fmt.Errorf("is nested deeper than %d", MaxDepth)

// parse reads one JSON value and nothing after it. It is false when data is
// not JSON at all; a key that is there twice is a problem and parsing goes on.
func parse(path string, data []byte, ps *problems) (value, bool) {
	p := &parser{dec: json.NewDecoder(bytes.NewReader(data)), ps: ps}
	p.dec.UseNumber()
	v, err := p.value(path, 0)
	if err == nil {
		if _, after := p.dec.Token(); !errors.Is(after, io.EOF) {
			err = errors.New("has something after its end")
		}
	}
	switch {
	case err == nil:
		return v, true
	case errors.Is(err, errTooDeep):
		ps.add(path, "%v", err)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		ps.add(path, "is not JSON: it ends too early, after %d bytes", len(data))
	default:
		ps.add(path, "is not JSON: %s, at byte %d", clip(err.Error(), 120), p.dec.InputOffset())
	}
	return nil, false
}

func (p *parser) value(path string, depth int) (value, error) {
	t, err := p.dec.Token()
	if err != nil {
		return nil, err
	}
	delim, ok := t.(json.Delim)
	if !ok {
		return t, nil
	}
	if depth >= MaxDepth {
		return nil, errTooDeep
	}
	if delim == '[' {
		return p.list(path, depth)
	}
	return p.object(path, depth)
}

func (p *parser) list(path string, depth int) (value, error) {
	list := []value{}
	for p.dec.More() {
		v, err := p.value(at(path, len(list)), depth+1)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	_, err := p.dec.Token()
	return list, err
}

func (p *parser) object(path string, depth int) (value, error) {
	o := &object{values: map[string]value{}}
	for p.dec.More() {
		t, err := p.dec.Token()
		if err != nil {
			return nil, err
		}
		key, ok := t.(string)
		if !ok {
			return nil, errors.New("a key is not a string")
		}
		v, err := p.value(under(path, key), depth+1)
		if err != nil {
			return nil, err
		}
		if _, twice := o.values[key]; twice {
			p.ps.add(under(path, key), "is there twice")
			continue
		}
		o.keys = append(o.keys, key)
		o.values[key] = v
	}
	_, err := p.dec.Token()
	return o, err
}

// under is the path of a field of the object at path. The document's own
// "sections" leaves no trace: a section's path begins with its name.
func under(path, key string) string {
	switch {
	case path == "" || path == "sections":
		return key
	default:
		return path + "." + key
	}
}

func at(path string, i int) string { return path + "[" + strconv.Itoa(i) + "]" }
