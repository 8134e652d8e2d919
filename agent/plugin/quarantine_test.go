package plugin_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"innkeeper/agent/plugin"
	"innkeeper/agent/systems/section"
)

func TestQuarantineAfterCrashesInARow(t *testing.T) {
	path := filepath.Join(t.TempDir(), "mischief")
	write := func(content string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(content), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	write("one")
	p := plugin.Program{Section: "mischief", Path: path}
	crash := fmt.Errorf("apply: %w", &plugin.CrashError{Call: plugin.Call{Section: "mischief", Operation: section.OpApply}, ExitCode: 3})
	var q plugin.Quarantine
	try := func(revision uint64, err error) {
		t.Helper()
		if refused := q.Admit(p, revision); refused != nil {
			t.Fatalf("not admitted: %v", refused)
		}
		q.Ended(err)
	}
	quarantined := func(revision uint64) {
		t.Helper()
		var is *plugin.QuarantinedError
		if err := q.Admit(p, revision); !errors.As(err, &is) || is.Crashes != 5 ||
			!strings.Contains(err.Error(), "crashed 5 times on revision 7") || !strings.Contains(err.Error(), "ended with exit status 3") {
			t.Fatalf("got %v", err)
		}
	}
	for range 4 {
		try(7, crash)
	}
	try(7, nil) // it came right: all is forgotten
	for range 4 {
		try(7, crash)
		try(7, &section.Error{Code: section.Busy, Message: "later"}) // no crash, and no success either
		try(7, &plugin.DeadlineError{})
	}
	try(7, crash)
	quarantined(7)
	quarantined(7)

	for range 5 {
		try(8, crash) // another revision begins anew
	}
	if q.Admit(p, 8) == nil {
		t.Fatal("admitted after 5 crashes on revision 8")
	}
	write("another")
	for range 5 {
		try(8, &plugin.MemoryError{})
	}
	if q.Admit(p, 8) == nil {
		t.Fatal("admitted after 5 crashes of the new file")
	}
	later := time.Now().Add(time.Hour)
	if err := os.Chtimes(path, later, later); err != nil {
		t.Fatal(err)
	}
	try(8, nil)
}
