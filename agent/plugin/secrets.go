package plugin

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"innkeeper/agent/systems/section"
)

// struck is what stands in the place of a secret.
const struck = "***"

// shortestSecret is the length of what is struck out, in bytes: to strike out
// less would garble a text and tell what the secret is.
const shortestSecret = 4

// secrets are texts that a call must tell nobody: in the order to look for them.
type secrets []string

// secretsOf are the strings of a desired value that its section's schema marks
// as "writeOnly" (JSON Schema 2020-12, validation, 9.4: the value is never
// given back). What is in the schema of a plugin may be anything.
func secretsOf(schema, desired json.RawMessage) secrets {
	if !bytes.Contains(schema, []byte("writeOnly")) {
		return nil
	}
	var root, value any
	if json.Unmarshal(schema, &root) != nil || json.Unmarshal(desired, &value) != nil {
		return nil
	}
	w := &walk{root: root, left: mostSteps}
	if w.by(root, value); w.left == 0 {
		w.note(value) // better too much than a secret
	}
	slices.SortFunc(w.found, func(a, b string) int { return len(b) - len(a) })
	return slices.Compact(w.found)
}

// mostSteps bounds a walk through a schema that refers to itself.
const mostSteps = 10_000

// walk goes through a value and its schema side by side.
type walk struct {
	root  any
	left  int // steps
	found secrets
}

func (w *walk) by(schema, value any) {
	s, is := schema.(map[string]any)
	if !is || w.left == 0 {
		return
	}
	w.left--
	if s["writeOnly"] == true {
		w.note(value)
		return
	}
	if ref, is := s["$ref"].(string); is {
		w.by(w.resolve(ref), value)
	}
	for _, word := range []string{"allOf", "anyOf", "oneOf"} {
		list, _ := s[word].([]any)
		for _, each := range list {
			w.by(each, value)
		}
	}
	switch v := value.(type) {
	case map[string]any:
		known, _ := s["properties"].(map[string]any)
		for name, each := range v {
			if of, is := known[name]; is {
				w.by(of, each)
			} else {
				w.by(s["additionalProperties"], each)
			}
		}
	case []any:
		for _, each := range v {
			w.by(s["items"], each)
		}
	}
}

// resolve finds what "#/$defs/name" refers to.
func (w *walk) resolve(ref string) any {
	at := w.root
	if ref == "#" {
		return at
	}
	for _, step := range strings.Split(strings.TrimPrefix(ref, "#/"), "/") {
		m, _ := at.(map[string]any)
		at = m[step]
	}
	return at
}

// note keeps all text in a secret value: as it is, as JSON and Go quote it, and
// line by line, as in a diff.
func (w *walk) note(value any) {
	switch v := value.(type) {
	case string:
		for _, text := range append(strings.Split(v, "\n"), v) {
			plain, err := json.Marshal(text)
			if err != nil {
				continue
			}
			w.keep(text)
			w.keep(strings.Trim(string(plain), `"`))
			w.keep(strings.Trim(unescaped(text), `"`))
			w.keep(strings.Trim(strconv.Quote(text), `"`))
		}
	case map[string]any:
		for _, each := range v {
			w.note(each)
		}
	case []any:
		for _, each := range v {
			w.note(each)
		}
	}
}

// unescaped is a string in JSON with <, > and & as they are.
func unescaped(text string) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if e.Encode(text) != nil {
		return ""
	}
	return strings.TrimSpace(b.String())
}

func (w *walk) keep(text string) {
	if text = strings.TrimSpace(text); len(text) >= shortestSecret && !slices.Contains(w.found, text) {
		w.found = append(w.found, text)
	}
}

// strike takes the secrets out of a text.
func (s secrets) strike(text string) string {
	for _, secret := range s {
		text = strings.ReplaceAll(text, secret, struck)
	}
	return text
}

// plan takes the secrets out of all of a plan but its checkpoint, which is for
// the plugin alone.
func (s secrets) plan(result json.RawMessage) json.RawMessage {
	var p section.Plan
	if len(s) == 0 || json.Unmarshal(result, &p) != nil {
		return result // who reads it says what is wrong with it
	}
	if actual := json.RawMessage(s.strike(string(p.Actual))); json.Valid(actual) {
		p.Actual = actual
	} else {
		p.Actual = nil
	}
	for i, c := range p.Changes {
		p.Changes[i] = section.Change{Summary: s.strike(c.Summary), Path: s.strike(c.Path), Diff: s.strike(c.Diff), Command: s.strike(c.Command)}
	}
	told, err := json.Marshal(p)
	if err != nil {
		return result
	}
	return told
}
