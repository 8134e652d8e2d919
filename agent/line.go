package main

import (
	"errors"
	"io/fs"
	"log/slog"

	"innkeeper/agent/daemon"
	"innkeeper/agent/link"
	"innkeeper/agent/systems"
)

// line is the line to the platform that the join file tells of, and this
// guest's id; none without a join file.
func (a app) line(layout systems.Layout, log *slog.Logger) (daemon.Line, string, error) {
	join, err := link.Load(a.machine, layout.JoinFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, "", nil
	}
	if err != nil {
		return nil, "", err
	}
	l := link.New(link.Options{Join: join, Machine: a.machine, StateDir: layout.StateDir, Log: log})
	return l, l.Guest(), nil
}

// checkJoin says why a join file cannot be used, or nil.
func (a app) checkJoin(file string) error {
	_, err := link.Load(a.machine, file)
	return err
}
