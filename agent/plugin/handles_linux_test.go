package plugin_test

import (
	"os"
	"testing"
)

// openHandles is how many files this process has open.
func openHandles(t *testing.T) int {
	t.Helper()
	open, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(open)
}
