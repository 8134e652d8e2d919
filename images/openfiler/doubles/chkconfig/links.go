package main

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// links are the service's links in a run level, "S55sshd" or "K25sshd".
func (t tool) links(name string, level int) []string {
	dir := t.levelDir(level)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil
	}
	var found []string
	for _, e := range entries {
		n := e.Name()
		if len(n) > 3 && (n[0] == 'S' || n[0] == 'K') && isDigit(n[1]) && isDigit(n[2]) && n[3:] == name {
			found = append(found, filepath.Join(dir, n))
		}
	}
	return found
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func (t tool) levelDir(level int) string { return path.Join(t.dir, fmt.Sprintf("rc%d.d", level)) }

func (t tool) isOn(name string, level int) bool {
	l := t.links(name, level)
	return len(l) > 0 && filepath.Base(l[0])[0] == 'S'
}

func (t tool) configured(name string) bool {
	for level := range 7 {
		if len(t.links(name, level)) > 0 {
			return true
		}
	}
	return false
}

// unlink removes the service's links in a run level.
func (t tool) unlink(name string, level int) {
	for _, l := range t.links(name, level) {
		os.Remove(l)
	}
}

// link makes the service start (or stop) in a run level.
func (t tool) link(s service, level int, on bool) int {
	t.unlink(s.name, level)
	kind, priority := "K", s.stop
	if on {
		kind, priority = "S", s.start
	}
	name := path.Join(t.levelDir(level), fmt.Sprintf("%s%02d%s", kind, priority, s.name))
	if err := os.Symlink("../init.d/"+s.name, name); err != nil {
		fmt.Fprintf(t.err, "failed to make symlink %s: %s\n", name, capital(cause(err)))
		return 1
	}
	return 0
}

func cause(err error) string {
	if e, ok := err.(*os.LinkError); ok {
		return e.Err.Error()
	}
	return err.Error()
}

func (t tool) add(name string) int {
	s, err := t.read(name)
	if err != nil {
		return t.complain(name, err)
	}
	status := 0
	if s.lsb {
		s = t.resolve(s)
	}
	for level := range 7 {
		switch had := len(t.links(name, level)) > 0; {
		case !had:
			status |= t.link(s, level, s.levels.has(level))
		case s.lsb: // its priority may have changed
			status |= t.link(s, level, t.isOn(name, level))
		}
	}
	return status
}

func (t tool) del(name string) int {
	if _, err := t.read(name); err != nil {
		return t.complain(name, err)
	}
	for level := range 7 {
		t.unlink(name, level)
	}
	return 0
}

func (t tool) set(name string, levels levelSet, on func(service, int) bool) int {
	if levels == 0 {
		levels = multiUser
	}
	s, err := t.read(name)
	if err != nil {
		return t.complain(name, err)
	}
	if s.lsb {
		s = t.resolve(s)
	}
	status := 0
	for level := range 7 {
		if levels.has(level) {
			status |= t.link(s, level, on(s, level))
		}
	}
	return status
}

// resolve finds priorities for a script with an LSB header: those it gives, or
// 50, moved behind what must have started and before what must still run.
func (t tool) resolve(s service) service {
	if s.start == unset {
		s.start = 50
	}
	if s.stop == unset {
		s.stop = 50
	}
	for _, name := range t.names() {
		other, err := t.read(name)
		if err != nil || name == s.name {
			continue
		}
		if other.start == unset {
			other.start = 50
		}
		if other.stop == unset {
			other.stop = 50
		}
		for _, has := range append([]string{name}, other.provides...) {
			if slices.Contains(s.startAfter, has) && s.start <= other.start {
				s.start = min(other.start+1, 99)
			}
			if slices.Contains(s.stopDue, has) && s.stop >= other.stop {
				s.stop = max(other.stop-1, 0)
			}
		}
	}
	return s
}

// names are the scripts of init.d, in order, without what editors and package
// managers leave.
func (t tool) names() []string {
	entries, err := os.ReadDir(path.Join(t.dir, "init.d"))
	if err != nil {
		return nil
	}
	var names []string
	for _, e := range entries {
		n := e.Name()
		info, err := os.Stat(t.script(n))
		if err != nil || !info.Mode().IsRegular() || n[0] == '.' || strings.HasSuffix(n, "~") || strings.HasSuffix(n, ",") {
			continue
		}
		switch path.Ext(n) {
		case ".rpmsave", ".rpmnew", ".rpmorig", ".swp":
			continue
		}
		names = append(names, n)
	}
	return names
}

func (t tool) listAll() int {
	for _, name := range t.names() {
		t.list(name, true)
	}
	return 0
}

// list prints the levels of one service. Forgiving, it passes over those that
// are not chkconfig's.
func (t tool) list(name string, forgiving bool) int {
	s, err := t.read(name)
	switch {
	case err != nil && forgiving, err == nil && forgiving && !t.configured(name):
		return 0
	case err != nil:
		return t.complain(name, err)
	case !t.configured(name):
		fmt.Fprintf(t.err, "service %[1]s supports chkconfig, but is not referenced in any runlevel (run 'chkconfig --add %[1]s')\n", name)
		return 1
	}
	fmt.Fprintf(t.out, "%-15s", s.name)
	for level := range 7 {
		state := "off"
		if t.isOn(name, level) {
			state = "on"
		}
		fmt.Fprintf(t.out, "\t%d:%s", level, state)
	}
	fmt.Fprintln(t.out)
	return 0
}
