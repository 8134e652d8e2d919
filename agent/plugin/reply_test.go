package plugin

import (
	"errors"
	"strings"
	"testing"

	"innkeeper/agent/systems/section"
)

func read(out string, chunk, limit int) (*reply, []string, string, error) {
	var progress []string
	r := &reply{limit: limit, progress: func(m string, _ int) { progress = append(progress, m) }}
	for len(out) > 0 {
		n := min(chunk, len(out))
		_, _ = r.Write([]byte(out[:n]))
		out = out[n:]
	}
	raw, err := r.end()
	return r, progress, string(raw), err
}

func TestReply(t *testing.T) {
	const progress = `{"type":"progress","message":"half","percent":50}` + "\n"
	for _, c := range []struct{ out, result, err string }{
		{progress + `{"type":"result","result":{"a":1}}`, `{"a":1}`, ""},
		{progress + "\r\n\n" + `{"type":"result","result":{}}` + "\r\n\n", `{}`, ""},
		{`{"type":"error","error":{"code":"busy","message":"later"}}`, "", "later"},
		{`{"type":"error","error":{"code":"odd","message":"why"}}`, "", "why"},
		{`{"type":"error","error":{"code":"busy"}}`, "", "the error has no message"},
		{progress, "", "it ended without a result"},
		{`{"type":"result"}`, "", "the result is not an object"},
		{`{"type":"result","result":[1]}`, "", "the result is not an object"},
		{`{"type":"dance"}`, "", `a line has the type "dance"`},
		{"hello\n" + `{"type":"result","result":{}}`, "", `a line is not JSON: "hello"`},
		{`{"type":"result","result":{}}` + "\n" + progress, "", "a line follows the result"},
		{`{"type":"result","result":{}}` + "\n" + `{"type":"result","result":{}}`, "", "a line follows the result"},
	} {
		for _, chunk := range []int{1, 7, 1 << 20} {
			_, _, raw, err := read(c.out, chunk, 1<<20)
			if raw != c.result || (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
				t.Errorf("%q in chunks of %d: got %q, %v; want %q, %q", c.out, chunk, raw, err, c.result, c.err)
			}
		}
	}
}

func TestReplyIsBounded(t *testing.T) {
	overflows := 0
	r := &reply{limit: 100, overflow: func() { overflows++ }}
	for range 50 {
		if n, err := r.Write([]byte("0123456789")); n != 10 || err != nil {
			t.Fatal(n, err)
		}
	}
	if overflows != 1 || !r.overflowed() || len(r.line) > 100 {
		t.Errorf("called %d times, %d bytes kept", overflows, len(r.line))
	}
}

func FuzzReply(f *testing.F) {
	f.Add(`{"type":"progress","message":"m","percent":1}`+"\n"+`{"type":"result","result":{}}`, 3)
	f.Add(`{"type":"error","error":{"code":"failed","message":"m"}}`, 100)
	f.Fuzz(func(t *testing.T, out string, chunk int) {
		_, _, raw, err := read(out, max(1, chunk), 1<<10)
		_, _, whole, wholeErr := read(out, len(out)+1, 1<<10)
		if len(out) <= 1<<10 && (raw != whole || (err == nil) != (wholeErr == nil)) {
			t.Fatalf("in chunks it reads %q %v, at once %q %v", raw, err, whole, wholeErr)
		}
		var own *section.Error
		if errors.As(err, &own) && own.Message == "" {
			t.Fatal("an error without a message")
		}
	})
}

func FuzzRequest(f *testing.F) {
	f.Add([]byte(`{"protocol":1,"operation":"plan","section":"hostname","desired":{"name":"a"}}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if q, err := parseRequest(raw); err == nil && q.Protocol != Version {
			t.Fatalf("a request of protocol %d was taken", q.Protocol)
		}
	})
}

func FuzzDescription(f *testing.F) {
	f.Add([]byte(`{"sections":["mischief"],"unkillable":["apply"]}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		d, err := ParseDescription(raw)
		if err == nil && (len(d.Sections) == 0 || d.Sections[0] == "") {
			t.Fatal("a description without a section was taken")
		}
	})
}
