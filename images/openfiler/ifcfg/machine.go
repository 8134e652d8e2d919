package ifcfg

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

// Machine is what the commands work on; tests give one of their own.
type Machine struct {
	// Root is put before every path.
	Root string
	// Out and Err are the command's.
	Out, Err io.Writer
	// UID is the caller's.
	UID int
	// Run runs a program of the machine and says whether it ended well.
	Run func(argv ...string) error
	// Env, if set, runs a program with more in its environment.
	Env func(env []string, argv ...string) error
	// Kill ends a process.
	Kill func(pid int) error
}

// Real is the machine the program runs on.
func Real() *Machine {
	m := &Machine{Root: "/", Out: os.Stdout, Err: os.Stderr, UID: os.Getuid()}
	m.Env = func(env []string, argv ...string) error {
		cmd := exec.Command(argv[0], argv[1:]...)
		cmd.Env = append([]string{"PATH=/sbin:/usr/sbin:/bin:/usr/bin"}, env...)
		cmd.Stdout, cmd.Stderr = io.Discard, io.Discard
		return cmd.Run()
	}
	m.Run = func(argv ...string) error { return m.Env(nil, argv...) }
	m.Kill = func(pid int) error { return syscall.Kill(pid, syscall.SIGTERM) }
	return m
}

// Folders and files of the initscripts.
const (
	scriptsDir  = "etc/sysconfig/network-scripts"
	networkFile = "etc/sysconfig/network"
)

func (m *Machine) path(parts ...string) string {
	return filepath.Join(append([]string{m.Root}, parts...)...)
}

// load finds the configuration of an argument, "eth0" or "ifcfg-eth0", and
// reads /etc/sysconfig/network below it. It returns a nil Config without an
// error if there is none.
func (m *Machine) load(arg string) (Config, error) {
	name := filepath.Base(arg)
	if !strings.HasPrefix(name, "ifcfg-") {
		name = "ifcfg-" + name
	}
	data, err := os.ReadFile(m.path(scriptsDir, name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	own, err := Parse(string(data))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	all := Config{}
	if data, err := os.ReadFile(m.path(networkFile)); err == nil {
		if all, err = Parse(string(data)); err != nil {
			return nil, fmt.Errorf("/%s: %w", networkFile, err)
		}
	}
	for k, v := range own {
		all[k] = v
	}
	if all["DEVICE"] == "" {
		all["DEVICE"] = strings.TrimPrefix(name, "ifcfg-")
	}
	return all, nil
}

// refuse names what the file asks for and no double does yet.
func (m *Machine) refuse(c Config) error {
	dev := c["DEVICE"]
	if strings.ContainsAny(dev, ":/ ") || strings.HasPrefix(dev, "-") {
		return fmt.Errorf("%s: this double knows no such interface", dev)
	}
	for _, key := range []string{"SLAVE", "MASTER", "BRIDGE", "TYPE"} {
		if v := c[key]; v != "" && v != "no" && v != "Ethernet" {
			return fmt.Errorf("%s=%s: this double knows plain interfaces only", key, v)
		}
	}
	for _, file := range []string{"route6-" + dev, "rule-" + dev, "rule6-" + dev} {
		if _, err := os.Stat(m.path(scriptsDir, file)); err == nil {
			return fmt.Errorf("%s: this double knows static routes of IPv4 only", file)
		}
	}
	return nil
}

// hardware is the address of an interface, empty if there is no interface.
func (m *Machine) hardware(dev string) string {
	b, err := os.ReadFile(m.path("sys/class/net", dev, "address"))
	if err != nil {
		return ""
	}
	return strings.ToUpper(strings.TrimSpace(string(b)))
}

func (m *Machine) pidFile(dev string) string { return m.path("var/run/dhclient-" + dev + ".pid") }
