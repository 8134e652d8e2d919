package plugin

import "strings"

// outOfMemory judges whether a program that ended badly did so because memory
// was refused to it. The system refuses by failing a call, so the program is
// the one that knows: the texts are those of the Go and C++ runtimes, Python,
// PHP, Perl, libc's strerror(ENOMEM) and Windows' ERROR_COMMITMENT_LIMIT. One
// that died without a word had, if memory was why, most of it in use.
func outOfMemory(stderr string, peak, limit int64) bool {
	if peak >= limit*3/4 {
		return true
	}
	for _, text := range []string{
		"out of memory", "Out of memory", "bad_alloc", "MemoryError",
		"Allowed memory size", "Cannot allocate memory", "cannot allocate memory",
		"paging file is too small",
	} {
		if strings.Contains(stderr, text) {
			return true
		}
	}
	return false
}
