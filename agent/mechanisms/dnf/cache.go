package dnf

import (
	"errors"
	"io/fs"
	slashpath "path"
	"strings"

	"innkeeper/agent/guest"
)

// cache is where dnf has what it fetches, a folder for each repository, and
// lock what has the number of the process that changes packages (dnf.conf(5),
// cachedir and persistdir; dnf/lock.py).
const (
	cache = "/var/cache/dnf"
	lock  = "/var/lib/dnf/rpmdb_lock.pid"
)

// Fetched are the packages that dnf fetched and has not done with: it keeps them
// until its next transaction that succeeds (dnf.conf(5), keepcache).
func Fetched(m guest.Machine) ([]string, error) {
	repositories, err := list(m, cache)
	if err != nil {
		return nil, err
	}
	var all []string
	for _, r := range repositories {
		if !r.IsDir() {
			continue
		}
		dir := slashpath.Join(cache, r.Name(), "packages")
		files, err := list(m, dir)
		if err != nil {
			return nil, err
		}
		for _, f := range files {
			if strings.HasSuffix(f.Name(), ".rpm") {
				all = append(all, slashpath.Join(dir, f.Name()))
			}
		}
	}
	return all, nil
}

func list(m guest.Machine, dir string) ([]fs.DirEntry, error) {
	entries, err := m.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return entries, err
}

// Working says whether a dnf is changing packages.
func Working(m guest.Machine) bool {
	pid, err := m.ReadFile(lock)
	if err != nil {
		return false
	}
	_, err = m.Stat("/proc/" + strings.TrimSpace(string(pid)) + "/stat")
	return err == nil
}
