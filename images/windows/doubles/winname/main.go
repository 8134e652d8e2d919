//go:build linux

// Command winname gives the Linux system beneath the Windows lookalike the
// name that the registry holds, before Wine starts. A Windows takes a new
// computer name into use at the next start; Wine instead writes the Linux name
// into the registry at every start, and so would undo it.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

func main() {
	registry := flag.String("registry", "", "Wine's system.reg")
	root := flag.String("root", "/", "where etc/hosts and etc/hostname are")
	flag.Parse()
	if *registry == "" || flag.NArg() > 0 {
		fmt.Fprintln(os.Stderr, "usage: winname --registry=FILE [--root=DIR]")
		os.Exit(2)
	}
	if err := run(*registry, *root, func(name string) error { return unix.Sethostname([]byte(name)) }); err != nil {
		fmt.Fprintln(os.Stderr, "winname:", err)
		os.Exit(1)
	}
}

// run reads the name from the registry file, hands it to set and writes it
// below root.
func run(registry, root string, set func(name string) error) error {
	data, err := os.ReadFile(registry)
	if err != nil {
		return err
	}
	name, err := readName(data)
	if err != nil {
		return fmt.Errorf("%s: %w", registry, err)
	}
	if err := set(name.host); err != nil {
		return fmt.Errorf("set the host name %q: %w", name.host, err)
	}
	if err := replace(filepath.Join(root, "etc/hostname"), []byte(name.host+"\n")); err != nil {
		return err
	}
	return replace(filepath.Join(root, "etc/hosts"), name.hosts())
}

// replace writes a file whole or not at all, and leaves one alone that is
// already right.
func replace(file string, data []byte) error {
	if old, err := os.ReadFile(file); err == nil && bytes.Equal(old, data) {
		return nil
	}
	temp := file + ".new"
	if err := os.WriteFile(temp, data, 0o644); err != nil {
		return err
	}
	return os.Rename(temp, file)
}
