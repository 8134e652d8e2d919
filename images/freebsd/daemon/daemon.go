//go:build unix

package daemon

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
)

// stage marks, in the environment, the process that has detached itself. Its
// value is the descriptor on which the first process awaits the outcome.
const stage = "FREEBSD_DAEMON_STAGE"

// Run is daemon(8) with -c -f -o -p -P -r -R; what else is documented is
// refused with exit status 64. The exit statuses are those of the manual page:
// 2 a pid file that cannot be opened, 3 a pid file locked by a running
// process, 7 an output file that cannot be opened. A Go program cannot fork,
// so the process that detaches is this program started again; self is its path.
func Run(args []string, self string, stderr io.Writer) int {
	s, code, message := parse(args)
	if message != "" {
		fmt.Fprint(stderr, message)
		return code
	}
	if fd := os.Getenv(stage); fd != "" {
		number, err := strconv.Atoi(fd)
		if err != nil {
			fmt.Fprintf(stderr, "daemon: %s=%q is not a descriptor\n", stage, fd)
			return 1
		}
		_ = os.Unsetenv(stage)
		return detached(s, os.NewFile(uintptr(number), "parent"))
	}
	reader, writer, err := os.Pipe()
	if err != nil {
		fmt.Fprintf(stderr, "daemon: %v\n", err)
		return 1
	}
	defer reader.Close()
	cmd := exec.Command(self, args...)
	cmd.Args[0] = "daemon"
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.ExtraFiles = []*os.File{writer}
	cmd.Env = append(os.Environ(), stage+"=3")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	err = cmd.Start()
	_ = writer.Close()
	if err != nil {
		fmt.Fprintf(stderr, "daemon: daemon: %v\n", err)
		return 1
	}
	answer, err := io.ReadAll(reader)
	if err != nil {
		fmt.Fprintf(stderr, "daemon: %v\n", err)
		return 1
	}
	if err := cmd.Process.Release(); err != nil {
		fmt.Fprintf(stderr, "daemon: %v\n", err)
		return 1
	}
	number, message, _ := strings.Cut(string(answer), " ")
	code, err = strconv.Atoi(number)
	if err != nil {
		fmt.Fprintf(stderr, "daemon: the detached process ended without a word\n")
		return 1
	}
	if message != "" {
		fmt.Fprintf(stderr, "daemon: %s\n", message)
	}
	return code
}

// detached is the process in the background. It tells the first process how
// it started, by "STATUS MESSAGE" and the end of the pipe.
func detached(s settings, parent *os.File) int {
	tell := func(code int, format string, args ...any) int {
		fmt.Fprintf(parent, "%d "+format, append([]any{code}, args...)...)
		_ = parent.Close()
		return code
	}
	if s.changeDir {
		if err := os.Chdir("/"); err != nil {
			return tell(1, "%v", err)
		}
	}
	if !s.supervised() {
		return become(s, tell)
	}
	w := watcher{settings: s}
	defer w.close()
	if code, err := w.open(); err != nil {
		return tell(code, "%v", err)
	}
	if s.closeFiles {
		if err := silence(); err != nil {
			return tell(1, "%v", err)
		}
	}
	events := w.listen()
	tell(0, "")
	return w.supervise(events)
}

// become turns this process into the command.
func become(s settings, tell func(int, string, ...any) int) int {
	if s.closeFiles {
		if err := silence(); err != nil {
			return tell(1, "%v", err)
		}
	}
	tell(0, "")
	path, err := exec.LookPath(s.command[0])
	if err == nil {
		err = syscall.Exec(path, s.command, os.Environ())
	}
	fmt.Fprintf(os.Stderr, "daemon: %s: %v\n", s.command[0], err)
	return 1
}

// silence puts /dev/null in the place of the standard files, as -f demands.
func silence() error {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer null.Close()
	for fd := range 3 {
		if err := dup2(int(null.Fd()), fd); err != nil {
			return fmt.Errorf("redirect descriptor %d: %w", fd, err)
		}
	}
	return nil
}
