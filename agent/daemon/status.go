package daemon

import (
	"bytes"
	"encoding/json"
	"fmt"
	"path/filepath"

	"innkeeper/agent/guest"
	"innkeeper/agent/state"
)

// statusName is the file in the state directory that `guestd status` reads.
const statusName = "status.json"

// Status is what the daemon last said of itself.
type Status struct {
	// Running is filled in by ReadStatus.
	Running bool `json:"running"`
	// Enrolled says that the guest has a platform.
	Enrolled bool `json:"enrolled"`
	// Connected says that the line to it is up.
	Connected bool `json:"connected"`
	// Reported is the newest report.
	Reported state.Reported `json:"reported"`
}

// statusFile writes the status whenever it differs from what was written.
type statusFile struct {
	path    string
	machine guest.Machine
	last    []byte
}

func (f *statusFile) write(s Status) error {
	b, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return fmt.Errorf("encode the status: %w", err)
	}
	if bytes.Equal(b, f.last) {
		return nil
	}
	if err := f.machine.WriteFile(f.path, append(b, '\n'), 0o600); err != nil {
		return err
	}
	f.last = b
	return nil
}

// ReadStatus reads what the daemon last said and whether it still runs.
func ReadStatus(m guest.Machine, stateDir string) (Status, error) {
	raw, err := m.ReadFile(filepath.Join(stateDir, statusName))
	if err != nil {
		return Status{}, fmt.Errorf("read the status: %w", err)
	}
	s, err := parseStatus(raw)
	if err != nil {
		return Status{}, fmt.Errorf("read the status in %s: %w", stateDir, err)
	}
	s.Running = Held(stateDir)
	s.Connected = s.Connected && s.Running
	return s, nil
}

func parseStatus(raw []byte) (Status, error) {
	var s Status
	if err := json.Unmarshal(raw, &s); err != nil {
		return s, err
	}
	return s, nil
}
