package middleware

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"innkeeper/images/freenas/ddp"
)

// Error numbers of FreeBSD (errno(2)) and of the middleware.
const (
	errNoEntry     = 2
	errAccess      = 13
	errFault       = 14
	errIsDirectory = 21
	errInvalid     = 22
	errAgain       = 35
	errBadMessage  = 89
	errNoMethod    = 201
)

var names = map[int]string{
	errNoEntry: "ENOENT", errAccess: "EACCES", errFault: "EFAULT", errIsDirectory: "EISDIR",
	errInvalid: "EINVAL", errAgain: "EAGAIN", errBadMessage: "EBADMSG", errNoMethod: "ENOMETHOD",
}

// callError is a method's refusal that is not about one argument.
type callError struct {
	number  int
	message string
}

func (e callError) Error() string { return fmt.Sprintf("[%s] %s", names[e.number], e.message) }

// valueError is Python's ValueError with the middleware's own text.
type valueError string

func (e valueError) Error() string { return string(e) }

// schemaError is an argument of the wrong form. Unlike a validation error it
// has no type and no list of fields: a caller finds the attribute in the text
// only, and without its path.
type schemaError struct{ attribute, message string }

func (e schemaError) Error() string { return fmt.Sprintf("[%s] %s", e.attribute, e.message) }

// invalidField is one refused value.
type invalidField struct {
	attribute string // "None" where the middleware has none
	message   string
	number    int
}

func (f invalidField) String() string {
	return fmt.Sprintf("[%s] %s: %s", names[f.number], f.attribute, f.message)
}

// validationError is a set of refused values. One that was raised alone has
// its own number and no newline at its end; a list has EAGAIN.
type validationError struct {
	fields []invalidField
	alone  bool
}

func (e *validationError) Error() string {
	if e.alone {
		return e.fields[0].String()
	}
	var text strings.Builder
	for _, field := range e.fields {
		text.WriteString(field.String() + "\n")
	}
	return text.String()
}

func (e *validationError) add(attribute, format string, args ...any) {
	e.fields = append(e.fields, invalidField{attribute, fmt.Sprintf(format, args...), errInvalid})
}

// orNil is the error if anything was added.
func (e *validationError) orNil() error {
	if len(e.fields) == 0 {
		return nil
	}
	return e
}

// answer turns a method's error into the message of the protocol (main.py,
// call_method).
func answer(err error) *ddp.Error {
	out := &ddp.Error{Reason: err.Error(), Extra: json.RawMessage("null")}
	class := "Exception"
	var invalid *validationError
	var schema schemaError
	var call callError
	switch {
	case errors.As(err, &invalid):
		kind := "VALIDATION"
		out.Type = &kind
		out.Number, class = errAgain, "ValidationErrors"
		if invalid.alone {
			out.Number, class = invalid.fields[0].number, "ValidationError"
		}
		list := make([][3]any, len(invalid.fields))
		for i, field := range invalid.fields {
			list[i] = [3]any{field.attribute, field.message, field.number}
			if field.attribute == "None" {
				list[i][0] = nil
			}
		}
		extra, err := json.Marshal(list)
		if err == nil { // strings and numbers only: cannot fail
			out.Extra = extra
		}
	case errors.As(err, &schema):
		out.Number, class = errInvalid, "Error"
	case errors.As(err, &call):
		out.Number, class = call.number, "CallError"
	default:
		out.Number = errInvalid
	}
	out.Trace = &ddp.Trace{Class: class, Formatted: "(lookalike: no Python frames)\n" + class + ": " + out.Reason}
	return out
}
