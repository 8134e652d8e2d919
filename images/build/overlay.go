package build

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"sort"
	"strings"

	"innkeeper/images/labkey"
)

// overlayFile is a file (or folder, with nil data) of a recipe.
type overlayFile struct {
	path string // below the root, without a leading slash
	mode fs.FileMode
	dir  bool
	data []byte
}

// setupName is the script of a recipe that runs in the finished root.
const setupName = "setup.sh"

// overlayFiles lists the folder "root" of a recipe in the order of paths.
func overlayFiles(files fs.FS, modes map[string]fs.FileMode) ([]overlayFile, error) {
	var list []overlayFile
	used := map[string]bool{}
	if files == nil {
		return nil, unusedModes(modes, used)
	}
	err := fs.WalkDir(files, "root", func(name string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) && name == "root" {
			return fs.SkipAll
		}
		if err != nil || name == "root" {
			return err
		}
		f := overlayFile{path: strings.TrimPrefix(name, "root/"), dir: entry.IsDir()}
		mode, set := modes[f.path]
		used[f.path] = set
		switch {
		case f.dir:
			f.mode = 0o755
		case !entry.Type().IsRegular():
			return fmt.Errorf("%s is neither a file nor a folder", name)
		default:
			if f.data, err = fs.ReadFile(files, name); err != nil {
				return err
			}
			f.mode = 0o644
			if bytes.HasPrefix(f.data, []byte("#!")) {
				f.mode = 0o755
			}
		}
		if set {
			f.mode = mode
		}
		list = append(list, f)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("files of the recipe: %w", err)
	}
	return list, unusedModes(modes, used)
}

// unusedModes tells of modes for files that are not there: a typing mistake
// that would leave a secret readable.
func unusedModes(modes map[string]fs.FileMode, used map[string]bool) error {
	var unused []string
	for p := range modes {
		if !used[p] {
			unused = append(unused, p)
		}
	}
	sort.Strings(unused)
	if len(unused) > 0 {
		return fmt.Errorf("the recipe gives modes to files it does not have: %s", strings.Join(unused, ", "))
	}
	return nil
}

// setupScript is the recipe's setup.sh, nil if it has none.
func setupScript(files fs.FS) ([]byte, error) {
	if files == nil {
		return nil, nil
	}
	data, err := fs.ReadFile(files, setupName)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return data, err
}

// overlay writes into a guest's root file system. No path, and no symbolic
// link within it, leads it outside: the links of a guest are absolute, and
// followed from here they would point into this machine.
type overlay struct{ root *os.Root }

func openOverlay(root string) (*overlay, error) {
	r, err := os.OpenRoot(root)
	if err != nil {
		return nil, err
	}
	return &overlay{r}, nil
}

func (o *overlay) close() error { return o.root.Close() }

// files lays the recipe's folder "root" over the root file system.
func (o *overlay) files(files fs.FS, modes map[string]fs.FileMode) error {
	list, err := overlayFiles(files, modes)
	if err != nil {
		return err
	}
	for _, f := range list {
		if !f.dir {
			err = o.write(f.path, f.data, f.mode)
		} else if _, set := modes[f.path]; set {
			err = o.folder(f.path, f.mode)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// write replaces whatever is at name, a symbolic link too.
func (o *overlay) write(name string, data []byte, mode fs.FileMode) error {
	if err := o.clear(name); err != nil {
		return err
	}
	f, err := o.root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("put %s into the guest: %w", name, err)
	}
	_, err = f.Write(data)
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("put %s into the guest: %w", name, err)
	}
	return o.root.Chmod(name, mode) // not subject to the umask
}

// symlink replaces whatever is at name by a link to target, as the guest sees it.
func (o *overlay) symlink(target, name string) error {
	if err := o.clear(name); err != nil {
		return err
	}
	if err := o.root.Symlink(target, name); err != nil {
		return fmt.Errorf("link %s in the guest: %w", name, err)
	}
	return nil
}

// clear removes the file at name and makes the folders above it.
func (o *overlay) clear(name string) error {
	if dir := path.Dir(name); dir != "." {
		if err := o.root.MkdirAll(dir, 0o755); err != nil {
			return fmt.Errorf("make the guest's folder %s: %w", dir, err)
		}
	}
	if err := o.root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("replace %s in the guest: %w", name, err)
	}
	return nil
}

func (o *overlay) folder(name string, mode fs.FileMode) error {
	if err := o.root.MkdirAll(name, 0o755); err != nil {
		return fmt.Errorf("make the guest's folder %s: %w", name, err)
	}
	return o.root.Chmod(name, mode)
}

// mask keeps systemd's units and generators from running (systemd.unit(5) and
// systemd.generator(7): a link to /dev/null in the administrator's folder).
func (o *overlay) mask(names []string) error {
	for _, name := range names {
		dir := "etc/systemd/system/"
		if strings.HasSuffix(name, "-generator") {
			dir = "etc/systemd/system-generators/"
		}
		if err := o.symlink("/dev/null", dir+name); err != nil {
			return err
		}
	}
	return nil
}

// identity gives the guest what a first boot would make: the keys by which lab
// and guest know each other, and a machine id. Fixed ones, so that the same
// recipe gives the same guest.
func (o *overlay) identity(system string) error {
	private, err := labkey.HostKeyPEM(system)
	if err != nil {
		return err
	}
	sum := sha256.Sum256([]byte("machine " + system))
	for _, f := range []overlayFile{
		{path: "etc/ssh/ssh_host_ed25519_key", data: private, mode: 0o600},
		{path: "etc/ssh/ssh_host_ed25519_key.pub", data: []byte(labkey.HostKeyPublicLine(system)), mode: 0o644},
		{path: "root/.ssh/authorized_keys", data: []byte(labkey.AuthorizedKey()), mode: 0o600},
		{path: "etc/machine-id", data: []byte(hex.EncodeToString(sum[:16]) + "\n"), mode: 0o444},
	} {
		if err := o.write(f.path, f.data, f.mode); err != nil {
			return err
		}
	}
	return o.folder("root/.ssh", 0o700)
}
