package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"

	"innkeeper/agent/daemon"
	"innkeeper/agent/systems"
)

// line is the line to the platform that the join file tells of, and this
// guest's id; none without a join file.
func (a app) line(layout systems.Layout, log *slog.Logger) (daemon.Line, string, error) {
	return nil, "", nil
}

// checkJoin says why a join file cannot be used, or nil.
func checkJoin(raw []byte) error {
	var join struct {
		Guest     string   `json:"guest"`
		Addresses []string `json:"addresses"`
		Seed      string   `json:"seed"`
	}
	if err := json.Unmarshal(raw, &join); err != nil {
		return fmt.Errorf("it is not JSON: %w", err)
	}
	if join.Guest == "" || len(join.Addresses) == 0 || join.Seed == "" {
		return errors.New("it lacks the guest, the addresses or the seed that the platform puts into it")
	}
	return nil
}
