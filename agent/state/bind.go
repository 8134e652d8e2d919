package state

import (
	"encoding/json"
	"reflect"
	"sort"
	"strconv"
	"strings"
	"time"
)

// bind stores a parsed value in what into points to. Unlike encoding/json it
// goes on after a problem, names the path of each, takes keys only as they are
// written in the struct's tags, and refuses those that are not there.
func bind(path string, v value, into any, ps *problems) {
	bindValue(path, v, reflect.ValueOf(into).Elem(), ps)
}

var (
	rawType  = reflect.TypeFor[json.RawMessage]()
	timeType = reflect.TypeFor[time.Time]()
)

func bindValue(path string, v value, to reflect.Value, ps *problems) {
	if to.Type() == rawType {
		to.SetBytes(encode(v))
		return
	}
	if to.Type() == timeType {
		bindTime(path, v, to, ps)
		return
	}
	switch to.Kind() {
	case reflect.Pointer:
		to.Set(reflect.New(to.Type().Elem()))
		bindValue(path, v, to.Elem(), ps)
	case reflect.Struct:
		bindStruct(path, v, to, ps)
	case reflect.Map:
		bindMap(path, v, to, ps)
	case reflect.Slice:
		bindList(path, v, to, ps)
	case reflect.String:
		if s, ok := v.(string); ok {
			to.SetString(s)
			return
		}
		wrongKind(path, v, "a string", ps)
	case reflect.Bool:
		if b, ok := v.(bool); ok {
			to.SetBool(b)
			return
		}
		wrongKind(path, v, "true or false", ps)
	default:
		bindNumber(path, v, to, ps)
	}
}

func bindStruct(path string, v value, to reflect.Value, ps *problems) {
	o, ok := v.(*object)
	if !ok {
		wrongKind(path, v, "an object", ps)
		return
	}
	fields := fieldsOf(to.Type())
	for _, key := range o.keys {
		i, known := fields[key]
		if !known {
			ps.add(under(path, key), "is not a known field; known are %s", strings.Join(sortedKeys(fields), ", "))
			continue
		}
		where := under(path, key)
		if path == "" && key == "sections" {
			where = key
		}
		bindValue(where, o.values[key], to.Field(i), ps)
	}
}

func bindMap(path string, v value, to reflect.Value, ps *problems) {
	o, ok := v.(*object)
	if !ok {
		wrongKind(path, v, "an object", ps)
		return
	}
	to.Set(reflect.MakeMapWithSize(to.Type(), len(o.keys)))
	for _, key := range o.keys {
		item := reflect.New(to.Type().Elem()).Elem()
		bindValue(under(path, key), o.values[key], item, ps)
		to.SetMapIndex(reflect.ValueOf(key).Convert(to.Type().Key()), item)
	}
}

func bindList(path string, v value, to reflect.Value, ps *problems) {
	list, ok := v.([]value)
	if !ok {
		wrongKind(path, v, "a list", ps)
		return
	}
	to.Set(reflect.MakeSlice(to.Type(), len(list), len(list)))
	for i, item := range list {
		bindValue(at(path, i), item, to.Index(i), ps)
	}
}

func bindNumber(path string, v value, to reflect.Value, ps *problems) {
	n, ok := v.(json.Number)
	if !ok {
		wrongKind(path, v, "a number", ps)
		return
	}
	bits := to.Type().Bits()
	switch {
	case to.CanUint():
		if u, err := strconv.ParseUint(n.String(), 10, bits); err == nil {
			to.SetUint(u)
			return
		}
		ps.add(path, "%s is not a whole number from 0 to %d", clip(n.String(), 40), ^uint64(0)>>(64-bits))
	case to.CanInt():
		if i, err := strconv.ParseInt(n.String(), 10, bits); err == nil {
			to.SetInt(i)
			return
		}
		ps.add(path, "%s is not a whole number of %d bits", clip(n.String(), 40), bits)
	case to.CanFloat():
		if f, err := strconv.ParseFloat(n.String(), bits); err == nil {
			to.SetFloat(f)
			return
		}
		ps.add(path, "%s is out of range", clip(n.String(), 40))
	default:
		panic("state: no rule to decode a " + to.Type().String())
	}
}

func bindTime(path string, v value, to reflect.Value, ps *problems) {
	s, ok := v.(string)
	if !ok {
		wrongKind(path, v, "a time in a string", ps)
		return
	}
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		ps.add(path, "%s is not a time like 2026-01-02T15:04:05Z", quoted(s))
		return
	}
	to.Set(reflect.ValueOf(t))
}

func wrongKind(path string, v value, want string, ps *problems) {
	var is string
	switch v := v.(type) {
	case nil:
		is = "null"
	case bool:
		is = strconv.FormatBool(v)
	case string:
		is = "a string"
	case json.Number:
		is = "a number"
	case []value:
		is = "a list"
	case *object:
		is = "an object"
	}
	ps.add(path, "is %s where %s belongs", is, want)
}

// fieldsOf maps the JSON name of each field of a struct to its index.
func fieldsOf(t reflect.Type) map[string]int {
	fields := make(map[string]int, t.NumField())
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		if name != "" && name != "-" {
			fields[name] = i
		}
	}
	return fields
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}

// encode writes a parsed value as compact JSON, keys in the order they came.
func encode(v value) []byte {
	switch v := v.(type) {
	case *object:
		b := []byte{'{'}
		for i, key := range v.keys {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(append(b, encode(key)...), ':')
			b = append(b, encode(v.values[key])...)
		}
		return append(b, '}')
	case []value:
		b := []byte{'['}
		for i, item := range v {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(b, encode(item)...)
		}
		return append(b, ']')
	default:
		b, err := json.Marshal(v)
		if err != nil { // a string, a number, true, false or null always can
			panic(err)
		}
		return b
	}
}
