package middleware

import (
	"encoding/json"
	"fmt"
	"strings"
)

// CallError is a method's refusal.
type CallError struct {
	Method string
	// Number is an errno of FreeBSD or of the middleware.
	Number int
	// Type is "VALIDATION" for refused values, else empty.
	Type string
	// Reason is the middleware's text.
	Reason string
	// Fields are the refused values of a validation.
	Fields []FieldError
}

// FieldError is one refused value.
type FieldError struct {
	// Attribute is the value's path, "global_configuration_update.domain".
	Attribute string
	Message   string
	Number    int
}

// Name is the attribute without the name of its schema.
func (f FieldError) Name() string {
	_, name, ok := strings.Cut(f.Attribute, ".")
	if !ok {
		return f.Attribute
	}
	return name
}

// Error implements error.
func (e *CallError) Error() string {
	reasons := make([]string, 0, len(e.Fields))
	for _, f := range e.Fields {
		reasons = append(reasons, f.Name()+": "+f.Message)
	}
	what := strings.Join(reasons, "; ")
	if what == "" {
		what = lastLine(e.Reason)
	}
	if what == "" {
		what = fmt.Sprintf("error %d", e.Number)
	}
	return fmt.Sprintf("middlewared refused %s: %s", e.Method, what)
}

// UnmarshalJSON reads the object of a reply. The list in extra holds for each
// field its path, a message and a number (main.py, send_error); a list of
// another form is passed over, as the reason says the same.
func (e *CallError) UnmarshalJSON(b []byte) error {
	var raw struct {
		Error  int             `json:"error"`
		Type   *string         `json:"type"`
		Reason *string         `json:"reason"`
		Extra  json.RawMessage `json:"extra"`
	}
	if err := json.Unmarshal(b, &raw); err != nil {
		return err
	}
	e.Number = raw.Error
	if raw.Type != nil {
		e.Type = *raw.Type
	}
	if raw.Reason != nil {
		e.Reason = *raw.Reason
	}
	var extra [][]json.RawMessage
	if json.Unmarshal(raw.Extra, &extra) != nil {
		return nil
	}
	for _, item := range extra {
		var f FieldError
		if len(item) < 2 || json.Unmarshal(item[0], &f.Attribute) != nil || json.Unmarshal(item[1], &f.Message) != nil {
			continue
		}
		if len(item) > 2 && json.Unmarshal(item[2], &f.Number) != nil {
			f.Number = 0
		}
		e.Fields = append(e.Fields, f)
	}
	return nil
}

func lastLine(s string) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	return strings.TrimSpace(lines[len(lines)-1])
}
