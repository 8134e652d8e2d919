package pfsenseconfig

import (
	"errors"
	"strings"
	"testing"
)

func TestZone(t *testing.T) {
	each(t, `{"system":{"hostname":"x","timezone":"Etc\/UTC"}}`, func(t *testing.T, a *appliance) {
		if is, err := ReadZone(t.Context(), a); err != nil || is != "Etc/UTC" {
			t.Fatalf("got %q, %v", is, err)
		}
		if err := SetZone(t.Context(), a, "Asia/Kolkata", "Etc/UTC"); err != nil {
			t.Fatal(err)
		}
		if log := a.log(); log != "write_config guestd: time zone" {
			t.Errorf("it did %s", log)
		}
		a.has(t, `{"system":{"hostname":"x","timezone":"Asia\/Kolkata"}}`)
		if err := SetZone(t.Context(), a, "Asia/Kolkata", "Asia/Kolkata"); err != nil {
			t.Fatal(err)
		}
		if log := a.log(); log != "" {
			t.Errorf("the same again did %s", log)
		}
		if err := ApplyZone(t.Context(), a); err != nil {
			t.Fatal(err)
		}
		if log := a.log(); log != "system_timezone_configure" {
			t.Errorf("applying did %s", log)
		}
		var refusal *Refusal
		if err := SetZone(t.Context(), a, "UTC", "Etc/UTC"); !errors.As(err, &refusal) || refusal.Code != "busy" {
			t.Errorf("after somebody else's change: %v", err)
		}
		a.write = "false"
		if err := SetZone(t.Context(), a, "UTC", "Asia/Kolkata"); err == nil || !strings.Contains(err.Error(), "gave false") {
			t.Errorf("got %v", err)
		}
	})
}

func TestAZoneThatIsNotThere(t *testing.T) {
	each(t, `{"system":{"hostname":"x"}}`, func(t *testing.T, a *appliance) {
		if is, err := ReadZone(t.Context(), a); err != nil || is != "" {
			t.Errorf("got %q, %v", is, err)
		}
	})
}
