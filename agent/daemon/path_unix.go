//go:build unix

package daemon

import (
	"os"
	"slices"
	"strings"
)

// CompletePath adds to PATH the directories of the system's commands that are
// not in it: an init or rc script may start the daemon with a short one.
func CompletePath() error {
	have := strings.Split(os.Getenv("PATH"), ":")
	for _, dir := range []string{"/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"} {
		if !slices.Contains(have, dir) {
			have = append(have, dir)
		}
	}
	have = slices.DeleteFunc(have, func(dir string) bool { return dir == "" || dir == "." })
	return os.Setenv("PATH", strings.Join(have, ":"))
}
