package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// machine is a tool over a folder of its own.
type machine struct {
	tool
	t        *testing.T
	out, err bytes.Buffer
}

func newMachine(t *testing.T, scripts map[string]string) *machine {
	m := &machine{t: t}
	m.tool = tool{dir: t.TempDir(), out: &m.out, err: &m.err, runLevel: func() (int, bool) { return 3, true }}
	for _, d := range []string{"init.d", "rc0.d", "rc1.d", "rc2.d", "rc3.d", "rc4.d", "rc5.d", "rc6.d"} {
		if err := os.Mkdir(filepath.Join(m.dir, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range scripts {
		if err := os.WriteFile(filepath.Join(m.dir, "init.d", name), []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return m
}

// do runs the command and returns status, stdout and stderr.
func (m *machine) do(args ...string) (int, string, string) {
	m.out.Reset()
	m.err.Reset()
	status := m.run(args)
	return status, m.out.String(), m.err.String()
}

// levels lists all links, "3/S98guestd 6/K02guestd".
func (m *machine) levels() string {
	files, err := filepath.Glob(filepath.Join(m.dir, "rc*.d", "*"))
	if err != nil {
		m.t.Fatal(err)
	}
	var all []string
	for _, f := range files {
		to, err := os.Readlink(f)
		if err != nil || to != "../init.d/"+filepath.Base(f)[3:] {
			m.t.Errorf("%s links to %q (%v)", f, to, err)
		}
		all = append(all, filepath.Base(filepath.Dir(f))[2:3]+"/"+filepath.Base(f))
	}
	return strings.Join(all, " ")
}

const agent = "#!/bin/sh\n# chkconfig: 345 98 02\n# description: an agent\n"

func TestAddSetListDelete(t *testing.T) {
	m := newMachine(t, map[string]string{"guestd": agent})
	if status, _, said := m.do("--list", "guestd"); status != 1 || !strings.Contains(said, "is not referenced in any runlevel (run 'chkconfig --add guestd')") {
		t.Errorf("before --add: %d, %q", status, said)
	}
	if status, _, said := m.do("--add", "guestd"); status != 0 || said != "" {
		t.Fatalf("--add: %d, %q", status, said)
	}
	const added = "0/K02guestd 1/K02guestd 2/K02guestd 3/S98guestd 4/S98guestd 5/S98guestd 6/K02guestd"
	if got := m.levels(); got != added {
		t.Errorf("after --add: %s", got)
	}
	if status, out, _ := m.do("--list", "guestd"); status != 0 || out != "guestd         \t0:off\t1:off\t2:off\t3:on\t4:on\t5:on\t6:off\n" {
		t.Errorf("--list: %d, %q", status, out)
	}
	if status, _, _ := m.do("guestd"); status != 0 {
		t.Errorf("it is on in level 3, yet the query ends with %d", status)
	}
	if status, _, _ := m.do("--level", "345", "guestd", "off"); status != 0 || strings.Contains(m.levels(), "/S") {
		t.Errorf("off: %d, %s", status, m.levels())
	}
	if status, _, _ := m.do("guestd", "--level=3"); status != 1 {
		t.Errorf("it is off in level 3, yet the query ends with %d", status)
	}
	if m.do("guestd", "reset"); m.levels() != added {
		t.Errorf("reset: %s", m.levels())
	}
	if m.do("--level", "3", "guestd", "off"); m.levels() != strings.Replace(added, "3/S98", "3/K02", 1) {
		t.Errorf("level 3 off: %s", m.levels())
	}
	if m.do("--add", "guestd"); strings.Contains(m.levels(), "3/S") {
		t.Error("--add changed a level that was configured")
	}
	if status, _, _ := m.do("--del", "guestd"); status != 0 || m.levels() != "" {
		t.Errorf("--del: %d, %s", status, m.levels())
	}
}

func TestRefusals(t *testing.T) {
	m := newMachine(t, map[string]string{
		"guestd": agent,
		"plain":  "#!/bin/sh\necho\n",
		"mute":   "# chkconfig: 345 98 02\n",
		"level7": "# chkconfig: 7 98 02\n# description: x\n",
	})
	for _, tt := range []struct {
		args []string
		want string
	}{
		{[]string{"--add", "nothing"}, "error reading information on service nothing: No such file or directory\n"},
		{[]string{"--add", "plain"}, "service plain does not support chkconfig\n"},
		{[]string{"--add", "mute"}, "service mute does not support chkconfig\n"},
		{[]string{"level7", "on"}, "service level7 does not support chkconfig\n"},
		{[]string{"--add", "--del", "guestd"}, "only one of --list, --add, --del, or --override may be specified\n"},
		{[]string{"--frob"}, "--frob: unknown option\n"},
		{[]string{"--level"}, "--level: missing argument\n"},
		{[]string{"--level", "34", "guestd"}, "only one runlevel may be specified for a chkconfig query\n"},
	} {
		if status, out, said := m.do(tt.args...); status != 1 || out != "" || said != tt.want {
			t.Errorf("%v: %d, %q, %q", tt.args, status, out, said)
		}
	}
	for _, args := range [][]string{{}, {"--help"}, {"--add"}, {"--add", "a", "b"}, {"guestd", "maybe"}, {"--level", "38", "guestd", "on"}} {
		if status, _, said := m.do(args...); status != 1 || !strings.Contains(said, "usage:   chkconfig") {
			t.Errorf("%v: %d, %q", args, status, said)
		}
	}
	if m.levels() != "" {
		t.Errorf("a refused command made links: %s", m.levels())
	}
}

func TestLSBHeadersTakeTheirPlaceBehindWhatTheyNeed(t *testing.T) {
	m := newMachine(t, map[string]string{
		"network": "# chkconfig: 2345 10 90\n# description: net\n### BEGIN INIT INFO\n# Provides: $network\n### END INIT INFO\n",
		"late":    "# chkconfig: 2345 70 20\n# description: x\n",
		"mine":    "### BEGIN INIT INFO\n# Provides: mine\n# Required-Start: $network late\n# Required-Stop: $network late\n# Default-Start: 3 5\n# Short-Description: x\n### END INIT INFO\n",
	})
	if status, _, said := m.do("--add", "mine"); status != 0 {
		t.Fatal(said)
	}
	if got := m.levels(); got != "0/K19mine 1/K19mine 2/K19mine 3/S71mine 4/K19mine 5/S71mine 6/K19mine" {
		t.Error(got)
	}
}

func FuzzHeader(f *testing.F) {
	f.Add(agent)
	f.Add("### BEGIN INIT INFO\n# Default-Start: 3\n# Description: x\n### END INIT INFO\n")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := parseHeader(text)
		if err == nil && (s.start > 99 || s.stop > 99 || s.levels > allLevels) {
			t.Errorf("%q gives %+v", text, s)
		}
	})
}
