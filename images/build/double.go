package build

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"innkeeper/harness/artifact"
	"innkeeper/images/system"
)

// guestTarget is what programs for the Debian under a lookalike are built for.
var guestTarget = artifact.Target{GOOS: "linux", GOARCH: "amd64"}

func targetOf(d system.Double, r system.Recipe) artifact.Target {
	t := guestTarget
	if d.GOOS != "" {
		t.GOOS = d.GOOS
	}
	if r.GOARCH != "" {
		t.GOARCH = r.GOARCH
	}
	return t
}

// doubles compiles the recipe's doubles and puts them into the guest.
func (b *builder) doubles(ctx context.Context, work string, over *overlay) error {
	defer os.RemoveAll(work)
	for _, d := range b.system.Lookalike.Doubles {
		file, err := artifact.Build(ctx, d.Package, targetOf(d, b.system.Lookalike), work, filepath.Base(d.Package))
		if err != nil {
			return err
		}
		data, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		if err := over.write(strings.TrimPrefix(d.Path, "/"), data, 0o755); err != nil {
			return err
		}
		for _, link := range d.Links {
			if err := over.symlink(d.Path, strings.TrimPrefix(link, "/")); err != nil {
				return err
			}
		}
	}
	return nil
}

// goPackage is the part of `go list -json` that a hash needs.
type goPackage struct {
	ImportPath string
	Dir        string
	Standard   bool
	GoFiles    []string
	SFiles     []string
	EmbedFiles []string
	Module     *struct {
		Path, Version string
		Main          bool
	}
}

// sources adds what the program pkg is compiled from: every file of this
// module's packages among its dependencies, and the versions of other modules.
func (d digest) sources(ctx context.Context, pkg string, t artifact.Target) error {
	root, err := artifact.ModuleRoot(ctx)
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "go", "list", "-deps", "-json=ImportPath,Dir,Standard,GoFiles,SFiles,EmbedFiles,Module", pkg)
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS="+t.GOOS, "GOARCH="+t.GOARCH)
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("list the sources of %s: %w\n%s", pkg, err, bytes.TrimSpace(said.Bytes()))
	}
	d.add("target", t.String())
	for decoder := json.NewDecoder(bytes.NewReader(out)); ; {
		var p goPackage
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("list the sources of %s: %w", pkg, err)
		}
		if err := d.goPackage(p); err != nil {
			return err
		}
	}
}

func (d digest) goPackage(p goPackage) error {
	switch {
	case p.Standard || p.Module == nil:
		return nil
	case !p.Module.Main:
		d.add("module", p.ImportPath, p.Module.Path, p.Module.Version)
		return nil
	}
	for _, list := range [][]string{p.GoFiles, p.SFiles, p.EmbedFiles} {
		for _, name := range list {
			data, err := os.ReadFile(filepath.Join(p.Dir, name))
			if err != nil {
				return err
			}
			sum := sha256.Sum256(data)
			d.add("source", p.ImportPath, name, hex.EncodeToString(sum[:]))
		}
	}
	return nil
}
