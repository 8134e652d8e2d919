//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"innkeeper/images/windows/appears"
)

// machine is what requests are carried out on.
type machine struct {
	perform   func(action string) error
	moveClock func(by time.Duration) error
}

// serve carries out requests until ctx ends or a shutdown has been begun.
func serve(ctx context.Context, dir string, m machine) error {
	w, err := appears.New(dir)
	if err != nil {
		return err
	}
	woken, failed := make(chan struct{}, 1), make(chan error, 1)
	go func() {
		for {
			if err := w.Next(); err != nil {
				failed <- err
				return
			}
			select {
			case woken <- struct{}{}:
			default: // one look finds all
			}
		}
	}()
	// Closing the watch ends that goroutine; its error is what proves it.
	defer func() { w.Close(); <-failed }()

	pending := filepath.Join(dir, "pending")
	var timer <-chan time.Time
	var action string
	for {
		if by, ok, err := take(filepath.Join(dir, "clock"), parseMove); err != nil {
			slog.Error("refused", "reason", err)
		} else if ok {
			if err := m.moveClock(by); err != nil {
				slog.Error("set the clock", "reason", err)
			}
		}
		r, ok, err := take(filepath.Join(dir, "request"), parse)
		switch {
		case err != nil:
			slog.Error("refused", "reason", err)
		case ok && r.action == "abort":
			timer = nil
			if err := os.Remove(pending); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		case ok:
			if err := os.WriteFile(pending, nil, 0o644); err != nil {
				return err
			}
			action, timer = r.action, time.After(r.delay)
		}
		select {
		case <-timer:
			return m.perform(action)
		case <-woken:
		case err := <-failed:
			failed <- err
			return err
		case <-ctx.Done():
			return nil
		}
	}
}

// request is what a guest's Windows asks for.
type request struct {
	action string
	delay  time.Duration
}

// take reads and removes what is asked for in a file, if there is one.
func take[T any](file string, parse func(line string) (T, error)) (asked T, ok bool, err error) {
	data, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return asked, false, nil
	}
	if err != nil {
		return asked, false, err
	}
	if err := os.Remove(file); err != nil {
		return asked, false, err
	}
	asked, err = parse(string(data))
	return asked, err == nil, err
}

// furthest is the furthest that Windows Time moves a clock, MaxPosPhaseCorrection
// and MaxNegPhaseCorrection of a machine that is in no domain.
const furthest = 54000 * time.Second

// parseMove reads how far to move the clock, like "-1.5s".
func parseMove(line string) (time.Duration, error) {
	by, err := time.ParseDuration(strings.TrimSpace(line))
	if err != nil || by.Abs() > furthest {
		return 0, fmt.Errorf("%q is not a time to move the clock by, up to %v", line, furthest)
	}
	return by, nil
}

// longest is the longest delay that shutdown.exe takes: ten years.
const longest = 315360000

// parse reads "reboot 0", "poweroff 30" or "abort 0": an action and seconds.
func parse(line string) (request, error) {
	words := strings.Fields(line)
	if len(words) != 2 {
		return request{}, fmt.Errorf("%q is not an action and a number of seconds", line)
	}
	switch words[0] {
	case "reboot", "poweroff", "abort":
	default:
		return request{}, fmt.Errorf("%q is none of reboot, poweroff and abort", words[0])
	}
	n, err := strconv.Atoi(words[1])
	if err != nil || n < 0 || n > longest {
		return request{}, fmt.Errorf("%q is not a number of seconds up to %d", words[1], longest)
	}
	return request{action: words[0], delay: time.Duration(n) * time.Second}, nil
}
