package doctor

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// bin gives the test a PATH with nothing in it but an apt-get that writes down
// its arguments and exits with the given status.
func bin(t *testing.T, status int) (log string) {
	t.Helper()
	dir := t.TempDir()
	log = filepath.Join(dir, "log")
	script := fmt.Sprintf("#!/bin/sh\necho \"$DEBIAN_FRONTEND $*\" >>%s\necho Reading package lists\nexit %d\n", log, status)
	if err := os.WriteFile(filepath.Join(dir, "apt-get"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir)
	return log
}

func TestWhatIsMissingIsNamedAndInstalledOnce(t *testing.T) {
	log := bin(t, 0)
	list := []Finding{
		command("no-such-zeta", "zeta", "running guests"),
		command("no-such-alpha", "alpha", "building images"),
		file("a driver", filepath.Join(t.TempDir(), "driver.so"), "zeta"),
		{Name: "there", OK: true, Packages: []string{"never"}},
	}
	for i, says := range []string{"needed for running guests: apt-get install zeta", "needed for building images: apt-get install alpha", "missing: apt-get install zeta"} {
		if list[i].OK || !strings.Contains(list[i].Detail, says) {
			t.Errorf("%+v, want %q", list[i], says)
		}
	}
	err := Fatal(list)
	if err == nil || !strings.Contains(err.Error(), "no-such-zeta: missing") || !strings.Contains(err.Error(), "a driver: missing") || !strings.Contains(err.Error(), "matrix doctor --fix") {
		t.Errorf("got %v", err)
	}

	var said bytes.Buffer
	if err := Fix(t.Context(), list, &said); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(log)
	want := "noninteractive update -q\nnoninteractive install -y -q --no-install-recommends alpha zeta\n"
	if err != nil || string(got) != want {
		t.Errorf("apt-get was called with %q, %v", got, err)
	}
	if !strings.Contains(said.String(), "+ apt-get install -y -q --no-install-recommends alpha zeta\nReading package lists") {
		t.Errorf("it said %q", &said)
	}
}

func TestNothingMissingInstallsNothing(t *testing.T) {
	log := bin(t, 0)
	list := []Finding{command("apt-get", "apt", "running guests"), file("a file", log[:len(log)-len("log")], "x")}
	if err := Fatal(list); err != nil {
		t.Error(err)
	}
	if err := Fix(t.Context(), list, io.Discard); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(log); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("apt-get was called: %v", err)
	}
}

func TestAnInstallThatFailsSaysWhatItRan(t *testing.T) {
	bin(t, 100)
	list := []Finding{command("no-such", "pkg", "running guests")}
	err := Fix(t.Context(), list, io.Discard)
	if err == nil || !strings.Contains(err.Error(), "apt-get update -q: exit status 100") {
		t.Errorf("got %v", err)
	}
	t.Setenv("PATH", t.TempDir())
	err = Fix(t.Context(), list, io.Discard)
	if err == nil || !strings.Contains(err.Error(), "install by hand what corresponds to Debian's pkg") {
		t.Errorf("without apt-get: %v", err)
	}
}

func TestWhatPackagesDoNotMendIsMendedAfterThem(t *testing.T) {
	log := bin(t, 0)
	var installed bool
	list := []Finding{{Name: "user", mend: func(context.Context, io.Writer) error {
		_, err := os.Stat(log)
		installed = err == nil
		return errors.New("no more ids")
	}}, command("no-such", "pkg", "running guests")}
	err := Fix(t.Context(), list, io.Discard)
	if err == nil || err.Error() != "user: no more ids" || !installed {
		t.Errorf("got %v, packages were there: %t", err, installed)
	}
}

func TestWhatOnlyTestsWantIsNotFatal(t *testing.T) {
	bin(t, 0)
	list := []Finding{
		command("no-such", "gcc", testsOnly+"with the race detector"),
		advice(file("headers", filepath.Join(t.TempDir(), "stdio.h"), "libc6-dev")), phpXML(),
	}
	for _, f := range list {
		if f.OK || f.Fatal || len(f.Packages) != 1 {
			t.Errorf("%+v", f)
		}
	}
	if err := Fatal(list); err != nil {
		t.Error(err)
	}
}

func TestExamineSaysSomethingOfEverything(t *testing.T) {
	names := map[string]bool{}
	for _, f := range Examine(t.TempDir()) {
		if f.Name == "" || f.Detail == "" || names[f.Name] {
			t.Errorf("%+v", f)
		}
		if !f.OK && f.Fatal && len(f.Packages) == 0 && f.mend == nil && !strings.Contains(f.Detail, ":") {
			t.Errorf("%s does not say what to do: %s", f.Name, f.Detail)
		}
		names[f.Name] = true
	}
	for _, tool := range tools {
		if !names[tool.Command] {
			t.Errorf("nothing is said of %s", tool.Command)
		}
	}
}

func TestRoomIsMeasuredWhereTheFolderWillBe(t *testing.T) {
	dir := t.TempDir()
	free, at, err := freeMiB(filepath.Join(dir, "not", "yet", "made"))
	if err != nil || at != dir || free <= 0 {
		t.Errorf("%d MiB at %s, %v", free, at, err)
	}
	if mib := AvailableMemoryMiB(); mib <= 0 {
		t.Errorf("%d MiB of memory", mib)
	}
}

func TestASmallDiskIsSaid(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("mounting a small file system needs root")
	}
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=16m"); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Unmount(dir, 0) }()
	if f := disk(filepath.Join(dir, "cache")); f.OK || !f.Fatal || !strings.Contains(f.Detail, "16 MiB free at "+dir+"; the images and their building want 12288 MiB") {
		t.Errorf("%+v", f)
	}
	t.Setenv("TMPDIR", dir)
	if f := temporary(); f.OK || !f.Fatal || !strings.Contains(f.Detail, "set TMPDIR to another folder") {
		t.Errorf("%+v", f)
	}
}
