package plugin

import (
	"encoding/json"
	"strings"
	"testing"
)

const (
	schemaWithSecrets = `{"type":"object","$defs":{"key":{"type":"string","writeOnly":true}},"properties":{
		"user":{"type":"string"},"password":{"type":"string","writeOnly":true},
		"keys":{"type":"array","items":{"$ref":"#/$defs/key"}},
		"peers":{"type":"object","additionalProperties":{"anyOf":[{"type":"string"},{"type":"object","properties":{"token":{"writeOnly":true}}}]}}}}`
	valueWithSecrets = `{"user":"someone","password":"pa\"ss<word","keys":["first key","-----BEGIN\nAAAABBBB\n"],"peers":{"b":{"token":["tok-1",{"x":"tok-2"}]}}}`
)

func TestWhatTheSchemaMarksIsStruckOut(t *testing.T) {
	s := secretsOf(json.RawMessage(schemaWithSecrets), json.RawMessage(valueWithSecrets))
	for text, want := range map[string]string{
		`someone logs in with pa"ss<word`:   `someone logs in with ***`,
		`panic: {"password":"pa\"ss<word"}`: `panic: {"password":"***"}`,
		`{"password":"pa\"ss\u003cword"}`:   `{"password":"***"}`,
		"+AAAABBBB\n":                       "+***\n",
		"first key, tok-1, tok-2":           "***, ***, ***",
		"nothing of it":                     "nothing of it",
	} {
		if got := s.strike(text); got != want {
			t.Errorf("%q becomes %q, not %q", text, got, want)
		}
	}
	endless := `{"writeOnly":false,"$ref":"#","allOf":[{"$ref":"#"},{"$ref":"#"}]}`
	if got := secretsOf(json.RawMessage(endless), json.RawMessage(`{"a":"anything"}`)).strike("anything"); got != "***" {
		t.Errorf("with a schema that never ends it says %s", got)
	}
	for _, schema := range []string{"", "{", `{"properties":{"password":{"type":"string"}}}`} {
		if s := secretsOf(json.RawMessage(schema), json.RawMessage(valueWithSecrets)); len(s) > 0 {
			t.Errorf("%s makes secrets of %q", schema, s)
		}
	}
}

func TestAPlanKeepsItsSecretsInItsCheckpointOnly(t *testing.T) {
	s := secretsOf(json.RawMessage(schemaWithSecrets), json.RawMessage(valueWithSecrets))
	got := string(s.plan(json.RawMessage(`{"actual":{"password":"first key","n":1},"checkpoint":{"old":"first key"},
		"changes":[{"summary":"set first key","path":"/etc/first key","diff":"+first key","command":"login first key"}]}`)))
	want := `{"actual":{"password":"***","n":1},"changes":[{"summary":"set ***","path":"/etc/***","diff":"+***","command":"login ***"}],"checkpoint":{"old":"first key"}}`
	if got != want {
		t.Errorf("it is %s\nnot   %s", got, want)
	}
}

func FuzzSecrets(f *testing.F) {
	f.Add(schemaWithSecrets, valueWithSecrets)
	f.Add(`{"$ref":"#/x","x":{"$ref":"#/x"},"writeOnly":true}`, `"secret"`)
	f.Add(`{"$ref":"#","allOf":[{"$ref":"#"},{"$ref":"#"}],"q":"writeOnly"}`, `{"a":["b"]}`)
	f.Fuzz(func(t *testing.T, schema, value string) {
		s := secretsOf(json.RawMessage(schema), json.RawMessage(value))
		clean := s.strike(value)
		for _, secret := range s {
			if strings.Contains(clean, secret) && !strings.Contains(secret, "*") {
				t.Errorf("%q is still in %q", secret, clean)
			}
		}
	})
}
