package plugin_test

import (
	"testing"
	"unsafe"

	"golang.org/x/sys/windows"
)

// openHandles is how many handles this process has, of whatever kind
// (GetProcessHandleCount in the Windows API reference).
func openHandles(t *testing.T) int {
	t.Helper()
	count := windows.NewLazySystemDLL("kernel32.dll").NewProc("GetProcessHandleCount")
	var n uint32
	if ok, _, err := count.Call(uintptr(windows.CurrentProcess()), uintptr(unsafe.Pointer(&n))); ok == 0 {
		t.Fatal(err)
	}
	return int(n)
}
