package state_test

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"

	"innkeeper/agent/state"
)

// Each schema names exactly the fields of its Go type, and requires exactly
// those that are always written.
func TestSchemasAgreeWithTheTypes(t *testing.T) {
	for name, typ := range map[string]reflect.Type{
		"desired":  reflect.TypeFor[state.Desired](),
		"reported": reflect.TypeFor[state.Reported](),
		"plan":     reflect.TypeFor[state.Plan](),
		"hostname": reflect.TypeFor[state.Hostname](),
		"logging":  reflect.TypeFor[state.Logging](),
		"network":  reflect.TypeFor[state.Network](),
		"packages": reflect.TypeFor[state.Packages](),
		"time":     reflect.TypeFor[state.Time](),
	} {
		b, err := state.Schema(name)
		if err != nil {
			t.Fatal(err)
		}
		var s schema
		if err := json.Unmarshal(b, &s); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		s.compare(t, name, typ)
	}
	if got := state.Schemas(); !slices.Equal(got, []string{"desired", "hostname", "logging", "network", "packages", "plan", "reported", "time"}) {
		t.Errorf("schemas are %v", got)
	}
	if _, err := state.Schema("nothing"); err == nil || !strings.Contains(err.Error(), "there are desired, hostname, logging, network, packages, plan, reported, time") {
		t.Errorf("got %v", err)
	}
}

type schema struct {
	Properties map[string]*schema `json:"properties"`
	Required   []string           `json:"required"`
}

func (s *schema) compare(t *testing.T, path string, typ reflect.Type) {
	t.Helper()
	var fields, required []string
	for i := range typ.NumField() {
		f := typ.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		fields = append(fields, name)
		if options == "" {
			required = append(required, name)
		}
		ft := f.Type
		if ft.Kind() == reflect.Pointer {
			ft = ft.Elem()
		}
		if p := s.Properties[name]; p != nil && ft.Kind() == reflect.Struct && ft.PkgPath() == typ.PkgPath() {
			p.compare(t, path+"."+name, ft)
		}
	}
	var have []string
	for name := range s.Properties {
		have = append(have, name)
	}
	slices.Sort(have)
	slices.Sort(fields)
	slices.Sort(required)
	slices.Sort(s.Required)
	if !slices.Equal(have, fields) {
		t.Errorf("%s: the schema has the properties %v, the type %v", path, have, fields)
	}
	if !slices.Equal(s.Required, required) {
		t.Errorf("%s: the schema requires %v, the type always writes %v", path, s.Required, required)
	}
}
