//go:build unix

package daemon

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

// watcher supervises the command.
type watcher struct {
	settings
	child, parent *os.File // locked pid files
	out           *os.File
}

// open opens and locks what the options name; the exit status belongs to the
// error.
func (w *watcher) open() (code int, err error) {
	if w.childPID != "" {
		if w.child, code, err = lock(w.childPID); err != nil {
			return code, err
		}
	}
	if w.parentPID != "" {
		if w.parent, code, err = lock(w.parentPID); err != nil {
			return code, err
		}
	}
	if w.output != "" {
		w.out, err = os.OpenFile(w.output, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
		if err != nil {
			return 7, fmt.Errorf("open: %w", err)
		}
	}
	return 0, nil
}

// lock opens a pid file as pidfile_open(3) does.
func lock(path string) (*os.File, int, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, 2, fmt.Errorf("pidfile ``%s'': %w", path, err)
	}
	err = syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		pid, _ := io.ReadAll(io.LimitReader(file, 32))
		_ = file.Close()
		return nil, 3, fmt.Errorf("process already running, pid: %s", strings.TrimSpace(string(pid)))
	}
	if err != nil {
		_ = file.Close()
		return nil, 2, fmt.Errorf("pidfile ``%s'': %w", path, err)
	}
	return file, 0, nil
}

// write puts a process id into a pid file, without a newline as pidfile_write(3).
func write(file *os.File, pid int) {
	if file == nil {
		return
	}
	if err := file.Truncate(0); err != nil {
		return
	}
	_, _ = file.WriteAt([]byte(fmt.Sprint(pid)), 0)
}

// close removes the pid files, which ends their locks.
func (w *watcher) close() {
	for _, file := range []*os.File{w.child, w.parent} {
		if file != nil {
			_ = os.Remove(file.Name())
			_ = file.Close()
		}
	}
	if w.out != nil {
		_ = w.out.Close()
	}
}

func (w *watcher) listen() chan os.Signal {
	events := make(chan os.Signal, 4)
	signal.Notify(events, syscall.SIGTERM, syscall.SIGHUP)
	return events
}

// supervise runs the command until it ends, or for ever with a restart;
// SIGTERM is passed on to the command and ends the watch. Signals that it does
// not await kill it, as they do the real one.
func (w *watcher) supervise(events chan os.Signal) int {
	defer signal.Stop(events)
	write(w.parent, os.Getpid())
	for {
		terminated := w.once(events)
		if !w.restart || terminated {
			return 0
		}
		delay := time.NewTimer(w.delay)
		select {
		case <-delay.C:
		case event := <-events:
			delay.Stop()
			if event == syscall.SIGTERM {
				return 0
			}
		}
	}
}

// once runs the command once and reports whether SIGTERM came meanwhile.
func (w *watcher) once(events chan os.Signal) (terminated bool) {
	cmd := exec.Command(w.command[0], w.command[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	if w.out != nil {
		cmd.Stdout, cmd.Stderr = w.out, w.out
	}
	if err := cmd.Start(); err != nil {
		fmt.Fprintf(os.Stderr, "daemon: %s: %v\n", w.command[0], err)
		if w.out != nil {
			fmt.Fprintf(w.out, "daemon: %s: %v\n", w.command[0], err)
		}
		return false
	}
	write(w.child, cmd.Process.Pid)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = cmd.Wait() // how it ended does not matter to daemon(8)
	}()
	for {
		select {
		case <-ended:
			if w.child != nil {
				_ = w.child.Truncate(0)
			}
			return terminated
		case event := <-events:
			if event == syscall.SIGTERM {
				terminated = true
				_ = cmd.Process.Signal(event)
			}
		}
	}
}
