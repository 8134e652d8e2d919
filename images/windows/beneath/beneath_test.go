package beneath_test

import (
	"os"
	"path/filepath"
	"testing"

	"innkeeper/images/windows/beneath"
)

func TestAsk(t *testing.T) {
	file := filepath.Join(t.TempDir(), "request")
	for _, line := range []string{"reboot 0", "abort 0"} {
		if err := beneath.Ask(file, line); err != nil {
			t.Fatal(err)
		}
		if b, err := os.ReadFile(file); err != nil || string(b) != line+"\n" {
			t.Errorf("left %q, %v", b, err)
		}
	}
	if err := beneath.Ask(filepath.Join(file, "request"), "reboot 0"); err == nil {
		t.Error("left in a folder that is none")
	}
	full := t.TempDir()
	if err := os.MkdirAll(filepath.Join(full, "request", "in it"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := beneath.Ask(filepath.Join(full, "request"), "reboot 0"); err == nil {
		t.Error("left where a folder is")
	}
}
