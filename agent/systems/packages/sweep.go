package packages

import (
	"context"
	"errors"
	"io/fs"
	slashpath "path"
	"regexp"

	"innkeeper/agent/guest"
	"innkeeper/agent/mechanisms/dnf"
	"innkeeper/agent/mechanisms/rpm"
)

// unfinished is the name of a file that rpm has not wholly unpacked, or not yet
// put into its place: the final name, and the transaction's number (rpm's
// lib/fsm.c, which never comes back to one of a transaction that was cut short).
var unfinished = regexp.MustCompile(`^(.+);[0-9a-f]{8}$`)

// sweep takes away the unfinished files of packages that dnf has fetched and not
// done with. While a dnf is at work they may be its own.
func sweep(ctx context.Context, m guest.Machine) error {
	fetched, err := dnf.Fetched(m)
	if err != nil || len(fetched) == 0 || dnf.Working(m) {
		return err
	}
	files, err := rpm.Files(ctx, m, fetched)
	if err != nil {
		return err
	}
	expected := map[string]map[string]bool{}
	for _, path := range files {
		dir, base := slashpath.Split(path)
		if expected[dir] == nil {
			expected[dir] = map[string]bool{}
		}
		expected[dir][base] = true
	}
	for dir, names := range expected {
		entries, err := m.ReadDir(slashpath.Clean(dir))
		if err != nil { // it was not made yet
			continue
		}
		for _, e := range entries {
			found := unfinished.FindStringSubmatch(e.Name())
			if e.IsDir() || found == nil || !names[found[1]] {
				continue
			}
			if err := m.Remove(slashpath.Join(dir, e.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
	}
	return nil
}
