package mirror

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"fmt"
	"strings"
)

// Package is a package with one program, which prints its name and version.
type Package struct {
	Name, Version string
	// Needs are the packages that it depends on.
	Needs []string
	// Fails says that its script after the installation fails.
	Fails bool
	// Padding is how many bytes of data it has beside the program, to make it large.
	Padding int
}

// failure is what a failing script ends with.
const failure = 42

func (p Package) program() string {
	return fmt.Sprintf("#!/bin/sh\necho %s %s\n", p.Name, p.Version)
}

// control is what a package says of itself (deb-control(5)).
func (p Package) control() string {
	var b strings.Builder
	fmt.Fprintf(&b, "Package: %s\nVersion: %s\nArchitecture: all\nMaintainer: Lab <lab@lab.test>\n", p.Name, p.Version)
	if len(p.Needs) > 0 {
		fmt.Fprintf(&b, "Depends: %s\n", strings.Join(p.Needs, ", "))
	}
	fmt.Fprintf(&b, "Description: package of the lab\n")
	return b.String()
}

// file is one file of a package.
type file struct {
	name, text string
	mode       int64
}

// deb is the package in Debian's format (deb(5)).
func (p Package) deb() ([]byte, error) {
	control := []file{{"./control", p.control(), 0o644}}
	if p.Fails {
		control = append(control, file{"./postinst", fmt.Sprintf("#!/bin/sh\necho the lab says no >&2\nexit %d\n", failure), 0o755})
	}
	head, err := tarball(control)
	if err != nil {
		return nil, err
	}
	data := []file{{"./usr/", "", 0o755}, {"./usr/bin/", "", 0o755}, {"./usr/bin/" + p.Name, p.program(), 0o755}}
	if p.Padding > 0 {
		data = append(data, file{"./usr/share/", "", 0o755}, file{"./usr/share/" + p.Name, strings.Repeat("x", p.Padding), 0o644})
	}
	body, err := tarball(data)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	b.WriteString("!<arch>\n")
	member(&b, "debian-binary", []byte("2.0\n"))
	member(&b, "control.tar.gz", head)
	member(&b, "data.tar.gz", body)
	return b.Bytes(), nil
}

// member appends a member to an archive of ar(5).
func member(b *bytes.Buffer, name string, data []byte) {
	fmt.Fprintf(b, "%-16s%-12d%-6d%-6d%-8s%-10d`\n", name, made.Unix(), 0, 0, "100644", len(data))
	b.Write(data)
	if len(data)%2 == 1 {
		b.WriteByte('\n')
	}
}

func tarball(files []file) ([]byte, error) {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	t := tar.NewWriter(z)
	for _, f := range files {
		h := &tar.Header{Name: f.name, Mode: f.mode, Size: int64(len(f.text)), ModTime: made, Format: tar.FormatGNU, Typeflag: tar.TypeReg}
		if strings.HasSuffix(f.name, "/") {
			h.Typeflag = tar.TypeDir
		}
		if err := t.WriteHeader(h); err != nil {
			return nil, err
		}
		if _, err := t.Write([]byte(f.text)); err != nil {
			return nil, err
		}
	}
	if err := t.Close(); err != nil {
		return nil, err
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}
