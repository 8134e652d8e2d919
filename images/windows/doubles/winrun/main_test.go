//go:build linux

package main

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

func TestCommand(t *testing.T) {
	for _, tt := range []struct{ args, want []string }{
		{[]string{"hostname"}, []string{wine, "hostname"}},
		{[]string{"--", "-odd", "x y"}, []string{wine, "-odd", "x y"}},
		{[]string{"--code", "msiexec", "/i", `C:\a b.msi`}, []string{wine, exitCode, "msiexec", "/i", `C:\a b.msi`}},
		{[]string{"reg", "--code"}, []string{wine, "reg", "--code"}},
	} {
		got, err := command(tt.args)
		if err != nil || !slices.Equal(got, tt.want) {
			t.Errorf("%q: got %q, %v, want %q", tt.args, got, err, tt.want)
		}
	}
	for _, args := range [][]string{nil, {"--code"}, {"--"}, {""}, {"--codes", "hostname"}} {
		if got, err := command(args); err == nil {
			t.Errorf("%q gave %q, want an error", args, got)
		}
	}
}

func TestReadEnvironment(t *testing.T) {
	file := filepath.Join(t.TempDir(), "wine")
	if err := os.WriteFile(file, []byte("# words\n\nHOME=/root\nWINEDLLOVERRIDES=mscoree,mshtml=\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	env, err := readEnvironment(file)
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"HOME=/root", "WINEDLLOVERRIDES=mscoree,mshtml="}; !slices.Equal(env, want) {
		t.Errorf("got %q, want %q", env, want)
	}
	if got := lookUp(env, "WINEDLLOVERRIDES"); got != "mscoree,mshtml=" {
		t.Errorf("WINEDLLOVERRIDES is %q", got)
	}
}

func TestResolve(t *testing.T) {
	drive := t.TempDir()
	for _, file := range []string{"windows/system32/hostname.exe", "windows/system32/chcp.com", "windows/explorer.exe", "windows/system32/WindowsPowerShell/v1.0/powershell.exe"} {
		name := filepath.Join(drive, file)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for program, want := range map[string]string{
		"hostname":      `C:\windows\system32\hostname.exe`,
		"HostName.EXE":  `C:\windows\system32\hostname.exe`,
		"chcp":          `C:\windows\system32\chcp.com`,
		"explorer":      `C:\windows\explorer.exe`,
		"powershell":    `C:\windows\system32\WindowsPowerShell\v1.0\powershell.exe`,
		"wbem":          "wbem",
		`C:\a\b.exe`:    `C:\a\b.exe`,
		"/tmp/test.exe": "/tmp/test.exe",
	} {
		if got := resolve(drive, program); got != want {
			t.Errorf("%s is %s, want %s", program, got, want)
		}
	}
}

func TestAwaitWindows(t *testing.T) {
	ready := filepath.Join(t.TempDir(), "ready")
	if err := awaitWindows(ready, 10*time.Millisecond); err == nil {
		t.Fatal("went on although Windows never started")
	}
	waited := make(chan error, 1)
	go func() { waited <- awaitWindows(ready, time.Minute) }()
	if err := os.WriteFile(ready, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := <-waited; err != nil {
		t.Error(err)
	}
}
