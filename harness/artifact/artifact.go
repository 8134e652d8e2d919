// Package artifact cross-compiles this module's programs for guests.
package artifact

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Target is the system a program is built for.
type Target struct{ GOOS, GOARCH string }

// String gives "linux/amd64".
func (t Target) String() string { return t.GOOS + "/" + t.GOARCH }

// Suffix is what an executable's name ends in: ".exe" on Windows.
func (t Target) Suffix() string {
	if t.GOOS == "windows" {
		return ".exe"
	}
	return ""
}

// Build compiles the main package pkg (such as "innkeeper/agent") for t into
// dir under the given name and returns the file. It is static, stripped and
// without the paths of this machine, so equal sources give equal bytes. The go
// command's cache makes a second build cheap.
func Build(ctx context.Context, pkg string, t Target, dir, name string) (string, error) {
	root, err := ModuleRoot(ctx)
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	out := filepath.Join(dir, fmt.Sprintf("%s-%s-%s%s", name, t.GOOS, t.GOARCH, t.Suffix()))
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w -buildid=", "-o", out, pkg)
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS="+t.GOOS, "GOARCH="+t.GOARCH)
	if said, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build %s for %s: %w\n%s", pkg, t, err, bytes.TrimSpace(said))
	}
	return out, nil
}

// ModuleRoot is the folder of go.mod, looked for from the working folder upwards.
func ModuleRoot(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "env", "GOMOD").Output()
	if err != nil {
		return "", fmt.Errorf("go env GOMOD: %w (is Go installed and on the PATH?)", err)
	}
	file := strings.TrimSpace(string(out))
	if file == "" || file == os.DevNull {
		return "", fmt.Errorf("no go.mod at or above the working folder: run this in a clone of the project")
	}
	return filepath.Dir(file), nil
}

// CompileTests compiles the tests of pkg for this machine into the file out.
func CompileTests(ctx context.Context, pkg, out string) error {
	root, err := ModuleRoot(ctx)
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "go", "test", "-c", "-o", out, pkg)
	cmd.Dir = root
	if said, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go test -c %s: %w\n%s", pkg, err, bytes.TrimSpace(said))
	}
	return nil
}
