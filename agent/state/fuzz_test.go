package state_test

import (
	"encoding/json"
	"errors"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"innkeeper/agent/state"
)

// What ParseDesired takes must survive being written and read again, and what
// it refuses must be refused with reasons.
func FuzzParseDesired(f *testing.F) {
	for _, seed := range []string{
		`{"revision":1,"guest":"g","sections":{"hostname":{"name":"a","domain":"b.c"},"x":{"y":[1,{}]}}}`,
		`{"revision":1,"guest":"g","sections":{"time":{"zone":"Europe/Rome","servers":["a.b","::1"],"correction":"step"}}}`,
		`{"revision":1,"guest":"g","sections":{"hostname":{"name":"a","name":"b"}}}`,
		`{"revision":1e3,"sections":null}`, `[[[[[[`, `{"a":1}x`, "\xff", `{"revision":1,`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		d, err := state.ParseDesired(in)
		if err != nil {
			var invalid *state.InvalidError
			if !errors.As(err, &invalid) || len(invalid.Reasons()) == 0 {
				t.Fatalf("refused without a reason: %v", err)
			}
			return
		}
		out, err := json.Marshal(d)
		if err != nil {
			t.Fatalf("accepted but cannot be written: %v", err)
		}
		if _, err := state.ParseDesired(out); err != nil && len(out) <= state.MaxDocument {
			t.Fatalf("what was written is refused: %v\n%s", err, out)
		}
	})
}

func FuzzHostname(f *testing.F) {
	f.Add("web-1", "lab.test")
	f.Add("", ".")
	f.Fuzz(func(t *testing.T, name, domain string) {
		h := state.Hostname{Name: name, Domain: domain}
		if h.Validate() != nil {
			return
		}
		if len(h.FQDN()) > 253 {
			t.Fatalf("%q is too long for DNS and was accepted", h.FQDN())
		}
		for _, c := range []byte(h.FQDN()) {
			if c <= ' ' || c > '~' || c == '_' || c == '/' || c == '\\' {
				t.Fatalf("%q has %q in it and was accepted", h.FQDN(), c)
			}
		}
	})
}

// A zone that is accepted names a file below the folder of the zones, and a
// server is one word.
func FuzzTime(f *testing.F) {
	f.Add("America/Argentina/ComodRivadavia", "ntp.example")
	f.Add("Etc/GMT+12", "2001:db8::123")
	f.Add("../../etc/shadow", "a b")
	f.Fuzz(func(t *testing.T, zone, server string) {
		if (state.Time{Zone: zone, Servers: []string{server}}).Validate() != nil {
			return
		}
		if zone != "" && !filepath.IsLocal(zone) || path.Clean("/"+zone) != "/"+zone {
			t.Fatalf("the zone %q was accepted", zone)
		}
		if len(strings.Fields(server)) != 1 || strings.ContainsAny(server, "#!;%*\"'\\/\n") {
			t.Fatalf("the server %q was accepted", server)
		}
	})
}
