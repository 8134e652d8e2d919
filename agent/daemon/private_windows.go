package daemon

import (
	"fmt"
	"os"

	"golang.org/x/sys/windows"
)

// private is an access list, inherited by all below, of the system and of
// administrators (SDDL: Security Descriptor String Format in the Windows API
// reference). What lies in C:\ProgramData is else for every user to read.
const private = "D:P(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)"

// makePrivate makes a folder that only the system and administrators can look into.
func makePrivate(dir string) (warning, err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	sd, err := windows.SecurityDescriptorFromString(private)
	if err != nil {
		return nil, err
	}
	list, _, err := sd.DACL()
	if err != nil {
		return nil, err
	}
	err = windows.SetNamedSecurityInfo(dir, windows.SE_FILE_OBJECT,
		windows.DACL_SECURITY_INFORMATION|windows.PROTECTED_DACL_SECURITY_INFORMATION, nil, nil, list, nil)
	if err != nil {
		return fmt.Errorf("keep %s from other users: %w", dir, err), nil
	}
	return nil, nil
}
