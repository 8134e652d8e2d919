package plugin_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"innkeeper/agent/plugin"
)

// describers answers describe for the plugins of a directory by the words in
// their files: "hang" until the deadline of a minute, "fail", or the section's
// name at once.
type describers struct {
	mu    sync.Mutex
	asked []string
	most  int
	now   int
}

func (d *describers) Call(ctx context.Context, p plugin.Program, _ plugin.Request) (json.RawMessage, error) {
	d.mu.Lock()
	d.asked = append(d.asked, filepath.Base(p.Path))
	d.now++
	d.most = max(d.most, d.now)
	d.mu.Unlock()
	defer func() { d.mu.Lock(); d.now--; d.mu.Unlock() }()
	raw, err := os.ReadFile(p.Path)
	if err != nil {
		return nil, err
	}
	switch word := string(raw); word {
	case "hang":
		select {
		case <-time.After(time.Minute):
			return nil, errors.New("it hung")
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	case "fail":
		return nil, errors.New("it failed")
	default:
		return json.RawMessage(fmt.Sprintf(`{"sections":[%q]}`, word)), nil
	}
}

func (d *describers) times(name string) (n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, a := range d.asked {
		if a == name {
			n++
		}
	}
	return n
}

// pluginDir makes a directory with a file for each name and its word.
func pluginDir(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "plugins")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, word := range files {
		if err := os.WriteFile(filepath.Join(dir, name+".exe"), []byte(word), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestAPluginThatHangsWhenAskedDelaysNobodyElse(t *testing.T) {
	dir := pluginDir(t, map[string]string{"a": "hang", "b": "hang", "c": "motd"})
	synctest.Test(t, func(t *testing.T) {
		c := &plugin.Catalogue{
			Builtin:   map[string]plugin.Program{"hostname": {Section: "hostname", Builtin: true}},
			Directory: &plugin.Directory{Path: dir, Caller: &describers{}},
		}
		defer c.Close()
		begun := time.Now()
		scanned := make(chan plugin.Programs, 1)
		go func() { scanned <- c.Scan(t.Context()) }()
		synctest.Wait()
		for _, name := range []string{"hostname", "motd"} {
			if p, err := c.Find(t.Context(), name); err != nil || p.Section != name {
				t.Errorf("got %+v, %v", p, err)
			}
		}
		if got, want := c.Sections(), []string{"hostname", "motd"}; !slices.Equal(got, want) {
			t.Errorf("served are %v, want %v", got, want)
		}
		if took := time.Since(begun); took != 0 {
			t.Errorf("it took %s", took)
		}
		// Whoever asks for what may be one of the hanging plugins' waits for
		// both together, and is told.
		_, err := c.Find(t.Context(), "other")
		if took := time.Since(begun); took != time.Minute || err == nil || strings.Count(err.Error(), "it hung") != 2 {
			t.Errorf("after %s: %v", took, err)
		}
		if all := <-scanned; len(all.BySection) != 2 || len(all.Refused) != 2 {
			t.Errorf("got %+v", all)
		}
	})
}

func TestCloseEndsWhatIsBeingAsked(t *testing.T) {
	dir := pluginDir(t, map[string]string{"a": "hang"})
	synctest.Test(t, func(t *testing.T) {
		d := &plugin.Directory{Path: dir, Caller: &describers{}}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, _, ok := d.Find(ctx, nil, "motd"); ok {
			t.Error("found")
		}
		synctest.Wait()
		begun := time.Now()
		d.Close()
		if took := time.Since(begun); took != 0 {
			t.Errorf("it took %s", took)
		}
	})
}

func TestAPluginThatCannotDescribeItselfIsAskedAFewTimes(t *testing.T) {
	dir := pluginDir(t, map[string]string{"a": "fail"})
	synctest.Test(t, func(t *testing.T) {
		asked := &describers{}
		d := &plugin.Directory{Path: dir, Caller: asked}
		defer d.Close()
		var last plugin.Programs
		for range 20 {
			last = d.Add(t.Context(), nil)
			d.Add(t.Context(), nil)
			time.Sleep(6 * time.Minute)
		}
		if n := asked.times("a.exe"); n != 5 || !strings.Contains(last.Refused[0].Reason, "it failed; asked 5 times, and not again until the file changes") {
			t.Errorf("asked %d times, %+v", n, last.Refused)
		}
	})
}

func TestManyPluginsAreNotAskedAllAtOnce(t *testing.T) {
	files := map[string]string{}
	for i := range 20 {
		files[fmt.Sprintf("p%02d", i)] = "hang"
	}
	dir := pluginDir(t, files)
	synctest.Test(t, func(t *testing.T) {
		asked := &describers{}
		d := &plugin.Directory{Path: dir, Caller: asked}
		defer d.Close()
		if all := d.Add(t.Context(), nil); len(all.Refused) != 20 || asked.most != 8 {
			t.Errorf("%d at once, %d refused", asked.most, len(all.Refused))
		}
	})
}
