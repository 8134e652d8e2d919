package section

import "fmt"

// Code tells a caller what to do about an Error.
type Code string

const (
	// Invalid: the desired value is wrong; another value is needed.
	Invalid Code = "invalid"
	// Unsupported: this system cannot do it.
	Unsupported Code = "unsupported"
	// Busy: something else holds what is needed; try again later.
	Busy Code = "busy"
	// Failed: anything else.
	Failed Code = "failed"
)

// Error is an error of a section that keeps its code across the plugin
// protocol. An error of any other type becomes one with the code Failed.
type Error struct {
	Code    Code   `json:"code"`
	Message string `json:"message"`
	// Path is the path of the field the error is about, "hostname.name".
	Path string `json:"path,omitempty"`
}

// Error implements error.
func (e *Error) Error() string {
	if e.Path != "" {
		return e.Path + ": " + e.Message
	}
	return e.Message
}

// Errorf makes an Error.
func Errorf(code Code, path, format string, args ...any) error {
	return &Error{Code: code, Path: path, Message: fmt.Sprintf(format, args...)}
}
