package places

import (
	"encoding/json"
	"fmt"
)

// checkpoint is what every place that was to be changed held before.
type checkpoint struct {
	Format int              `json:"format"`
	Places map[string]Value `json:"places"`
}

const checkpointFormat = 1

func (Section[D]) newCheckpoint() checkpoint {
	return checkpoint{Format: checkpointFormat, Places: map[string]Value{}}
}

func (s Section[D]) decodeCheckpoint(raw json.RawMessage) (checkpoint, error) {
	var c checkpoint
	if err := json.Unmarshal(raw, &c); err != nil {
		return c, fmt.Errorf("read the checkpoint of the %s section: %w", s.Name, err)
	}
	if c.Format != checkpointFormat {
		return c, fmt.Errorf("the checkpoint of the %s section has format %d; this version of guestd knows %d", s.Name, c.Format, checkpointFormat)
	}
	return c, nil
}
