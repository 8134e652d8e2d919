package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"innkeeper/agent/link/wire"
	"innkeeper/platform/admin"
)

func TestAnUpdateThatCannotBeOneIsRefusedAtOnce(t *testing.T) {
	dir := served(t)
	innkeeper(t, "", "enrol", "web-1", "--dir", dir)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	text := filepath.Join(t.TempDir(), "text")
	if err := os.WriteFile(text, []byte("hello"), 0o600); err != nil {
		t.Fatal(err)
	}
	for want, args := range map[string][]string{
		"2: update needs the id of a guest, a file and --version":              {"web-1", self},
		`2: update: "web 1" is not a guest's id`:                               {"web 1", self, "--version", "2"},
		"1: " + self + " is no guestd: it is built from":                       {"web-1", self, "--version", "2"},
		"1: read the new guestd: ":                                             {"web-1", text, "--version", "2"},
		"1: read the new guestd: could not read Go build info: open /no/such/": {"web-1", "/no/such/file", "--version", "2"},
	} {
		status, _, stderr := innkeeper(t, "", append([]string{"update", "--dir", dir}, args...)...)
		if told := string(rune('0'+status)) + ": " + strings.TrimPrefix(stderr, "innkeeper: "); !strings.HasPrefix(told, want) {
			t.Errorf("want %s, got %s", want, told)
		}
	}
}

func TestAnUpdateGoesToItsGuestThroughThePlatform(t *testing.T) {
	dir := served(t)
	innkeeper(t, "", "enrol", "web-1", "--dir", dir)
	c := admin.NewClient(dir)
	for want, version := range map[string]string{"update guestd on web-1: the guest did not answer: not within 50ms": "2", "the update's version has 0 bytes": ""} {
		if _, err := c.Update(t.Context(), "web-1", version, "linux/amd64", time.Minute, []byte("guestd"), 50*time.Millisecond); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %s, got %v", want, err)
		}
	}
	if _, err := c.Update(t.Context(), "web-1", "2", "linux/amd64", time.Minute, make([]byte, wire.MaxBinary+1), time.Minute); err == nil || !strings.Contains(err.Error(), "too large") {
		t.Errorf("64 MiB and a byte: %v", err)
	}
}
