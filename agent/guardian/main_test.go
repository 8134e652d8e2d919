package guardian

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"innkeeper/agent/guest"
	"innkeeper/agent/plugin"
	"innkeeper/agent/systems/section"
)

// The test binary is also the guardian ("guardian --state-dir DIR ID"), the
// plugin that it calls ("plugin FILE"), and a daemon that arms an order and
// then only waits ("arm DIR WINDOW").
func TestMain(m *testing.M) {
	var err error
	switch {
	case len(os.Args) == 5 && os.Args[1] == "guardian":
		err = Keep(context.Background(), Options{StateDir: os.Args[3], Caller: &plugin.Supervisor{}}, os.Args[4])
	case len(os.Args) == 3 && os.Args[1] == "plugin":
		err = plugin.Serve(context.Background(), "value", value{os.Args[2]}, guest.Local(), os.Stdin, os.Stdout)
	case len(os.Args) == 4 && os.Args[1] == "arm":
		err = armAndWait(os.Args[2], os.Args[3])
	default:
		os.Exit(m.Run())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

func armAndWait(dir, window string) error {
	d, err := time.ParseDuration(window)
	if err != nil {
		return err
	}
	g, o, err := rigIn(dir)
	if err != nil {
		return err
	}
	o.Window = d
	if _, err := g.Arm(context.Background(), o); err != nil {
		return err
	}
	fmt.Println("armed")
	time.Sleep(time.Hour) // until it is killed
	return nil
}

// value keeps a file. A restore of {"hang":true} makes the file "hangs" and
// never ends.
type value struct{ path string }

func (value) Describe() section.Description { return section.Description{} }

func (value) Plan(context.Context, guest.Machine, json.RawMessage) (section.Plan, error) {
	return section.Plan{}, nil
}

func (value) Apply(context.Context, guest.Machine, json.RawMessage, section.Plan) error { return nil }

func (v value) Restore(ctx context.Context, m guest.Machine, checkpoint json.RawMessage) error {
	if strings.Contains(string(checkpoint), "hang") && !exists(v.path+".hangs") {
		if err := m.WriteFile(v.path+".hangs", nil, 0o600); err != nil {
			return err
		}
		<-ctx.Done()
		select {}
	}
	return m.WriteFile(v.path, checkpoint, 0o600)
}

func exists(path string) bool { _, err := os.Stat(path); return err == nil }

// before is what a restore brings back.
const before = `{"old":"secret"}`

func rigIn(dir string) (*Guardian, Order, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, Order{}, err
	}
	g := New(Options{StateDir: dir, Executable: self, Caller: &plugin.Supervisor{}})
	// A build with the race detector maps much more than it uses.
	return g, Order{
		Section: "value", Revision: 7, Checkpoint: json.RawMessage(before), Window: time.Hour,
		Program: plugin.Program{
			Section: "value", Path: self, Args: []string{"plugin", filepath.Join(dir, "value")},
			Description: section.Description{MemoryMiB: 1024},
		},
	}, nil
}

// settle settles, and gives what was told.
func settle(t *testing.T, g *Guardian) ([]Outcome, error) {
	var all []Outcome
	err := g.Settle(t.Context(), func(o Outcome) { all = append(all, o) })
	return all, err
}

// deaf is told what the test does not look at.
func deaf(Outcome) {}
