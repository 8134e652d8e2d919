package guest

import (
	"context"
	"errors"
	"fmt"
	"regexp"
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
	want, err := pattern(check.Want, names)
	if err != nil {
		return fmt.Errorf("catalogue of %s: check %q: %w", g.o.System.Name, check.Title, err)
	}
	run := g.Run
	if check.Raw {
		run = g.Raw
	}
	out, err := run(ctx, check.Command...)
	var status *ExitError
	if err != nil && !errors.As(err, &status) {
		return err
	}
	if !want.MatchString(out.Stdout) {
		return fmt.Errorf("%s: %s: %s answers %q (exit status %d, stderr %q), want a match of %s",
			g.o.System.Name, check.Title, strings.Join(check.Command, " "), out.Stdout, out.ExitCode, out.Stderr, want)
	}
	return nil
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
