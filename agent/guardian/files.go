package guardian

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"innkeeper/agent/guest"
)

// directory is where orders are, below the state directory.
const directory = "guardian"

// kind is the last part of a file's name: what it is of its order.
type kind string

const (
	armed    kind = "armed"
	until    kind = "until"
	disarmed kind = "disarmed"
	firing   kind = "firing"
	fired    kind = "fired"
)

// unreadable is what a file that could not be read is set aside as; there is
// one of each kind at most.
const unreadable = ".unreadable"

// files are those of all orders.
type files struct {
	machine guest.Machine
	dir     string
}

func (f files) path(id string, k kind) string { return filepath.Join(f.dir, id+"."+string(k)) }

// put writes a file that only root can read; after a power cut it is there.
func (f files) put(id string, k kind, raw []byte) error {
	return f.machine.WriteFile(f.path(id, k), raw, 0o600)
}

func (f files) has(id string, k kind) bool {
	_, err := f.machine.Stat(f.path(id, k))
	return !errors.Is(err, fs.ErrNotExist)
}

// claim renames a file of an order, which one caller can do: for all others
// there is none any more (fs.ErrNotExist). It is on the disk when it returns.
func (f files) claim(id string, from, to kind) error { return claim(f.path(id, from), f.path(id, to)) }

// order reads an order. One that is not whole is set aside.
func (f files) order(id string, k kind) (record, error) {
	raw, err := f.machine.ReadFile(f.path(id, k))
	if err != nil {
		return record{}, err
	}
	r, err := parseOrder(raw)
	if err != nil {
		return record{}, f.setAside(id, k, raw, err)
	}
	return r, nil
}

// outcome reads what came of an order. One that is not whole is set aside.
func (f files) outcome(id string) (*Outcome, error) {
	raw, err := f.machine.ReadFile(f.path(id, fired))
	if err != nil {
		return nil, err
	}
	o, err := parseOutcome(raw)
	if err != nil {
		return nil, f.setAside(id, fired, raw, err)
	}
	return &o, nil
}

// deadline is the order's own unless it was moved since.
func (f files) deadline(id string, r record) deadline {
	raw, err := f.machine.ReadFile(f.path(id, until))
	if err == nil {
		var moved deadline
		if moved, err = parseDeadline(raw); err == nil {
			return moved
		}
	}
	return deadline{r.Boot, r.Until}
}

// setAside moves what is not whole out of the way, over one that was before.
func (f files) setAside(id string, k kind, raw []byte, why error) error {
	path, aside := f.path(id, k), filepath.Join(f.dir, string(k)+unreadable)
	err := fmt.Errorf("the guardian's file %s cannot be read (%w)", path, why)
	if e := f.machine.WriteFile(aside, raw, 0o600); e != nil {
		return fmt.Errorf("%w, nor set aside: %w", err, e)
	}
	return fmt.Errorf("%w and was set aside as %s; the change it was to undo may stand", err, aside)
}

// clear removes what there is of an order, its secrets first.
func (f files) clear(id string) error { return f.remove(id, armed, disarmed, firing, until, fired) }

// remove removes files that may be absent.
func (f files) remove(id string, kinds ...kind) error {
	var all []error
	for _, k := range kinds {
		if err := f.machine.Remove(f.path(id, k)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			all = append(all, err)
		}
	}
	return errors.Join(all...)
}

// list gives the orders of which there is anything, the newest first: changes
// are undone in the order that is the reverse of theirs. What a power cut left
// half-written is removed on the way.
func (f files) list() ([]string, error) {
	entries, err := f.machine.ReadDir(f.dir)
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, e := range entries {
		id, k, ok := strings.Cut(e.Name(), ".")
		switch {
		case strings.HasSuffix(e.Name(), unreadable):
		case ok && idForm.MatchString(id) && (isBell(k) || slices.Contains([]kind{armed, until, disarmed, firing, fired}, kind(k))):
			ids = append(ids, id)
		case strings.HasPrefix(e.Name(), "."): // of WriteFile, whose process is gone
			if err := f.machine.Remove(filepath.Join(f.dir, e.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return nil, err
			}
		}
	}
	slices.Sort(ids)
	ids = slices.Compact(ids)
	slices.Reverse(ids)
	return ids, nil
}
