package build

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// writeInitrd writes the initrd: the init program and the named modules of the
// folder modules with all they depend on, unpacked, numbered in the order of
// loading. It is not compressed: reading more is cheaper for an emulated guest
// than unpacking.
func writeInitrd(ctx context.Context, file, init, modules string, names []string) error {
	data, err := os.ReadFile(filepath.Join(modules, "modules.dep"))
	if err != nil {
		return err
	}
	order, err := loadOrder(string(data), names)
	if err != nil {
		return err
	}
	program, err := os.ReadFile(init)
	if err != nil {
		return err
	}
	var archive cpio
	for _, dir := range []string{"dev", "proc", "sys", "newroot", "modules"} {
		archive.add(cpioFile{name: dir, mode: modeDir | 0o755})
	}
	// The kernel opens it before the program can mount anything.
	archive.add(cpioFile{name: "dev/console", mode: modeChar | 0o600, major: 5, minor: 1})
	archive.add(cpioFile{name: "init", mode: modeRegular | 0o755, data: program})
	for i, name := range order {
		var module bytes.Buffer
		cmd := tool(ctx, "xz", "--decompress", "--stdout", filepath.Join(modules, name))
		if !strings.HasSuffix(name, ".xz") {
			cmd = tool(ctx, "cat", filepath.Join(modules, name))
		}
		cmd.Stdout = &module
		if err := run(ctx, cmd); err != nil {
			return err
		}
		archive.add(cpioFile{name: fmt.Sprintf("modules/%02d-%s.ko", i, moduleName(name)), mode: modeRegular | 0o644, data: module.Bytes()})
	}
	return os.WriteFile(file, archive.bytes(), 0o644)
}

// moduleName is the name of the module in a file such as
// "kernel/net/core/failover.ko.xz". The kernel takes - and _ for the same.
func moduleName(file string) string {
	name, _, _ := strings.Cut(path.Base(file), ".")
	return strings.ReplaceAll(name, "-", "_")
}

// loadOrder lists the files of the named modules, each after those it needs,
// from the text of modules.dep (depmod(8): "file: needed needed ...").
func loadOrder(dep string, names []string) ([]string, error) {
	files := map[string]string{}
	needs := map[string][]string{}
	for line := range strings.Lines(dep) {
		file, rest, ok := strings.Cut(strings.TrimSpace(line), ":")
		if !ok {
			continue
		}
		files[moduleName(file)] = file
		needs[file] = strings.Fields(rest)
	}
	var order []string
	seen := map[string]bool{}
	var add func(file string)
	add = func(file string) {
		if seen[file] {
			return
		}
		seen[file] = true
		for _, n := range needs[file] {
			add(n)
		}
		order = append(order, file)
	}
	for _, name := range names {
		file, ok := files[moduleName(name)]
		if !ok {
			return nil, fmt.Errorf("the kernel has no module %s", name)
		}
		add(file)
	}
	return order, nil
}
