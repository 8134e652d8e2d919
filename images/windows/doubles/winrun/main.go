//go:build linux

// Command winrun runs a Windows program in the lookalike's Wine, for what
// reaches the guest by ssh: standard input and output pass through, and the
// program starts in C:\ with the environment of the guest's services.
//
// A Linux exit status has eight bits. winrun ends with the lowest eight of the
// Windows exit code; with --code it also says the whole code on the last line
// of standard error, and never ends with 0 for a code that is not 0.
package main

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"innkeeper/images/windows/appears"
)

const (
	// environment is the file that Wine's start shares with winrun.
	environment = "/etc/default/wine"
	// ready is there once Wine's service manager runs.
	ready = "/run/windows.ready"
	// startTimeout bounds the wait for it: a start takes some 10 s, and some
	// times that where six emulated guests start on two processors.
	startTimeout = 3 * time.Minute
	// wine is Debian's 64-bit loader.
	wine = "/usr/lib/wine/wine64"
	// exitCode is the Windows program that reports an exit code in full.
	exitCode = "/usr/local/lib/windows/exitcode.exe"
)

func main() {
	argv, err := command(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "winrun:", err)
		os.Exit(2)
	}
	if err := run(argv); err != nil {
		fmt.Fprintln(os.Stderr, "winrun:", err)
		os.Exit(1)
	}
}

// command returns what is to be executed for winrun's own arguments.
func command(args []string) ([]string, error) {
	argv := []string{wine}
	if len(args) > 0 && args[0] == "--code" {
		argv, args = append(argv, exitCode), args[1:]
	}
	if len(args) > 0 && args[0] == "--" {
		args = args[1:]
	} else if len(args) > 0 && strings.HasPrefix(args[0], "-") {
		return nil, fmt.Errorf("unknown option %s", args[0])
	}
	if len(args) == 0 || args[0] == "" {
		return nil, errors.New("usage: winrun [--code] PROGRAM [ARGUMENT...]")
	}
	return append(argv, args...), nil
}

// run becomes the Windows program, once Windows is up.
func run(argv []string) error {
	env, err := readEnvironment(environment)
	if err != nil {
		return err
	}
	prefix := lookUp(env, "WINEPREFIX")
	if prefix == "" {
		return fmt.Errorf("%s names no WINEPREFIX", environment)
	}
	if err := awaitWindows(ready, startTimeout); err != nil {
		return err
	}
	drive := prefix + "/drive_c"
	if err := os.Chdir(drive); err != nil {
		return err
	}
	program := 1
	if argv[1] == exitCode {
		program = 2
	}
	argv[program] = resolve(drive, argv[program])
	if err := unix.Exec(argv[0], argv, env); err != nil {
		return fmt.Errorf("execute %s: %w", argv[0], err)
	}
	return nil
}

// searched are the folders of Windows' PATH, below drive C:.
var searched = []string{`windows\system32`, `windows`, `windows\system32\wbem`, `windows\system32\WindowsPowerShell\v1.0`}

// resolve finds a program named without a folder as Windows would, in any
// case and with or without its extension. Wine does it too, but by starting
// another program first, which under emulation takes as long as the program.
func resolve(drive, program string) string {
	if strings.ContainsAny(program, `\/:`) {
		return program
	}
	for _, folder := range searched {
		entries, err := os.ReadDir(filepath.Join(drive, strings.ReplaceAll(folder, `\`, "/")))
		if err != nil {
			continue
		}
		for _, extension := range []string{"", ".com", ".exe"} {
			for _, e := range entries {
				if strings.EqualFold(e.Name(), program+extension) && !e.IsDir() {
					return `C:\` + folder + `\` + e.Name()
				}
			}
		}
	}
	return program
}

// awaitWindows returns when the file ready is there. A program that came
// earlier would start a second set of everything.
func awaitWindows(ready string, timeout time.Duration) error {
	w, err := appears.New(filepath.Dir(ready))
	if err != nil {
		return err
	}
	timer := time.AfterFunc(timeout, func() { w.Close() })
	defer timer.Stop()
	for {
		if _, err := os.Stat(ready); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if err := w.Next(); err != nil {
			//lint:ignore ST1005 a name
			return fmt.Errorf("Windows has not started within %s (no %s): see /var/log/messages", timeout, ready)
		}
	}
}

// readEnvironment reads a file of NAME=value lines, as systemd's
// EnvironmentFile has them, without quoting.
func readEnvironment(file string) ([]string, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var env []string
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		if line := strings.TrimSpace(lines.Text()); line != "" && !strings.HasPrefix(line, "#") {
			env = append(env, line)
		}
	}
	return env, lines.Err()
}

func lookUp(env []string, name string) string {
	for _, e := range env {
		if k, v, _ := strings.Cut(e, "="); k == name {
			return v
		}
	}
	return ""
}
