package guesttest_test

import (
	"errors"
	"io/fs"
	"slices"
	"testing"

	"innkeeper/agent/guest"
	"innkeeper/agent/guest/guesttest"
)

func TestFilesBehaveAsRealOnes(t *testing.T) {
	f := guesttest.New(map[string]string{"/etc/hostname": "a\n"})
	f.PutLink("/etc/resolv.conf", "../run/resolv.conf")
	f.PutDir("/run")
	if b, err := f.ReadFile("/etc/hostname"); string(b) != "a\n" || err != nil {
		t.Errorf("got %q, %v", b, err)
	}
	if _, err := f.ReadFile("/etc/resolv.conf"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a dangling link reads as %v", err)
	}
	if err := f.WriteFile("/etc/resolv.conf", []byte("x"), 0o644); err != nil || f.Content("/run/resolv.conf") != "x" {
		t.Errorf("the link was not followed: %v", err)
	}
	if err := f.WriteFile("/no/such/dir", nil, 0o644); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
	if err := f.Remove("/etc"); err == nil {
		t.Error("a directory that is not empty was removed")
	}
	if err := f.MkdirAll("/a/b", 0o700); err != nil {
		t.Error(err)
	}
	if err := f.MkdirAll("/a/b", 0o700); err != nil {
		t.Error(err)
	}
	entries, err := f.ReadDir("/")
	if err != nil || len(entries) != 3 || entries[0].Name() != "a" || !entries[0].IsDir() {
		t.Errorf("got %v, %v", entries, err)
	}
	if err := f.Remove("/etc/resolv.conf"); err != nil || f.Content("/run/resolv.conf") != "x" {
		t.Errorf("the link's target was removed: %v", err)
	}
	want := []string{"WriteFile /etc/resolv.conf", "MkdirAll /a/b", "Remove /etc/resolv.conf"}
	if !slices.Equal(f.Writes(), want) {
		t.Errorf("noted %q, want %q", f.Writes(), want)
	}
	f.Put(`C:\ProgramData\guestd\x`, "w")
	if b, err := f.ReadFile(`C:\ProgramData\guestd\x`); string(b) != "w" || err != nil {
		t.Errorf("got %q, %v", b, err)
	}
}

func TestCommandsAnswerAsScripted(t *testing.T) {
	f := guesttest.New(nil).OnOutput("uname *", "Linux").On("uname -r", guest.Result{ExitCode: 1})
	if b, err := guest.Output(t.Context(), f, "uname", "-s"); string(b) != "Linux" || err != nil {
		t.Errorf("got %q, %v", b, err)
	}
	var exit *guest.ExitError
	if _, err := guest.Output(t.Context(), f, "uname", "-r"); !errors.As(err, &exit) || exit.ExitCode != 1 {
		t.Errorf("got %v", err)
	}
	if _, err := f.Run(t.Context(), guest.Command{Path: "reboot"}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
	if want := []string{"uname -s", "uname -r", "reboot"}; !slices.Equal(f.Ran(), want) {
		t.Errorf("ran %q", f.Ran())
	}
	broken := errors.New("broken")
	f.Before = func(call, _ string) error {
		if call == "Run" {
			return broken
		}
		return nil
	}
	if _, err := f.Run(t.Context(), guest.Command{Path: "uname"}); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
}
