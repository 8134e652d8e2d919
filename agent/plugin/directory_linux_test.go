package plugin_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"innkeeper/agent/plugin"
	"innkeeper/agent/systems/section"
)

// counting notes who is asked.
type counting struct {
	plugin.Supervisor
	mu    sync.Mutex
	asked []string
}

func (c *counting) Call(ctx context.Context, p plugin.Program, q plugin.Request) (json.RawMessage, error) {
	c.mu.Lock()
	c.asked = append(c.asked, filepath.Base(p.Path)+" "+string(q.Operation))
	c.mu.Unlock()
	return c.Supervisor.Call(ctx, p, q)
}

func describing(section string) string {
	return `cat >/dev/null; echo '{"type":"result","result":{"sections":["` + section + `"]}}'`
}

func TestDirectoryTakesOnlyWhatIsSafe(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "plugins")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	shell(t, dir, "good", describing("motd"))
	shell(t, dir, "second", describing("motd"))
	shell(t, dir, "own", describing("hostname"))
	shell(t, dir, "silent", "cat >/dev/null")
	shell(t, dir, "badname", describing("../x"))
	shell(t, dir, "noexec", describing("a"))
	shell(t, dir, "open", describing("b"))
	shell(t, dir, ".hidden", describing("c"))
	if err := os.Chmod(filepath.Join(dir, "noexec"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(dir, "open"), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("good", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	if err := os.Link(shell(t, t.TempDir(), "named", describing("e")), filepath.Join(dir, "named")); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(shell(t, dir, "setuid", describing("f")), 0o755|os.ModeSetuid); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "folder"), 0o755); err != nil {
		t.Fatal(err)
	}
	foreign := os.Geteuid() == 0
	if foreign {
		if err := os.Chown(shell(t, dir, "foreign", describing("d")), 12345, 0); err != nil {
			t.Fatal(err)
		}
	}
	caller := &counting{}
	d := &plugin.Directory{Path: dir, Caller: caller}
	builtin := map[string]plugin.Program{"hostname": plugin.Builtin("/guestd", "hostname", "ubuntu", section.Description{})}
	all := d.Add(t.Context(), builtin)

	var served []string
	for name, p := range all.BySection {
		served = append(served, name+" "+filepath.Base(p.Path))
	}
	slices.Sort(served)
	if want := []string{"hostname guestd", "motd good"}; !slices.Equal(served, want) {
		t.Errorf("served are %v, want %v", served, want)
	}
	want := map[string]string{
		"second":  `it serves the section "motd", as does ` + filepath.Join(dir, "good"),
		"own":     `it serves the section "hostname", which the agent serves itself`,
		"silent":  "it does not describe itself: the silent plugin's describe broke the protocol: it ended without a result",
		"badname": `its description names the section "../x"`,
		"noexec":  "it is not executable; run: chmod 755",
		"open":    "can be written by others than its owner (mode 0777)",
		"link":    "it is a symbolic link",
		"named":   "the file has 2 names (hard links); put a copy here",
		"setuid":  "it has a set-user-ID or set-group-ID bit; run: chmod ug-s",
	}
	if foreign {
		want["foreign"] = "belongs to user 12345 and not to root"
	}
	for _, r := range all.Refused {
		name := filepath.Base(r.Path)
		if want[name] == "" || !strings.Contains(r.Reason, want[name]) {
			t.Errorf("%s is refused because %q, want %q", name, r.Reason, want[name])
		}
		delete(want, name)
	}
	if len(want) > 0 {
		t.Errorf("not refused: %v", want)
	}

	asked := len(caller.asked)
	if again := d.Add(t.Context(), builtin); len(again.BySection) != 2 || len(caller.asked) != asked {
		t.Errorf("unchanged files were asked again: %v", caller.asked[asked:])
	}
	if err := os.Remove(filepath.Join(dir, "good")); err != nil {
		t.Fatal(err)
	}
	shell(t, dir, "good", describing("time"))
	if again := d.Add(t.Context(), builtin); again.BySection["time"].Path != filepath.Join(dir, "good") || again.BySection["motd"].Path != filepath.Join(dir, "second") {
		t.Errorf("the new file was not asked: %+v", again.BySection)
	}
}

