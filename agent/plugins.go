package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"text/tabwriter"

	"github.com/spf13/pflag"

	"innkeeper/agent/guest"
	"innkeeper/agent/plugin"
	"innkeeper/agent/systems"
)

func (a app) pluginCommand() command {
	return command{
		name: "plugin", arguments: "SECTION | list | check FILE",
		summary: "Serve one section for the daemon, list what serves which, or check a plugin",
		more: "With a section, it is the child's end of the plugin protocol: a request is read from\n" +
			"standard input and answered on standard output.\n\n" +
			"check runs any executable through the protocol's conformance test and explains what\n" +
			"does not conform; the exit status is 1 then. Given a desired value, it applies the\n" +
			"value to this machine for real, several times, and has it restored.",
		examples: []string{
			"guestd plugin list",
			`echo '{"protocol":1,"operation":"describe","section":"hostname"}' | guestd plugin hostname`,
			"guestd plugin check ./motd",
			`guestd plugin check ./motd --desired '{"text":"hello","file":"/tmp/motd"}'`,
			"guestd plugin check ./motd --desired value.json --section motd --json",
		},
		prepare: func(f *pflag.FlagSet) func(context.Context, []string) error {
			system := f.String("system", "", "take this machine for a `NAME`d system and do not find out")
			var o checkOptions
			f.BoolVar(&o.json, "json", false, "print the list or the findings as JSON")
			f.StringVar(&o.section, "section", "", "check this `SECTION` of a plugin that serves several")
			f.StringVar(&o.desired, "desired", "", "check with this value of the section: `JSON`, or a file that holds it")
			f.DurationVar(&o.deadline, "deadline", 0, "bound each call of the check by this `TIME`; else by the plugin's own")
			return func(ctx context.Context, args []string) error {
				if len(args) > 0 && args[0] == "check" {
					return a.checkPlugin(ctx, args[1:], o)
				}
				if len(args) != 1 {
					return usageError{errors.New("plugin takes one argument: a section, or list, or check and a file; see: guestd plugin --help")}
				}
				if o.section != "" || o.desired != "" || o.deadline != 0 {
					return usageError{errors.New("--section, --desired and --deadline are for plugin check only; see: guestd plugin --help")}
				}
				sys, err := a.system(*system)
				if err != nil {
					return err
				}
				if args[0] == "list" {
					return a.listPlugins(ctx, sys, o.json)
				}
				return a.serve(ctx, sys, args[0])
			}
		},
	}
}

// system is the one of that name, or this machine's.
func (a app) system(name string) (systems.System, error) {
	if name == "" {
		return a.detect(a.machine)
	}
	var names []string
	for _, s := range a.all {
		if s.Name() == name {
			return s, nil
		}
		names = append(names, s.Name())
	}
	return nil, usageError{fmt.Errorf("no system is named %q; there are %v", name, names)}
}

func (a app) serve(ctx context.Context, sys systems.System, name string) error {
	sections := sys.Sections()
	s, ok := sections[name]
	if !ok {
		return usageError{fmt.Errorf("guestd serves no section %q on %s; it serves %v", name, sys.Name(), slices.Sorted(maps.Keys(sections)))}
	}
	return plugin.Serve(ctx, name, s, guest.Tied(a.machine), a.stdin, a.stdout)
}

// listed is one line of the list.
type listed struct {
	Section string `json:"section,omitempty"`
	Path    string `json:"path"`
	Builtin bool   `json:"builtin,omitempty"`
	Version string `json:"version,omitempty"`
	Refused string `json:"refused,omitempty"`
}

func (a app) listPlugins(ctx context.Context, sys systems.System, asJSON bool) error {
	supervisor := &plugin.Supervisor{}
	builtin := map[string]plugin.Program{}
	for name, d := range descriptions(sys) {
		builtin[name] = plugin.Builtin(sys.Layout().Binary, name, sys.Name(), d)
	}
	directory := &plugin.Directory{Path: sys.Layout().PluginDir, Caller: supervisor}
	defer directory.Close()
	all := directory.Add(ctx, builtin)
	list := []listed{}
	for _, name := range slices.Sorted(maps.Keys(all.BySection)) {
		p := all.BySection[name]
		list = append(list, listed{Section: name, Path: p.Path, Builtin: p.Builtin, Version: p.Description.Version})
	}
	for _, r := range all.Refused {
		list = append(list, listed{Path: r.Path, Refused: r.Reason})
	}
	if asJSON {
		return a.printJSON(list)
	}
	w := tabwriter.NewWriter(a.stdout, 0, 8, 2, ' ', 0)
	for _, l := range list {
		switch {
		case l.Refused != "":
			fmt.Fprintf(w, "-\t%s\trefused: %s\n", l.Path, l.Refused)
		case l.Builtin:
			fmt.Fprintf(w, "%s\tguestd\tbuilt in\n", l.Section)
		default:
			fmt.Fprintf(w, "%s\t%s\t%s\n", l.Section, l.Path, l.Version)
		}
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("print the list: %w", err)
	}
	return nil
}
