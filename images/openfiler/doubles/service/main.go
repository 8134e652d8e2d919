// Command service doubles service(8) of Red Hat's initscripts (the script
// "service" of fedora-sysv/initscripts): it runs a script of /etc/init.d in a
// clean environment and ends as the script does.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

const (
	usage   = "Usage: service < option > | --status-all | [ service_name [ command | --full-restart ] ]"
	version = "service ver. 0.91"
)

func main() {
	if err := os.Chdir("/"); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	t := tool{dir: "/etc/init.d", out: os.Stdout, err: os.Stderr}
	os.Exit(t.run(os.Args[1:]))
}

type tool struct {
	dir      string
	out, err io.Writer
}

func (t tool) run(args []string) int {
	if len(args) == 0 {
		fmt.Fprintln(t.err, usage)
		return 1
	}
	switch first := args[0]; {
	case first == "-h" || strings.HasPrefix(first, "--h"):
		fmt.Fprintln(t.err, usage)
		return 0
	case first == "-V" || first == "--version":
		fmt.Fprintln(t.err, version)
		return 0
	case first == "--status-all" && len(args) == 1:
		return t.statusAll()
	}
	name, words := args[0], args[1:]
	if info, err := os.Stat(filepath.Join(t.dir, name)); name == "" || err != nil || !info.Mode().IsRegular() {
		fmt.Fprintf(t.err, "%s: unrecognized service\n", name)
		return 1
	}
	if len(words) == 1 && words[0] == "--full-restart" {
		t.script(name, "stop")
		return t.script(name, "start")
	}
	return t.script(name, words...)
}

// statusAll asks every script but those that are not services.
func (t tool) statusAll() int {
	entries, err := os.ReadDir(t.dir)
	if err != nil {
		return 1
	}
	for _, e := range entries {
		switch n := e.Name(); {
		case n == "functions", n == "halt", n == "killall", n == "single", n == "linuxconf", n == "kudzu", n == "reboot", n == "boot":
		case strings.HasSuffix(n, "~"), strings.HasSuffix(n, ".rpmsave"), strings.HasSuffix(n, ".rpmnew"), strings.HasSuffix(n, ".rpmorig"):
		default:
			info, err := os.Stat(filepath.Join(t.dir, n))
			if err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
				t.script(n, "status")
			}
		}
	}
	return 0
}

// script runs a service's script with nothing of the environment but the path
// and the terminal's kind.
func (t tool) script(name string, words ...string) int {
	cmd := exec.Command(filepath.Join(t.dir, name), words...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "TERM=" + os.Getenv("TERM")}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, t.out, t.err
	err := cmd.Run()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit) && exit.ExitCode() >= 0:
		return exit.ExitCode()
	case errors.Is(err, os.ErrPermission):
		fmt.Fprintf(t.err, "%s: Permission denied\n", filepath.Join(t.dir, name))
		return 126
	}
	fmt.Fprintln(t.err, err)
	return 1
}