func TestDirectoryThatOthersCanWriteToIsRefusedWhole(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "plugins")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	shell(t, dir, "good", describing("motd"))
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	caller := &counting{}
	all := (&plugin.Directory{Path: dir, Caller: caller}).Add(t.Context(), nil)
	if len(all.BySection) != 0 || len(all.Refused) != 1 || len(caller.asked) != 0 ||
		!strings.Contains(all.Refused[0].Reason, "can be written by others than its owner (mode 0777); run: chmod go-w "+dir) {
		t.Errorf("got %+v, asked %v", all, caller.asked)
	}
}

func TestDirectoryIsRefusedForWhatLeadsToIt(t *testing.T) {
	top := t.TempDir()
	if err := os.Chmod(top, 0o755); err != nil {
		t.Fatal(err)
	}
	mkdir := func(mode os.FileMode, parts ...string) string {
		t.Helper()
		path := filepath.Join(append([]string{top}, parts...)...)
		if err := os.MkdirAll(path, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	link := func(to string, parts ...string) string {
		t.Helper()
		path := filepath.Join(append([]string{top}, parts...)...)
		if err := os.Symlink(to, path); err != nil {
			t.Fatal(err)
		}
		return path
	}
	good := mkdir(0o755, "good", "plugins")
	mkdir(0o777, "open")
	inOpen := mkdir(0o755, "open", "plugins")
	mkdir(0o777|os.ModeSticky, "sticky")
	inSticky := mkdir(0o755, "sticky", "plugins")
	linkInOpen := link(good, "open", "link")
	cases := []struct{ dir, says string }{
		{good, ""},
		{inSticky, ""},
		{link("good/plugins", "relative"), ""},
		{link("../good", "sticky", "up") + "/plugins", ""},
		{inOpen, "open can be written by others than its owner (mode 0777)"},
		{link(inOpen, "to-open"), "open can be written by others"},
		{link(linkInOpen, "through-open"), "open can be written by others"},
		{link("open/../good/plugins", "past-open"), "open can be written by others"},
		{link("loop", "loop"), "too many levels of symbolic links"},
	}
	if os.Geteuid() == 0 {
		foreign := link(good, "sticky", "foreign")
		if err := os.Lchown(foreign, 12345, 0); err != nil {
			t.Fatal(err)
		}
		cases = append(cases, struct{ dir, says string }{foreign, "foreign belongs to user 12345 and not to root"})
	}
	for _, dir := range []string{good, inOpen, inSticky} {
		shell(t, dir, "motd", describing("motd"))
	}
	for _, c := range cases {
		d := &plugin.Directory{Path: c.dir, Caller: &counting{}}
		all := d.Add(t.Context(), nil)
		d.Close()
		_, served := all.BySection["motd"]
		switch {
		case c.says == "" && (!served || len(all.Refused) > 0):
			t.Errorf("%s: %+v", c.dir, all)
		case c.says != "" && (served || len(all.Refused) != 1 || !strings.Contains(all.Refused[0].Reason, c.says)):
			t.Errorf("%s: %+v, want %q", c.dir, all.Refused, c.says)
		}
	}
}

func TestCatalogueSaysWhyASectionIsNotServed(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "plugins")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(shell(t, dir, "motd", describing("motd")), 0o666); err != nil {
		t.Fatal(err)
	}
	c := &plugin.Catalogue{Directory: &plugin.Directory{Path: dir, Caller: &plugin.Supervisor{}}}
	_, err := c.Find(t.Context(), "motd")
	if err == nil || !strings.Contains(err.Error(), `no plugin serves the section "motd" on this system; `+filepath.Join(dir, "motd")+" is not run: it is not executable") {
		t.Errorf("got %v", err)
	}
	if n := c.Notes(); len(n) != 1 || !strings.HasPrefix(n[0], "plugin refused: "+filepath.Join(dir, "motd")) {
		t.Errorf("notes are %q", n)
	}
	if _, err := (&plugin.Catalogue{}).Find(t.Context(), "x"); err == nil || err.Error() != `no plugin serves the section "x" on this system` {
		t.Errorf("got %v", err)
	}
}
