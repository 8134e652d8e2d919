//go:build linux || windows

package plugin_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"innkeeper/agent/guest"
	"innkeeper/agent/plugin"
)

// What the daemon does for each change, well or badly, leaves no handle open
// and no file behind.
func TestCallsAndWritesLeakNoHandle(t *testing.T) {
	const settling, rounds, slack = 3, 25, 10 // the Go runtime opens some for its threads
	dir := t.TempDir()
	s := &plugin.Supervisor{Limits: plugin.Limits{Deadline: 5 * time.Second}}
	quick := &plugin.Supervisor{Limits: plugin.Limits{Deadline: 20 * time.Millisecond}}
	nowhere := plugin.Program{Section: "mischief", Path: filepath.Join(dir, "absent")}
	round := func(i int) {
		for _, do := range []string{"ok", "crash", "garbage", "fork"} {
			_, _ = s.Call(t.Context(), program(), mischief(do))
		}
		_, _ = quick.Call(t.Context(), program(), mischief("hang"))
		_, _ = s.Call(t.Context(), nowhere, mischief("ok"))
		cut, cancel := context.WithCancel(t.Context())
		cancel()
		_, _ = s.Call(cut, program(), mischief("hang"))
		if err := guest.Local().WriteFile(filepath.Join(dir, "file"), fmt.Append(nil, i), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := guest.Local().WriteFile(filepath.Join(dir, "absent", "file"), nil, 0o600); err == nil {
			t.Fatal("a file was written where there is no folder")
		}
		_, _ = guest.Local().Run(t.Context(), guest.Command{Path: faultplugin, Stdin: []byte("{}")})
	}
	var before int
	for i := range rounds {
		if i == settling {
			before = openHandles(t)
		}
		round(i)
	}
	if after := openHandles(t); before == 0 || after > before+slack {
		t.Errorf("%d handles after %d rounds, %d after %d", before, settling, after, rounds)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
		t.Errorf("%d files are left: %v, %v", len(left), left, err)
	}
}
