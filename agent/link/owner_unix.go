//go:build unix

package link

import (
	"io/fs"
	"syscall"
)

// owner is a file's, not known for one that is not on this machine.
func owner(info fs.FileInfo) (uid int, known bool) {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, false
	}
	return int(st.Uid), true
}
