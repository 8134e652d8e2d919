package pfsenseconfig

import (
	"errors"
	"maps"
	"strings"
	"testing"
)

func TestSyslog(t *testing.T) {
	const loud = `{"system":{"hostname":"x"},"syslog":{"filterdescriptions":"1","vpn":"yes","enable":""}}`
	each(t, loud, func(t *testing.T, a *appliance) {
		is, err := ReadSyslog(t.Context(), a)
		if err != nil || !maps.Equal(is, Syslog{"vpn": "yes", "enable": ""}) {
			t.Fatalf("got %v, %v", is, err)
		}
		if log := a.log(); log != "" {
			t.Errorf("reading did %s", log)
		}
		want := Syslog{"enable": "", "logall": "", "remoteserver": "192.0.2.60:514", "format": "rfc5424"}
		if err := SetSyslog(t.Context(), a, want, is); err != nil {
			t.Fatal(err)
		}
		if log := a.log(); log != "write_config guestd: remote logging" {
			t.Errorf("it did %s", log)
		}
		if is, err = ReadSyslog(t.Context(), a); err != nil || !maps.Equal(is, want) {
			t.Errorf("got %v, %v", is, err)
		}
		if err := SetSyslog(t.Context(), a, want, want); err != nil {
			t.Fatal(err)
		}
		if log := a.log(); log != "" {
			t.Errorf("the same again did %s", log)
		}
		if err := ApplySyslog(t.Context(), a); err != nil {
			t.Fatal(err)
		}
		if log := a.log(); log != "system_syslogd_start" {
			t.Errorf("applying did %s", log)
		}
		var refusal *Refusal
		if err := SetSyslog(t.Context(), a, nil, Syslog{"enable": ""}); !errors.As(err, &refusal) || refusal.Code != "busy" {
			t.Errorf("after somebody else's change: %v", err)
		}
		if err := SetSyslog(t.Context(), a, nil, want); err != nil {
			t.Fatal(err)
		}
		a.has(t, `{"system":{"hostname":"x"},"syslog":{"filterdescriptions":"1"}}`)
	})
}

// An empty element is an empty text to pfSense, and may be missing altogether.
func TestSyslogThatIsNotThere(t *testing.T) {
	for _, config := range []string{`{"system":{"hostname":"x"},"syslog":""}`, `{"system":{"hostname":"x"}}`} {
		each(t, config, func(t *testing.T, a *appliance) {
			if is, err := ReadSyslog(t.Context(), a); err != nil || len(is) > 0 {
				t.Errorf("got %v, %v", is, err)
			}
			if err := SetSyslog(t.Context(), a, Syslog{"enable": ""}, nil); err != nil {
				t.Fatal(err)
			}
			a.has(t, `{"system":{"hostname":"x"},"syslog":{"enable":""}}`)
			a.write = "-1"
			if err := SetSyslog(t.Context(), a, nil, Syslog{"enable": ""}); err == nil || !strings.Contains(err.Error(), "gave -1") {
				t.Errorf("got %v", err)
			}
		})
	}
}
