package guest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"innkeeper/images/system"
)

// Names are the values that the {{...}} of a check stand for.
type Names struct{ Name, Domain string }

// FQDN is name and domain joined by a dot, or the name alone.
func (n Names) FQDN() string {
	if n.Domain == "" {
		return n.Name
	}
	return n.Name + "." + n.Domain
}

// Observe asks the system's own tool and returns an error that quotes the
// answer unless it matches what the check wants.
func (g *Guest) Observe(ctx context.Context, check system.Check, names Names) error {
	return g.ObserveAll(ctx, []system.Check{check}, names)
}

// ObserveAll asks several tools, each command once and all in one call of ssh,
// and quotes every answer that is not what its check wants.
func (g *Guest) ObserveAll(ctx context.Context, checks []system.Check, names Names) error {
	var commands []string
	for _, c := range checks {
		if line := g.line(c); !slices.Contains(commands, line) {
			commands = append(commands, line)
		}
	}
	outputs, err := g.scripts(ctx, commands)
	if err != nil {
		return err
	}
	var wrong []error
	for _, c := range checks {
		want, err := pattern(c.Want, names)
		if err != nil {
			return fmt.Errorf("catalogue of %s: check %q: %w", g.o.System.Name, c.Title, err)
		}
		out := outputs[slices.Index(commands, g.line(c))]
		if !want.MatchString(out.Stdout) {
			wrong = append(wrong, fmt.Errorf("%s: %s: %s answers %q (exit status %d, stderr %q), want a match of %s",
				g.o.System.Name, c.Title, strings.Join(c.Command, " "), out.Stdout, out.ExitCode, out.Stderr, want))
		}
	}
	return errors.Join(wrong...)
}

// line is a check's command as a line of shell.
func (g *Guest) line(c system.Check) string {
	if c.Raw {
		return Quote(c.Command...)
	}
	return Quote(append(slices.Clone(g.o.System.Tools.Exec), c.Command...)...)
}

// scripts runs lines of shell one after another in one call and returns what each
// wrote and how it ended.
func (g *Guest) scripts(ctx context.Context, lines []string) ([]Output, error) {
	mark := "end-of-" + rand.Text()
	var script strings.Builder
	for _, l := range lines {
		fmt.Fprintf(&script, "%s; printf '\\n%s %%s\\n' $?; printf '\\n%s\\n' >&2\n", l, mark, mark)
	}
	all, err := g.Script(ctx, script.String())
	if err != nil {
		return nil, err
	}
	stdout, stderr := strings.Split(all.Stdout, "\n"+mark+" "), strings.Split(all.Stderr, "\n"+mark+"\n")
	if len(stdout) != len(lines)+1 || len(stderr) != len(lines)+1 {
		return nil, fmt.Errorf("%s: %d commands gave %d answers: %q", g.o.System.Name, len(lines), len(stdout)-1, tail(all.Stdout, 400))
	}
	outputs := make([]Output, len(lines))
	rest := stdout[0]
	for i := range lines {
		status, next, _ := strings.Cut(stdout[i+1], "\n")
		code, err := strconv.Atoi(status)
		if err != nil {
			return nil, fmt.Errorf("%s: %s: no exit status but %q", g.o.System.Name, lines[i], status)
		}
		outputs[i] = Output{Stdout: rest, Stderr: stderr[i], ExitCode: code}
		rest = next
	}
	return outputs, nil
}

func pattern(want string, n Names) (*regexp.Regexp, error) {
	filled := strings.NewReplacer(
		"{{name}}", regexp.QuoteMeta(n.Name),
		"{{domain}}", regexp.QuoteMeta(n.Domain),
		"{{fqdn}}", regexp.QuoteMeta(n.FQDN()),
	).Replace(want)
	return regexp.Compile("(?m)" + filled)
}

// Stamps tells file names, inodes, times and digests of the given files, one
// line a file, so that two calls are equal only if nothing was written between.
func (g *Guest) Stamps(ctx context.Context, files []string) (string, error) {
	var b strings.Builder
	for _, f := range files {
		q := Quote(f)
		// GNU stat first, BSD's else.
		fmt.Fprintf(&b, "stat -c '%%n %%i %%y' %[1]s 2>/dev/null || stat -f '%%N %%i %%Fm' %[1]s 2>/dev/null || echo %[1]s absent; cksum < %[1]s 2>/dev/null;", q)
	}
	b.WriteString("true")
	out, err := g.Script(ctx, b.String())
	return out.Stdout, err
}
