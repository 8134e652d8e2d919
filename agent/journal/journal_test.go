package journal_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"time"

	"innkeeper/agent/guest/guesttest"
	"innkeeper/agent/journal"
	"innkeeper/agent/plugin"
)

func record(section string, revision uint64) journal.Record {
	return journal.Record{
		Section: section, Revision: revision, Program: plugin.Program{Section: section, Path: "/guestd", Args: []string{"plugin", section}},
		Checkpoint: json.RawMessage(`{"old":"name"}`), Begun: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
	}
}

func TestARecordIsThereUntilItsEnd(t *testing.T) {
	disk := guesttest.New(nil)
	j := journal.New(disk, "/state")
	if open, notes := j.Open(); len(open) != 0 || len(notes) != 0 {
		t.Errorf("a journal that was never written has %v, %q", open, notes)
	}
	for _, r := range []journal.Record{record("hostname", 7), record("time", 8)} {
		if err := j.Begin(r); err != nil {
			t.Fatal(err)
		}
	}
	open, notes := journal.New(disk, "/state").Open()
	if want := map[string]journal.Record{"hostname": record("hostname", 7), "time": record("time", 8)}; !reflect.DeepEqual(open, want) || len(notes) != 0 {
		t.Errorf("got %+v, %q", open, notes)
	}
	if err := errors.Join(j.End("hostname"), j.End("hostname")); err != nil {
		t.Error(err)
	}
	if open, _ := j.Open(); len(open) != 1 || open["time"].Revision != 8 {
		t.Errorf("got %+v", open)
	}
}

func TestAnUnreadableRecordIsSetAside(t *testing.T) {
	whole := guesttest.New(nil)
	if err := journal.New(whole, "/state").Begin(record("hostname", 7)); err != nil {
		t.Fatal(err)
	}
	good := whole.Content("/state/journal/section-hostname")
	for name, bad := range map[string]string{
		"empty": "", "truncated": good[:len(good)/2], "one byte": strings.Replace(good, "name", "nome", 1),
		"another's": strings.Replace(good, "sha256", "md5", 1), "zeros": strings.Repeat("\x00", 4096),
	} {
		disk := guesttest.New(map[string]string{"/state/journal/section-hostname": bad, "/state/journal/.section-hostname.guestd-1": "left"})
		j := journal.New(disk, "/state")
		open, notes := j.Open()
		if len(open) != 0 || len(notes) != 1 || !strings.Contains(notes[0], "/state/journal/section-hostname.unreadable") {
			t.Errorf("%s: got %v, %q", name, open, notes)
		}
		if disk.Content("/state/journal/section-hostname.unreadable") != bad || disk.Exists("/state/journal/section-hostname") {
			t.Errorf("%s: it was not set aside", name)
		}
		if open, notes := j.Open(); len(open) != 0 || len(notes) != 0 {
			t.Errorf("%s: the next look finds %v, %q", name, open, notes)
		}
	}
	// A record under another section's name would undo the wrong thing.
	disk := guesttest.New(map[string]string{"/state/journal/section-time": good})
	if open, notes := journal.New(disk, "/state").Open(); len(open) != 0 || len(notes) != 1 {
		t.Errorf("another section's record: got %v, %q", open, notes)
	}
}

func TestAFullDiskIsTold(t *testing.T) {
	disk := guesttest.New(nil)
	disk.Before = func(call, _ string) error {
		if call == "WriteFile" {
			return syscall.ENOSPC
		}
		return nil
	}
	err := journal.New(disk, "/state").Begin(record("hostname", 7))
	if !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), `"hostname"`) {
		t.Errorf("got %v", err)
	}
}

func TestItStaysSmall(t *testing.T) {
	disk := guesttest.New(nil)
	j := journal.New(disk, "/state")
	for i := range 10_000 {
		if err := errors.Join(j.Begin(record(fmt.Sprintf("s%d", i%5), uint64(i))), j.End(fmt.Sprintf("s%d", i%5))); err != nil {
			t.Fatal(err)
		}
	}
	entries, err := disk.ReadDir("/state/journal")
	if err != nil || len(entries) != 0 {
		t.Errorf("after 10,000 transactions there are %v, %v", entries, err)
	}
}
