package guest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/ssh"
)

// Output is what a command wrote and how it ended.
type Output struct {
	Stdout, Stderr string
	ExitCode       int
}

// ExitError says that a command in the guest ended with a status other than 0.
type ExitError struct {
	// Guest is the system's name, Command what was run.
	Guest, Command string
	Output         Output
}

func (e *ExitError) Error() string {
	said := strings.TrimSpace(e.Output.Stderr)
	if said == "" {
		said = strings.TrimSpace(e.Output.Stdout)
	}
	if len(said) > 2000 {
		said = "... " + said[len(said)-2000:]
	}
	return fmt.Sprintf("%s: %s: exit status %d: %s", e.Guest, e.Command, e.Output.ExitCode, said)
}

// Run runs argv as the system's own program (through the catalogue's Exec) and
// returns what it wrote. A status other than 0 is an *ExitError.
func (g *Guest) Run(ctx context.Context, argv ...string) (Output, error) {
	return g.Raw(ctx, append(append([]string(nil), g.o.System.Tools.Exec...), argv...)...)
}

// Raw runs argv as ssh does, which in a lookalike of Windows is the Debian
// below it. A status other than 0 is an *ExitError.
func (g *Guest) Raw(ctx context.Context, argv ...string) (Output, error) {
	return g.Script(ctx, Quote(argv...))
}

// Script runs a line of POSIX shell in the guest, as ssh does. A status other
// than 0 is an *ExitError; a connection that is found dead is made again once,
// before the command has begun, never after.
func (g *Guest) Script(ctx context.Context, script string) (Output, error) {
	session, client, err := g.session(ctx)
	if err != nil {
		return Output{}, err
	}
	defer session.Close()
	var stdout, stderr bytes.Buffer
	session.Stdout, session.Stderr = &stdout, &stderr
	stop := context.AfterFunc(ctx, func() {
		_ = session.Signal(ssh.SIGKILL)
		session.Close()
	})
	defer stop()
	err = session.Run(script)
	out := Output{Stdout: stdout.String(), Stderr: stderr.String()}
	var status *ssh.ExitError
	switch {
	case err == nil:
		return out, nil
	case ctx.Err() != nil:
		return out, fmt.Errorf("%s: %s: %w (it had written %q)", g.o.System.Name, script, context.Cause(ctx), tail(out.Stdout+out.Stderr, 400))
	case errors.As(err, &status):
		out.ExitCode = status.ExitStatus()
		return out, &ExitError{Guest: g.o.System.Name, Command: script, Output: out}
	}
	g.drop(client)
	return out, fmt.Errorf("%s: %s: %w", g.o.System.Name, script, err)
}

// session opens a session on the standing connection, making that anew if the
// guest has closed it since.
func (g *Guest) session(ctx context.Context) (*ssh.Session, *ssh.Client, error) {
	for attempt := 1; ; attempt++ {
		client, err := g.standing(ctx)
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", g.o.System.Name, err)
		}
		stop := context.AfterFunc(ctx, func() { g.drop(client) })
		session, err := client.NewSession()
		if !stop() {
			return nil, nil, fmt.Errorf("%s: open a session: %w", g.o.System.Name, context.Cause(ctx))
		}
		if err == nil {
			return session, client, nil
		}
		g.drop(client)
		if attempt == 2 {
			return nil, nil, fmt.Errorf("%s: open a session: %w", g.o.System.Name, err)
		}
	}
}

// Quote makes one POSIX shell line of argv.
func Quote(argv ...string) string {
	words := make([]string, len(argv))
	for i, a := range argv {
		if a != "" && strings.IndexFunc(a, needsQuoting) < 0 {
			words[i] = a
			continue
		}
		words[i] = "'" + strings.ReplaceAll(a, "'", `'\''`) + "'"
	}
	return strings.Join(words, " ")
}

func needsQuoting(r rune) bool {
	return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_./:=@,+", r))
}

func tail(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return s[len(s)-n:]
}
