// Package netplan is Ubuntu's network configuration: the YAML files of
// netplan(5), their check by netplan's own parser, and netplan apply.
package netplan

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"time"

	"innkeeper/agent/guest"
)

// Dir is where the owner's files lie, one of the three in Dirs.
const Dir = "/etc/netplan"

// Dirs are the directories that netplan reads; a file shadows those of the
// same name in later ones (netplan-generate(8)).
var Dirs = []string{"/run/netplan", Dir, "/lib/netplan"}

// OwnFile is the file of guestd's own for an interface. Its name comes after
// those that installers and cloud-init write, and of what is set twice the
// later file counts.
func OwnFile(device string) string { return Dir + "/90-innkeeper-" + device + ".yaml" }

// Mode is a file's: netplan warns of configuration that others can read.
const Mode = fs.FileMode(0o600)

// deadline bounds netplan, which is written in Python and waits for udev and
// networkd; under emulation it takes tens of seconds.
const deadline = 2 * time.Minute

// File is one file of netplan's.
type File struct {
	Path string
	Text string
}

// Files are all files that netplan reads, in the order of Dirs.
func Files(m guest.Machine) ([]File, error) {
	var files []File
	seen := map[string]bool{}
	for _, dir := range Dirs {
		entries, err := m.ReadDir(dir)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			if e.IsDir() || path.Ext(e.Name()) != ".yaml" || seen[e.Name()] {
				continue
			}
			seen[e.Name()] = true
			b, err := m.ReadFile(dir + "/" + e.Name())
			if err != nil {
				return nil, err
			}
			files = append(files, File{dir + "/" + e.Name(), string(b)})
		}
	}
	return files, nil
}

// scratch is where a configuration is put together to be checked; /run is
// memory and empty after a boot.
const scratch = "/run/guestd-netplan"

// Check has netplan's own parser judge the files, as if no others were there.
// The error holds what netplan says, with file, line and column.
func Check(ctx context.Context, m guest.Machine, files []File) (err error) {
	if err := removeAll(m, scratch); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, removeAll(m, scratch)) }()
	if err := m.MkdirAll(scratch+Dir, 0o700); err != nil {
		return err
	}
	for _, f := range files {
		// The names are unique, whatever directory they come from.
		if err := m.WriteFile(scratch+Dir+"/"+path.Base(f.Path), []byte(f.Text), Mode); err != nil {
			return err
		}
	}
	c := guest.Command{Path: "netplan", Args: []string{"generate", "--root-dir", scratch}, Deadline: deadline}
	r, err := m.Run(ctx, c)
	if err != nil {
		return err
	}
	if r.ExitCode == 0 {
		return nil
	}
	said := strings.TrimSpace(string(r.Stderr))
	if said == "" {
		said = strings.TrimSpace(string(r.Stdout))
	}
	return fmt.Errorf("netplan refuses the configuration: %s", strings.ReplaceAll(strings.ReplaceAll(said, scratch, ""), "\n", " | "))
}

// removeAll removes a directory and all in it, if it is there.
func removeAll(m guest.Machine, dir string) error {
	entries, err := m.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		at := dir + "/" + e.Name()
		if e.IsDir() {
			err = removeAll(m, at)
		} else {
			err = m.Remove(at)
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return m.Remove(dir)
}

// ApplyCommand brings the files into force.
var ApplyCommand = guest.Command{Path: "netplan", Args: []string{"apply"}, Deadline: deadline}

// Apply brings the files into force. That it succeeds does not say that the
// addresses are there yet.
func Apply(ctx context.Context, m guest.Machine) error {
	r, err := m.Run(ctx, ApplyCommand)
	if err != nil {
		return err
	}
	return guest.Check(ApplyCommand, r)
}
