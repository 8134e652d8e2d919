package evidence

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func give(data string, err error) func(context.Context) ([]byte, error) {
	return func(context.Context) ([]byte, error) { return []byte(data), err }
}

func TestEverySourceIsWrittenAndAFailedOneSaysWhy(t *testing.T) {
	dir := t.TempDir()
	got, err := Gather(t.Context(), dir, "Hostname: sets/it", []Source{
		{Name: "console", Type: "text/plain", Read: give("login:", nil)},
		{Name: "screenshot", Type: "image/png", Read: give("", errors.New("domain is not running"))},
		{Name: "empty", Type: "text/plain", Read: give("", nil)},
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 2 {
		t.Fatalf("gathered %v, want console and screenshot", got)
	}
	if got[0].Path != filepath.Join(dir, "hostname-sets-it", "console.txt") {
		t.Errorf("console is at %s", got[0].Path)
	}
	text, err := os.ReadFile(got[1].Path)
	if err != nil {
		t.Fatal(err)
	}
	if got[1].Type != "text/plain" || !strings.Contains(string(text), "domain is not running") {
		t.Errorf("the screenshot that failed is %q of type %s", text, got[1].Type)
	}
}

func TestAFolderThatCannotBeMadeIsAnError(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Gather(t.Context(), file, "x", nil); err == nil {
		t.Error("gathering below a file succeeds")
	}
}
