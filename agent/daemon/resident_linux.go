package daemon

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
)

// releaseProgram gives back the pages of the program that are resident: its
// code and constants. The kernel maps 16 pages around each that is touched
// (fault_around_bytes in mm/memory.c), so that a start, which touches a little
// of everything, has nearly the whole file resident, of which a daemon at rest
// needs a third. They are clean pages of a file: MADV_DONTNEED, madvise(2),
// loses nothing, and what is needed again comes from the page cache.
func releaseProgram() error {
	program, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return fmt.Errorf("find the program: %w", err)
	}
	maps, err := os.Open("/proc/self/maps")
	if err != nil {
		return fmt.Errorf("list what is mapped: %w", err)
	}
	defer func() { _ = maps.Close() }()
	var errs []error
	lines := bufio.NewScanner(maps)
	for lines.Scan() {
		if from, to, ok := readOnlyOf(lines.Text(), program); ok {
			if _, _, errno := syscall.Syscall(syscall.SYS_MADVISE, from, to-from, syscall.MADV_DONTNEED); errno != 0 {
				errs = append(errs, fmt.Errorf("madvise: %w", errno))
			}
		}
	}
	return errors.Join(append(errs, lines.Err())...)
}

// readOnlyOf is where a mapping of file begins and ends, if the line of
// /proc/PID/maps, proc(5), is of one that nobody can have written to.
func readOnlyOf(line, file string) (from, to uintptr, ok bool) {
	words := strings.Fields(line)
	if len(words) < 6 || strings.Contains(words[1], "w") || !strings.HasSuffix(line, " "+file) {
		return 0, 0, false
	}
	if _, err := fmt.Sscanf(words[0], "%x-%x", &from, &to); err != nil {
		return 0, 0, false
	}
	return from, to, from < to
}
