package kernel

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func write(t *testing.T, text string) string {
	t.Helper()
	root := t.TempDir()
	path := filepath.Join(root, IdentityPath)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return root
}

func TestLoad(t *testing.T) {
	root := write(t, "ostype=FreeBSD\nosrelease=13.1-RELEASE-p9\nosreldate=1301000\nversion=FreeBSD 13.1 x=y\nident=TRUENAS\nmachine=amd64\n")
	k, err := Load(root)
	if err != nil {
		t.Fatal(err)
	}
	if k.OSRelease != "13.1-RELEASE-p9" || k.Version != "FreeBSD 13.1 x=y" || k.Ident != "TRUENAS" {
		t.Errorf("Load = %+v", k.Identity)
	}
	if k.Hostname == nil || k.SetHostname == nil {
		t.Error("the host name's functions are missing")
	}
}

func TestLoadRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"ostype=FreeBSD\n": "is missing",
		"nonsense\n":       "is not NAME=VALUE",
		"colour=red\n":     "is not NAME=VALUE",
	} {
		if _, err := Load(write(t, text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Load(%q) = %v, want %q", text, err, want)
		}
	}
	if _, err := Load(t.TempDir()); err == nil {
		t.Error("Load without a file succeeded")
	}
}
