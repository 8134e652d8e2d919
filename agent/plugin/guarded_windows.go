package plugin

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
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
	n, err := names(path)
	if err != nil {
		return err
	}
	if n > 1 {
		return fmt.Errorf("the file has %d names (hard links); put a copy here", n)
	}
	return guardedBy(path, writing)
}

// names is how many hard links a file has.
func names(path string) (uint32, error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer func() { _ = f.Close() }()
	var info windows.ByHandleFileInformation
	if err := windows.GetFileInformationByHandle(windows.Handle(f.Fd()), &info); err != nil {
		return 0, fmt.Errorf("look at %s: %w", path, err)
	}
	return info.NumberOfLinks, nil
}

// The rights that allow to put another program in the place of one ([MS-DTYP]
// 2.4.3, winnt.h).
const (
	// replacing, on a directory on the way: FILE_DELETE_CHILD and those over
	// the directory itself. To make new files in it changes nothing that is.
	replacing = 0x40 | windows.DELETE | windows.WRITE_DAC | windows.WRITE_OWNER | windows.GENERIC_ALL
	// writing, on the file and its directory, adds FILE_WRITE_DATA or
	// FILE_ADD_FILE, and FILE_APPEND_DATA or FILE_ADD_SUBDIRECTORY.
	writing = replacing | 0x2 | 0x4 | windows.GENERIC_WRITE
)

// guarded says why others could put files into a directory, or nil. Whoever
// can rename a directory on the way can, too.
func guarded(dir string) error {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	for rights := windows.ACCESS_MASK(writing); ; rights = replacing {
		info, err := os.Lstat(dir)
		if err != nil {
			return err
		}
		if !info.IsDir() { // a junction is irregular
			return fmt.Errorf("%s is a link or junction; name the directory itself", dir)
		}
		if err := guardedBy(dir, rights); err != nil {
			return err
		}
		up := filepath.Dir(dir)
		if up == dir {
			return nil
		}
		dir = up
	}
}

// guardedBy says who besides the system, administrators and the agent's own
// user owns path or has one of the rights over it.
func guardedBy(path string, rights windows.ACCESS_MASK) error {
	sd, err := windows.GetNamedSecurityInfo(path, windows.SE_FILE_OBJECT, windows.DACL_SECURITY_INFORMATION|windows.OWNER_SECURITY_INFORMATION)
	if err != nil {
		return fmt.Errorf("read the access list of %s: %w", path, err)
	}
	own, err := windows.GetCurrentProcessToken().GetTokenUser()
	if err != nil {
		return fmt.Errorf("find out the own user: %w", err)
	}
	return judge(path, sd, own.User.Sid, rights)
}

// trustedInstaller owns what Windows itself has installed (the SID of the
// service of that name, NT SERVICE\TrustedInstaller).
const trustedInstaller = "S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464"

func trusted(sid, own *windows.SID) bool {
	return sid.IsWellKnown(windows.WinLocalSystemSid) || sid.IsWellKnown(windows.WinBuiltinAdministratorsSid) ||
		// These two stand for the owner, who is looked at himself.
		sid.IsWellKnown(windows.WinCreatorOwnerSid) || sid.IsWellKnown(windows.WinCreatorOwnerRightsSid) ||
		sid.Equals(own) || sid.String() == trustedInstaller
}

func judge(path string, sd *windows.SECURITY_DESCRIPTOR, own *windows.SID, rights windows.ACCESS_MASK) error {
	owner, _, err := sd.Owner()
	if err != nil {
		return fmt.Errorf("find out the owner of %s: %w", path, err)
	}
	if owner != nil && !trusted(owner, own) {
		return fmt.Errorf(`%s belongs to %s and not to administrators; run: icacls "%s" /setowner *S-1-5-32-544`, path, account(owner), path)
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
		if !allows(ace) || ace.Mask&rights == 0 || ace.Header.AceFlags&windows.INHERIT_ONLY_ACE != 0 {
			continue
		}
		if sid := (*windows.SID)(unsafe.Pointer(&ace.SidStart)); !trusted(sid, own) {
			return fmt.Errorf(`%s can be written by %s; run: icacls "%s" /inheritance:r /grant *S-1-5-18:F *S-1-5-32-544:F`, path, account(sid), path)
		}
	}
	return nil
}

// allows is true for entries that grant rights and have the SID behind the
// mask; a callback entry has a condition behind it, which may be fulfilled.
func allows(ace *windows.ACCESS_ALLOWED_ACE) bool {
	const allowedCallback = 0x9 // ACCESS_ALLOWED_CALLBACK_ACE_TYPE
	return ace.Header.AceType == windows.ACCESS_ALLOWED_ACE_TYPE || ace.Header.AceType == allowedCallback
}

// account names who a SID is, as far as this machine knows.
func account(sid *windows.SID) string {
	name, domain, _, err := sid.LookupAccount("")
	if err != nil || name == "" {
		return sid.String()
	}
	return strings.TrimPrefix(domain+`\`+name, `\`) + " (" + sid.String() + ")"
}
