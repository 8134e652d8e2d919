package reconcile

import (
	"encoding/json"
	"path/filepath"

	"innkeeper/agent/guest"
)

// marks are what a keeper has to know of its section after a restart, a file
// each: journal/KIND-SECTION. A mark that cannot be read counts as not there.
type marks struct {
	machine guest.Machine
	dir     string
}

// The kinds of marks.
const (
	// withheld: the revision was undone as nobody confirmed it, and is not
	// tried again.
	withheld = "withheld"
	// reached: the machine was as this value says. Kept only for sections
	// whose drift is to be reported.
	reached = "reached"
)

type mark struct {
	Revision uint64 `json:"revision,omitempty"`
	Message  string `json:"message,omitempty"`
	// Value is the checksum of a desired value.
	Value string `json:"value,omitempty"`
}

func (m marks) path(kind, section string) string {
	return filepath.Join(m.dir, "journal", kind+"-"+section)
}

func (m marks) get(kind, section string) mark {
	var found mark
	raw, err := m.machine.ReadFile(m.path(kind, section))
	if err != nil || json.Unmarshal(raw, &found) != nil {
		return mark{}
	}
	return found
}

// put keeps a mark; the same again writes nothing.
func (m marks) put(kind, section string, now mark) error {
	if m.get(kind, section) == now {
		return nil
	}
	raw, err := json.Marshal(now)
	if err != nil {
		return err
	}
	if err := m.machine.MkdirAll(filepath.Dir(m.path(kind, section)), 0o700); err != nil {
		return err
	}
	return m.machine.WriteFile(m.path(kind, section), raw, 0o600)
}
