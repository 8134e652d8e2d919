package build

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
)

// guestRoot is a root file system with the links a real one has.
func guestRoot(t *testing.T) (string, *overlay) {
	root := filepath.Join(t.TempDir(), "root")
	for _, d := range []string{"etc", "usr/bin"} {
		if err := os.MkdirAll(filepath.Join(root, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	o, err := openOverlay(root)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { o.close() })
	return root, o
}

func TestFilesGetTheirModes(t *testing.T) {
	root, o := guestRoot(t)
	files := fstest.MapFS{
		"root/etc/plain":     {Data: []byte("x")},
		"root/etc/script":    {Data: []byte("#!/bin/sh\n")},
		"root/etc/secret":    {Data: []byte("x")},
		"root/etc/d/in":      {Data: []byte("x")},
		"root/etc/.hidden/x": {Data: []byte("x")},
		"setup.sh":           {Data: []byte("#!/bin/sh\n")},
	}
	if err := o.files(files, map[string]fs.FileMode{"etc/secret": 0o600, "etc/d": 0o700}); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]fs.FileMode{
		"etc/plain": 0o644, "etc/script": 0o755, "etc/secret": 0o600, "etc/d": 0o700 | fs.ModeDir, "etc/.hidden/x": 0o644,
	} {
		info, err := os.Stat(filepath.Join(root, name))
		if err != nil || info.Mode() != want {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
	if _, err := os.Stat(filepath.Join(root, "setup.sh")); err == nil {
		t.Error("the setup script was laid into the root")
	}
}

func TestAModeWithoutAFileIsRefused(t *testing.T) {
	_, o := guestRoot(t)
	err := o.files(fstest.MapFS{"root/etc/x": {}}, map[string]fs.FileMode{"etc/y": 0o600})
	if err == nil || !strings.Contains(err.Error(), "etc/y") {
		t.Errorf("got %v", err)
	}
}

func TestALinkInTheGuestLeadsNowhereOutside(t *testing.T) {
	root, o := guestRoot(t)
	outside := t.TempDir()
	victim := filepath.Join(outside, "victim")
	if err := os.WriteFile(victim, []byte("mine"), 0o644); err != nil {
		t.Fatal(err)
	}
	for link, to := range map[string]string{"etc/file": victim, "etc/dir": outside, "etc/up": "../../../../../../" + outside} {
		if err := os.Symlink(to, filepath.Join(root, link)); err != nil {
			t.Fatal(err)
		}
	}
	// A link in a file's place is replaced by the file.
	if err := o.write("etc/file", []byte("theirs"), 0o644); err != nil {
		t.Error(err)
	}
	for _, name := range []string{"etc/dir/victim", "etc/up/victim", "../victim", "etc/../../victim"} {
		if err := o.write(name, []byte("theirs"), 0o644); err == nil {
			t.Errorf("%s was written", name)
		}
	}
	if data, err := os.ReadFile(victim); err != nil || string(data) != "mine" {
		t.Errorf("the file outside is %q, %v", data, err)
	}
	if data, err := os.ReadFile(filepath.Join(root, "etc/file")); err != nil || string(data) != "theirs" {
		t.Errorf("the file inside is %q, %v", data, err)
	}
}

func TestMaskedUnitsAndGenerators(t *testing.T) {
	root, o := guestRoot(t)
	if err := o.mask([]string{"x.service", "x-generator"}); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"etc/systemd/system/x.service", "etc/systemd/system-generators/x-generator"} {
		if to, err := os.Readlink(filepath.Join(root, name)); err != nil || to != "/dev/null" {
			t.Errorf("%s: %q, %v", name, to, err)
		}
	}
}

func TestIdentityIsThatOfTheLab(t *testing.T) {
	root, o := guestRoot(t)
	if err := o.identity("ubuntu"); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]fs.FileMode{
		"etc/ssh/ssh_host_ed25519_key": 0o600, "root/.ssh": 0o700 | fs.ModeDir, "root/.ssh/authorized_keys": 0o600, "etc/machine-id": 0o444,
	} {
		info, err := os.Stat(filepath.Join(root, name))
		if err != nil || info.Mode() != want {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
}
