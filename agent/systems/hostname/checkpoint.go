package hostname

import (
	"encoding/json"
	"fmt"
)

// checkpoint is what every place held before a change.
type checkpoint struct {
	Format int              `json:"format"`
	Places map[string]value `json:"places"`
}

const checkpointFormat = 1

func newCheckpoint() checkpoint {
	return checkpoint{Format: checkpointFormat, Places: map[string]value{}}
}

func (c checkpoint) note(key string, v value) { c.Places[key] = v }

func (c checkpoint) at(key string) (value, bool) {
	v, ok := c.Places[key]
	return v, ok
}

func (c checkpoint) encode() (json.RawMessage, error) { return json.Marshal(c) }

func decodeCheckpoint(raw json.RawMessage) (checkpoint, error) {
	var c checkpoint
	if err := json.Unmarshal(raw, &c); err != nil {
		return c, fmt.Errorf("read the checkpoint of the host name: %w", err)
	}
	if c.Format != checkpointFormat {
		return c, fmt.Errorf("the checkpoint of the host name has format %d; this version of guestd knows %d", c.Format, checkpointFormat)
	}
	return c, nil
}
