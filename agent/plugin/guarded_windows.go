package plugin

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"unsafe"

	"golang.org/x/sys/windows"
)

// candidate is true for programs that can be started as they are.
func candidate(name string) bool { return strings.EqualFold(filepath.Ext(name), ".exe") }

// runnable says why a file must not be run as the system, or nil.
func runnable(path string, file fs.FileInfo) error {
	switch {
	case file.Mode()&fs.ModeSymlink != 0:
		return errors.New("it is a symbolic link; put the program itself here")
	case !file.Mode().IsRegular():
		return errors.New("it is not a file")
	}
	return guarded(path)
}

// everybody are the groups that ordinary users are in.
var everybody = []windows.WELL_KNOWN_SID_TYPE{
	windows.WinWorldSid, windows.WinAuthenticatedUserSid, windows.WinBuiltinUsersSid,
	windows.WinBuiltinGuestsSid, windows.WinAnonymousSid, windows.WinInteractiveSid,
}

// writing are the rights that allow to change a file or to put one into a
// directory (FILE_WRITE_DATA, FILE_APPEND_DATA, FILE_DELETE_CHILD and those
// over the object itself).
const writing = 0x2 | 0x4 | 0x40 | windows.DELETE | windows.WRITE_DAC | windows.WRITE_OWNER |
	windows.GENERIC_WRITE | windows.GENERIC_ALL

// guarded says why ordinary users can write to path, or nil.
func guarded(path string) error {
	sd, err := windows.GetNamedSecurityInfo(path, windows.SE_FILE_OBJECT, windows.DACL_SECURITY_INFORMATION)
	if err != nil {
		return fmt.Errorf("read the access list of %s: %w", path, err)
	}
	dacl, _, err := sd.DACL()
	if err != nil || dacl == nil {
		return fmt.Errorf("%s has no access list, so everybody can write to it", path)
	}
	for i := range uint32(dacl.AceCount) {
		var ace *windows.ACCESS_ALLOWED_ACE
		if err := windows.GetAce(dacl, i, &ace); err != nil {
			return fmt.Errorf("read the access list of %s: %w", path, err)
		}
		if ace.Header.AceType != windows.ACCESS_ALLOWED_ACE_TYPE || ace.Mask&writing == 0 ||
			ace.Header.AceFlags&windows.INHERIT_ONLY_ACE != 0 {
			continue
		}
		sid := (*windows.SID)(unsafe.Pointer(&ace.SidStart))
		for _, group := range everybody {
			if sid.IsWellKnown(group) {
				return fmt.Errorf(`%s can be written by ordinary users (%s); run: icacls "%s" /inheritance:r /grant *S-1-5-18:F *S-1-5-32-544:F`, path, sid, path)
			}
		}
	}
	return nil
}
