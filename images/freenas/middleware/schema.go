package middleware

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"regexp"
	"strconv"
	"unicode/utf8"
)

// kind is the type of an attribute.
type kind string

const (
	stringKind  kind = "string"
	boolKind    kind = "boolean"
	integerKind kind = "integer"
	listKind    kind = "array"
	addressKind kind = "address"
	objectKind  kind = "object"
	fileKind    kind = "file"
	networkKind kind = "network"
)

// attribute is one attribute of a method's argument, with the checks of
// schema.py and validators.py of 13.0.
type attribute struct {
	name      string
	kind      kind
	required  bool
	null      bool
	notEmpty  bool
	enum      []string
	pattern   *regexp.Regexp
	shown     string // the pattern as the vendor's message shows it
	max       int    // Range(max=...), 0 for none
	zone      bool
	fallback  any // nil for none
	fields    []attribute
	item      *attribute // of a list, whose items else are strings
	low, high int        // Range of an integer, 0 for none
	hasAbsent bool       // fallback counts although nil
}

// clean checks the form of a value and brings it into the form that is
// stored. The error is a schemaError.
func (a attribute) clean(value any) (any, error) {
	if value == nil {
		if !a.null {
			return nil, schemaError{a.name, "null not allowed"}
		}
		return nil, nil
	}
	switch a.kind {
	case boolKind:
		if _, ok := value.(bool); !ok {
			return nil, schemaError{a.name, "Not a boolean"}
		}
		return value, nil
	case integerKind:
		return a.cleanInteger(value)
	case listKind:
		return a.cleanList(value)
	case objectKind:
		return a.cleanObject(value, false)
	}
	text, ok := value.(string)
	if number, isNumber := value.(json.Number); isNumber && isInteger(number) {
		text, ok = number.String(), true // an integer becomes its digits
	}
	if !ok {
		return nil, schemaError{a.name, "Not a string"}
	}
	if a.notEmpty && text == "" {
		return nil, schemaError{a.name, "Empty value not allowed"}
	}
	if a.enum != nil && !contains(a.enum, text) {
		return nil, schemaError{a.name, "Invalid choice: " + text}
	}
	if a.kind == addressKind && text != "" {
		return a.cleanAddress(text)
	}
	if a.kind == networkKind && text != "" {
		return a.cleanNetwork(text)
	}
	return text, nil
}

func (a attribute) cleanInteger(value any) (any, error) {
	var digits string
	switch v := value.(type) {
	case json.Number:
		digits = v.String()
	case string:
		digits = v
	}
	number, err := strconv.Atoi(digits)
	if err != nil {
		return nil, schemaError{a.name, "Not an integer"}
	}
	return number, nil
}

func (a attribute) cleanList(value any) (any, error) {
	list, ok := value.([]any)
	if !ok {
		return nil, schemaError{a.name, "Not a list"}
	}
	if a.item != nil {
		return a.cleanObjects(list)
	}
	out := make([]string, len(list))
	for i, item := range list {
		cleaned, err := attribute{name: a.name, kind: stringKind}.clean(item)
		if err != nil {
			return nil, schemaError{a.name, fmt.Sprintf("Item#%d is not valid per list types: %v", i, err)}
		}
		out[i] = cleaned.(string) // clean of a stringKind that is not null
	}
	return out, nil
}

func (a attribute) cleanObjects(list []any) (any, error) {
	out := make([]map[string]any, len(list))
	for i, item := range list {
		cleaned, err := a.item.cleanObject(item, false)
		if err != nil {
			return nil, schemaError{a.name, fmt.Sprintf("Item#%d is not valid per list types: %v", i, err)}
		}
		out[i] = cleaned
	}
	return out, nil
}

func (a attribute) cleanNetwork(text string) (any, error) {
	network, err := netip.ParsePrefix(text)
	if address, alone := netip.ParseAddr(text); alone == nil {
		network, err = netip.PrefixFrom(address, address.BitLen()), nil
	}
	if err != nil {
		return nil, schemaError{a.name, fmt.Sprintf("'%s' does not appear to be an IPv4 or IPv6 network", text)}
	}
	if network != network.Masked() {
		return nil, schemaError{a.name, text + " has host bits set"}
	}
	return network.String(), nil
}

