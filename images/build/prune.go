package build

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// kept is how many entries of one kind and system stay: the newest, and those
// of branches that someone goes back to. Each has up to a gigabyte.
const kept = 4

// prune removes the least recently used entries that differ from name in their
// hash only. A guest that runs on one of them has its files open and goes on.
func (s *store) prune(name string) {
	kind := name[:strings.LastIndexByte(name, '-')+1]
	type entry struct {
		dir  string
		used time.Time
	}
	var entries []entry
	dirs, _ := filepath.Glob(filepath.Join(s.dir, kind+"*"))
	for _, dir := range dirs {
		if strings.Contains(strings.TrimPrefix(filepath.Base(dir), kind), "-") {
			continue // of a system whose name begins like this one's
		}
		if info, err := os.Stat(filepath.Join(dir, manifestName)); err == nil {
			entries = append(entries, entry{dir, info.ModTime()})
		}
	}
	slices.SortFunc(entries, func(a, b entry) int { return b.used.Compare(a.used) })
	for i, e := range entries {
		if i >= kept && filepath.Base(e.dir) != name {
			_ = os.RemoveAll(e.dir)
		}
	}
}
