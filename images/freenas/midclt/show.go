package midclt

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf16"
)

// show prints a result as midclt does: strings, numbers that are integers and
// booleans bare as Python prints them (True, False), all else as json.dumps
// writes it: a blank after each comma and colon, ASCII only, keys in the order
// in which they came.
func show(raw json.RawMessage) (string, error) {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	var out strings.Builder
	token, err := decoder.Token()
	if err != nil {
		return "", fmt.Errorf("decode the result: %w", err)
	}
	switch value := token.(type) {
	case string:
		return value, nil
	case bool:
		if value {
			return "True", nil
		}
		return "False", nil
	}
	if err := dump(decoder, token, &out); err != nil {
		return "", fmt.Errorf("decode the result: %w", err)
	}
	return out.String(), nil
}

func dump(decoder *json.Decoder, token json.Token, out *strings.Builder) error {
	switch value := token.(type) {
	case nil:
		out.WriteString("null")
	case bool:
		fmt.Fprintf(out, "%t", value)
	case json.Number:
		out.WriteString(value.String())
	case string:
		dumpString(value, out)
	case json.Delim:
		closing := "]"
		if value == '{' {
			closing = "}"
		}
		out.WriteString(value.String())
		for first := true; decoder.More(); first = false {
			if !first {
				out.WriteString(", ")
			}
			if value == '{' {
				key, err := decoder.Token()
				if err != nil {
					return err
				}
				name, _ := key.(string) // an object's key is one
				dumpString(name, out)
				out.WriteString(": ")
			}
			item, err := decoder.Token()
			if err != nil {
				return err
			}
			if err := dump(decoder, item, out); err != nil {
				return err
			}
		}
		if _, err := decoder.Token(); err != nil {
			return err
		}
		out.WriteString(closing)
	}
	return nil
}

func dumpString(text string, out *strings.Builder) {
	out.WriteByte('"')
	for _, r := range text {
		switch {
		case r == '"' || r == '\\':
			out.WriteByte('\\')
			out.WriteRune(r)
		case r == '\n':
			out.WriteString(`\n`)
		case r == '\r':
			out.WriteString(`\r`)
		case r == '\t':
			out.WriteString(`\t`)
		case r == '\b':
			out.WriteString(`\b`)
		case r == '\f':
			out.WriteString(`\f`)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			fmt.Fprintf(out, `\u%04x\u%04x`, high, low)
		case r < 0x20 || r > 0x7e:
			fmt.Fprintf(out, `\u%04x`, r)
		default:
			out.WriteRune(r)
		}
	}
	out.WriteByte('"')
}
