// Package zoneinfo sets the zone of a machine that has IANA's zones in files:
// /etc/localtime is one of them, as a link (localtime(5) of systemd) or a copy.
package zoneinfo

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"innkeeper/agent/guest"
)

const (
	// Dir has a file for each zone.
	Dir = "/usr/share/zoneinfo"
	// Localtime is the zone in force.
	Localtime = "/etc/localtime"
	// NameFile holds the zone's name on Debian's systems, for programs that do
	// not look at the link.
	NameFile = "/etc/timezone"
)

// magic begins every file of a zone (RFC 9636 section 3.1).
var magic = []byte("TZif")

// Known says whether the machine has a zone of this name.
func Known(m guest.Machine, name string) (bool, error) {
	info, err := m.Stat(path.Join(Dir, name))
	if errors.Is(err, fs.ErrNotExist) || err == nil && !info.Mode().IsRegular() {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	b, err := m.ReadFile(path.Join(Dir, name))
	return bytes.HasPrefix(b, magic), err
}

const (
	linkKind = "link:"
	copyKind = "copy:"
)

// Read tells all that Localtime is, in a form that Write takes; empty if there
// is none.
func Read(m guest.Machine) (string, error) {
	if target, err := m.Readlink(Localtime); err == nil {
		return linkKind + target, nil
	}
	b, err := m.ReadFile(Localtime)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	return copyKind + base64.StdEncoding.EncodeToString(b), err
}

// Link is Localtime as a link to a zone, the way that systemd-timedated makes it.
func Link(name string) string { return linkKind + path.Join("../usr/share/zoneinfo", name) }

// Copy is Localtime as a copy of a zone's file.
func Copy(m guest.Machine, name string) (string, error) {
	b, err := m.ReadFile(path.Join(Dir, name))
	return copyKind + base64.StdEncoding.EncodeToString(b), err
}

// Name is the zone that Localtime is a link to, or empty if it is none.
func Name(localtime string) string {
	target, ok := strings.CutPrefix(localtime, linkKind)
	if !ok {
		return ""
	}
	if !path.IsAbs(target) {
		target = path.Join(path.Dir(Localtime), target)
	}
	name, ok := strings.CutPrefix(path.Clean(target), Dir+"/")
	if !ok {
		return ""
	}
	return name
}

// Write makes Localtime what Read told. A power cut before a copy is written
// in the place of a link leaves the machine at UTC.
func Write(m guest.Machine, localtime string) error {
	if target, ok := strings.CutPrefix(localtime, linkKind); ok {
		return m.Symlink(target, Localtime)
	}
	if err := m.Remove(Localtime); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if localtime == "" {
		return nil
	}
	b, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(localtime, copyKind))
	if err != nil {
		return fmt.Errorf("what %s was is no longer known: %w", Localtime, err)
	}
	return m.WriteFile(Localtime, b, 0o644)
}

// Describe is what Read told in words, for people.
func Describe(localtime string) string {
	switch target, link := strings.CutPrefix(localtime, linkKind); {
	case Name(localtime) != "":
		return Name(localtime)
	case link:
		return target
	case localtime != "":
		return "a copy of a zone"
	}
	return "UTC, by default"
}
