package logging

import (
	"encoding/json"
	"fmt"
)

// checkpoint is what every place that was to be changed held before.
type checkpoint struct {
	Format int              `json:"format"`
	Places map[string]value `json:"places"`
}

const checkpointFormat = 1

func newCheckpoint() checkpoint {
	return checkpoint{Format: checkpointFormat, Places: map[string]value{}}
}

func decodeCheckpoint(raw json.RawMessage) (checkpoint, error) {
	var c checkpoint
	if err := json.Unmarshal(raw, &c); err != nil {
		return c, fmt.Errorf("read the checkpoint of the logging section: %w", err)
	}
	if c.Format != checkpointFormat {
		return c, fmt.Errorf("the checkpoint of the logging section has format %d; this version of guestd knows %d", c.Format, checkpointFormat)
	}
	return c, nil
}
