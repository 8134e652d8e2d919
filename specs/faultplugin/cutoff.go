package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"
)

// cutoff is the name under which the program, put into the plugin directory a
// second time, serves a section of that name in place of mischief: it keeps a
// value in a file, does so faithfully, and says that it may cut the machine
// off. Its desired value is {"file": PATH, "value": TEXT, "take_ms": N}: apply
// takes N milliseconds before it writes.
const cutoff = "cutoff"

type cutoffValue struct {
	File   string `json:"file"`
	Value  string `json:"value"`
	TakeMS int    `json:"take_ms,omitempty"`
}

// cutoffBefore is the checkpoint.
type cutoffBefore struct {
	File  string `json:"file"`
	There bool   `json:"there"`
	Value string `json:"value"`
}

func answerCutoff(raw []byte) {
	var q struct {
		Operation  string       `json:"operation"`
		Desired    cutoffValue  `json:"desired"`
		Checkpoint cutoffBefore `json:"checkpoint"`
	}
	if err := json.Unmarshal(raw, &q); err != nil {
		fail("invalid", "the request is not of the protocol: "+err.Error(), "")
		return
	}
	var err error
	switch q.Operation {
	case "describe":
		result(map[string]any{"sections": []string{cutoff}, "version": "1", "deadline_seconds": 30, "may_cut_off": true})
		return
	case "plan":
		err = planCutoff(q.Desired)
	case "apply":
		time.Sleep(time.Duration(q.Desired.TakeMS) * time.Millisecond) // what a slow change takes
		err = write(q.Desired.File, q.Desired.Value)
	case "restore":
		err = q.Checkpoint.restore()
	default:
		fail("unsupported", "the operation "+q.Operation+" is not known", "")
		return
	}
	switch {
	case err != nil:
		fail("failed", err.Error(), "")
	case q.Operation != "plan":
		result(struct{}{})
	}
}

func planCutoff(desired cutoffValue) error {
	before := cutoffBefore{File: desired.File}
	b, err := os.ReadFile(desired.File)
	switch {
	case err == nil:
		before.There, before.Value = true, string(b)
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	p := map[string]any{
		"actual":     cutoffValue{File: desired.File, Value: before.Value},
		"checkpoint": before,
	}
	if !before.There || before.Value != desired.Value {
		p["changes"] = []map[string]string{{
			"summary": fmt.Sprintf("write %q in place of %q", desired.Value, before.Value), "path": desired.File,
		}}
	}
	result(p)
	return nil
}

func (b cutoffBefore) restore() error {
	if b.There {
		return write(b.File, b.Value)
	}
	if err := os.Remove(b.File); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// write replaces a file in one step; a reader finds the old value or the new.
func write(file, value string) error {
	if err := os.WriteFile(file+".part", []byte(value), 0o644); err != nil {
		return err
	}
	return os.Rename(file+".part", file)
}
