package columns

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"innkeeper/harness/event"
	"innkeeper/matrix/report"
	"innkeeper/matrix/runs"
)

// A column is played by a shell script that gets the same descriptors and flags.
func script(t *testing.T, body string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "specs.test")
	if err := os.WriteFile(file, []byte("#!/bin/bash\nfor a; do case $a in --guest=*) guest=${a#*=};; esac; done\n"+body), 0o700); err != nil {
		t.Fatal(err)
	}
	return file
}

const passing = `echo '{"kind":"finished","spec":{"name":"a","state":"passed"}}' >&3` + "\n"

func run(t *testing.T, ctx context.Context, body string, timeout time.Duration, systems ...string) []report.Guest {
	t.Helper()
	r, err := runs.New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Remove() })
	var plans []Plan
	for _, s := range systems {
		plans = append(plans, Plan{System: s, Title: s, MemoryMiB: 100})
	}
	return Run(ctx, plans, Options{Run: r, Binary: script(t, body), Timeout: timeout, MemoryMiB: 1000, Watch: func(string, event.Event) {}})
}

func TestACrashInOneColumnTouchesNoOther(t *testing.T) {
	got := run(t, t.Context(), passing+`if [ $guest = bad ]; then kill -SEGV $$; fi`, time.Minute, "good", "bad")
	if !got[0].OK() {
		t.Errorf("the good column: %+v", got[0])
	}
	if got[1].OK() || !strings.Contains(got[1].Error, "segmentation fault") {
		t.Errorf("the crashed column: %+v", got[1])
	}
}

func TestAFailedSpecIsNotAColumnError(t *testing.T) {
	got := run(t, t.Context(), `echo '{"kind":"finished","spec":{"name":"a","state":"failed"}}' >&3; exit 1`, time.Minute, "x")
	if got[0].Error != "" || got[0].Failed != 1 || got[0].OK() {
		t.Errorf("%+v", got[0])
	}
}

func TestAColumnWithoutSpecsIsAnError(t *testing.T) {
	got := run(t, t.Context(), `echo nothing matches; exit 0`, time.Minute, "x")
	if got[0].OK() || !strings.Contains(got[0].Error, "no spec ran") || !strings.Contains(got[0].Error, "nothing matches") {
		t.Errorf("%+v", got[0])
	}
}

func TestAColumnThatHangsIsEndedAndTheOthersFinish(t *testing.T) {
	got := run(t, t.Context(), passing+`if [ $guest = slow ]; then trap 'exit 3' INT; while :; do read -t 1 <> <(:) || :; done; fi`, 5*time.Second, "good", "slow")
	if !got[0].OK() {
		t.Errorf("the good column: %+v", got[0])
	}
	if got[1].OK() || !strings.Contains(got[1].Error, "did not end within 5s") {
		t.Errorf("the hanging column: %+v", got[1])
	}
}

func TestCancellingEndsTheColumns(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	var once sync.Once
	r, err := runs.New()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Remove()
	got := Run(ctx, []Plan{{System: "x", MemoryMiB: 1}}, Options{
		Run: r, Timeout: time.Minute, MemoryMiB: 1000,
		Binary: script(t, `trap 'exit 3' INT; echo '{"kind":"phase","phase":"boot"}' >&3; while :; do read -t 1 <> <(:) || :; done`),
		Watch:  func(string, event.Event) { once.Do(cancel) },
	})
	if got[0].Error == "" {
		t.Errorf("%+v", got[0])
	}
}

func TestRoomIsHandedOutOneAfterTheOther(t *testing.T) {
	r := newRoom(1000)
	need, err := r.take(t.Context(), 5000, func() { t.Error("an empty room is full") })
	if err != nil || need != 1000 {
		t.Fatalf("a guest larger than the room got %d, %v", need, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	if _, err := r.take(ctx, 100, cancel); err == nil {
		t.Error("a full room was handed out again")
	}
	r.give(need)
	if _, err := r.take(t.Context(), 100, func() { t.Error("still full") }); err != nil {
		t.Error(err)
	}
}