func (a attribute) cleanAddress(text string) (any, error) {
	address, err := netip.ParseAddr(text)
	if err != nil || (address.Zone() != "" && !a.zone) {
		return nil, schemaError{a.name, fmt.Sprintf("'%s' does not appear to be an IPv4 or IPv6 address", text)}
	}
	return address.String(), nil
}

// cleanObject checks an object. With update nothing is required and nothing
// gets its default.
func (a attribute) cleanObject(value any, update bool) (map[string]any, error) {
	object, ok := value.(map[string]any)
	if !ok {
		return nil, schemaError{a.name, "A dict was expected"}
	}
	out := map[string]any{}
	for key := range object {
		if _, ok := a.field(key); !ok {
			return nil, schemaError{key, "Field was not expected"}
		}
	}
	for _, field := range a.fields {
		given, ok := object[field.name]
		if ok {
			cleaned, err := field.clean(given)
			if err != nil {
				return nil, err
			}
			out[field.name] = cleaned
			continue
		}
		if update {
			continue
		}
		if field.required {
			return nil, schemaError{field.name, "attribute required"}
		}
		if field.fallback != nil || field.hasAbsent {
			out[field.name] = field.fallback
		}
	}
	return out, nil
}

func (a attribute) field(name string) (attribute, bool) {
	for _, field := range a.fields {
		if field.name == name {
			return field, true
		}
	}
	return attribute{}, false
}

// maxLength is what any string may be long, in characters.
const maxLength = 1024

// validate checks the values of a cleaned object. Its errors carry the path of
// each field: the schema's name, a dot, the field's name.
func (a attribute) validate(values map[string]any, invalid *validationError) {
	for _, field := range a.fields {
		path := a.name + "." + field.name
		if n, ok := values[field.name].(int); ok && field.high > 0 && (n < field.low || n > field.high) {
			invalid.add(path, "Should be between %d and %d", field.low, field.high)
		}
		text, ok := values[field.name].(string)
		if !ok {
			continue
		}
		if utf8.RuneCountInString(text) > maxLength {
			invalid.add(path, "Value greater than %d not allowed", maxLength)
			continue
		}
		if field.kind == fileKind && text != "" {
			if info, err := os.Stat(text); err != nil {
				invalid.fields = append(invalid.fields, invalidField{path, "This path does not exist.", errNoEntry})
			} else if !info.Mode().IsRegular() {
				invalid.fields = append(invalid.fields, invalidField{path, "This path is not a file.", errIsDirectory})
			}
		}
		if field.pattern != nil && !field.pattern.MatchString(text) {
			invalid.add(path, "Does not match %s", field.shown)
		}
		if field.max > 0 && utf8.RuneCountInString(text) > field.max {
			invalid.add(path, "Should be less or equal than %d", field.max)
		}
	}
}

// describe is the attribute's JSON schema as core.get_methods gives it.
func (a attribute) describe() map[string]any {
	out := map[string]any{"type": string(a.kind)}
	switch a.kind {
	case addressKind, fileKind, networkKind:
		out["type"] = "string"
	case objectKind:
		properties := map[string]any{}
		for _, field := range a.fields {
			properties[field.name] = field.describe()
		}
		out["properties"], out["additionalProperties"] = properties, false
	case listKind:
		out["items"] = []any{map[string]any{"type": "string"}}
	}
	if a.null {
		out["type"] = []any{out["type"], "null"}
	}
	if a.enum != nil {
		out["enum"] = a.enum
	}
	return out
}

func isInteger(number json.Number) bool {
	_, err := strconv.ParseInt(number.String(), 10, 64)
	return err == nil
}

func contains(list []string, one string) bool {
	for _, item := range list {
		if item == one {
			return true
		}
	}
	return false
}
