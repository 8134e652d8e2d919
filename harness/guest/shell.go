package guest

import (
	"context"
	"errors"
	"fmt"
	"io"

	"golang.org/x/crypto/ssh"
)

// Shell runs the login shell on a terminal of the given size until it ends or
// ctx does. The shell's exit status is returned.
func (g *Guest) Shell(ctx context.Context, rw io.ReadWriter, term string, rows, columns int) (int, error) {
	session, _, err := g.session(ctx)
	if err != nil {
		return 0, err
	}
	defer session.Close()
	stop := context.AfterFunc(ctx, func() { session.Close() })
	defer stop()
	if err := session.RequestPty(term, rows, columns, ssh.TerminalModes{}); err != nil {
		return 0, fmt.Errorf("%s: no terminal: %w", g.o.System.Name, err)
	}
	// A pipe of its own, not Session.Stdin: Wait would else wait for one more
	// byte of rw after the shell has ended.
	stdin, err := session.StdinPipe()
	if err != nil {
		return 0, err
	}
	session.Stdout, session.Stderr = rw, rw
	if err := session.Shell(); err != nil {
		return 0, fmt.Errorf("%s: shell: %w", g.o.System.Name, err)
	}
	go func() { // ends with rw, which the caller closes
		_, _ = io.Copy(stdin, rw)
		stdin.Close()
	}()
	err = session.Wait()
	var status *ssh.ExitError
	if errors.As(err, &status) {
		return status.ExitStatus(), nil
	}
	return 0, err
}
