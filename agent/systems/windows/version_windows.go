package windows

import (
	"fmt"

	"golang.org/x/sys/windows"
)

// version asks the kernel, which unlike GetVersionEx tells the truth to
// programs without a manifest.
func version() string {
	v := windows.RtlGetVersion()
	return fmt.Sprintf("%d.%d.%d", v.MajorVersion, v.MinorVersion, v.BuildNumber)
}
