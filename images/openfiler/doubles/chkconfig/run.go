package main

import (
	"fmt"
	"path"
	"strings"
)

// version is that of the releases in Openfiler's time.
const version = "1.3.30"

// options are what the command line says.
type options struct {
	add, del, override, list, help, version bool
	levels                                  string
	args                                    []string
}

// parse reads options anywhere among the arguments, as popt does. The message
// is that of a bad one.
func parse(argv []string) (o options, message string) {
	for i := 0; i < len(argv); i++ {
		a := argv[i]
		name, value, has := strings.Cut(a, "=")
		switch name {
		case "--add":
			o.add = true
		case "--del":
			o.del = true
		case "--override":
			o.override = true
		case "--list":
			o.list = true
		case "--help", "-h":
			o.help = true
		case "--version", "-v":
			o.version = true
		case "--level", "--levels":
			if !has {
				if i++; i >= len(argv) {
					return o, a + ": missing argument"
				}
				value = argv[i]
			}
			o.levels, has = value, false
		case "--":
			o.args = append(o.args, argv[i+1:]...)
			return o, ""
		default:
			if len(a) > 1 && a[0] == '-' {
				return o, a + ": unknown option"
			}
			o.args = append(o.args, a)
			has = false
		}
		if has {
			return o, a + ": option does not take an argument"
		}
	}
	return o, ""
}

func (t tool) run(argv []string) int {
	o, bad := parse(argv)
	actions := 0
	for _, on := range []bool{o.add, o.del, o.override, o.list} {
		if on {
			actions++
		}
	}
	switch {
	case bad != "":
		fmt.Fprintln(t.err, bad)
		return 1
	case o.version:
		fmt.Fprintf(t.out, "chkconfig version %s\n", version)
		return 0
	case o.help || len(argv) == 0:
		return t.usage()
	case actions > 1:
		fmt.Fprintln(t.err, "only one of --list, --add, --del, or --override may be specified")
		return 1
	case o.list && len(o.args) == 0:
		return t.listAll()
	case o.list && len(o.args) == 1:
		return t.list(o.args[0], false)
	case actions == 1 && (len(o.args) != 1 || o.args[0] == ""):
		return t.usage()
	case o.add:
		return t.add(o.args[0])
	case o.del:
		return t.del(o.args[0])
	case o.override:
		// Without a file of overrides the command changes nothing.
		return 0
	}
	return t.setOrQuery(o)
}

func (t tool) usage() int {
	fmt.Fprintf(t.err, "chkconfig version %s - Copyright (C) 1997-2000 Red Hat, Inc.\n", version)
	fmt.Fprint(t.err, "This may be freely redistributed under the terms of the GNU Public License.\n\n"+
		"usage:   chkconfig --list [name]\n"+
		"         chkconfig --add <name>\n"+
		"         chkconfig --del <name>\n"+
		"         chkconfig --override <name>\n"+
		"         chkconfig [--level <levels>] <name> <on|off|reset|resetpriorities>\n")
	return 1
}

// setOrQuery is chkconfig [--level LEVELS] NAME [STATE].
func (t tool) setOrQuery(o options) int {
	levels := levelSet(0)
	if o.levels != "" {
		var ok bool
		if levels, ok = parseLevels(o.levels); !ok {
			return t.usage()
		}
	}
	switch {
	case len(o.args) == 0:
		return t.usage()
	case len(o.args) == 1:
		return t.query(o.args[0], levels)
	}
	switch name := o.args[0]; o.args[1] {
	case "on":
		return t.set(name, levels, func(service, int) bool { return true })
	case "off":
		return t.set(name, levels, func(service, int) bool { return false })
	case "reset":
		if levels == 0 {
			levels = allLevels
		}
		return t.set(name, levels, func(s service, level int) bool { return s.levels.has(level) })
	case "resetpriorities":
		if levels == 0 {
			levels = allLevels
		}
		return t.set(name, levels, func(_ service, level int) bool { return t.isOn(name, level) })
	}
	return t.usage()
}

// query answers by the exit status: 0 if the service starts in the level.
func (t tool) query(name string, levels levelSet) int {
	level := -1
	for l := range 7 {
		if !levels.has(l) {
			continue
		}
		if level >= 0 {
			fmt.Fprintln(t.err, "only one runlevel may be specified for a chkconfig query")
			return 1
		}
		level = l
	}
	if _, err := t.read(name); err != nil {
		return 1
	}
	if level < 0 {
		now, ok := t.runLevel()
		if !ok {
			fmt.Fprintln(t.err, "cannot determine current run level")
			return 1
		}
		level = now
	}
	if t.isOn(name, level) {
		return 0
	}
	return 1
}

// script is the path of a service's script.
func (t tool) script(name string) string { return path.Join(t.dir, "init.d", name) }
