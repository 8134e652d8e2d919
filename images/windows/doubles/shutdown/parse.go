package main

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// The actions, as the Linux beneath reads them.
const (
	restart  = "reboot"
	powerOff = "poweroff"
	abort    = "abort"
)

// defaultDelay is what the reference gives for a missing /t, longestDelay its
// greatest value (ten years), both in seconds.
const (
	defaultDelay = 30
	longestDelay = 315360000
)

// request is what the machine is asked to do.
type request struct {
	action string
	delay  int // seconds
}

// String is the line the Linux beneath reads.
func (r request) String() string { return r.action + " " + strconv.Itoa(r.delay) }

// reason is the form of /d: planned or user-defined, major and minor number.
var reason = regexp.MustCompile(`(?i)^([pu]:)?\d{1,3}:\d{1,5}$`)

// parse reads the arguments of shutdown.exe. Options begin with / or -, and
// case does not matter.
func parse(args []string) (request, error) {
	r := request{delay: defaultDelay}
	timed := false
	for i := 0; i < len(args); i++ {
		option := strings.ToLower(strings.Replace(args[i], "-", "/", 1))
		value := func() (string, error) {
			if i+1 == len(args) {
				return "", fmt.Errorf("shutdown: %s needs a value", args[i])
			}
			i++
			return args[i], nil
		}
		var err error
		switch option {
		case "/r":
			err = r.take(restart)
		case "/s":
			err = r.take(powerOff)
		case "/p":
			err = r.take(powerOff)
			r.delay, timed = 0, true
		case "/a":
			err = r.take(abort)
		case "/f":
		case "/t":
			var v string
			if v, err = value(); err == nil {
				r.delay, err = seconds(v)
			}
			timed = true
		case "/c":
			var v string
			if v, err = value(); err == nil && len(v) > 512 {
				err = fmt.Errorf("shutdown: the comment is longer than 512 characters")
			}
		case "/d":
			var v string
			if v, err = value(); err == nil && !reason.MatchString(v) {
				err = fmt.Errorf("shutdown: %q is no reason: [p|u:]major:minor", v)
			}
		default:
			err = fmt.Errorf("shutdown: %s is not provided in this Windows lookalike (Wine)", args[i])
		}
		if err != nil {
			return request{}, err
		}
	}
	switch {
	case r.action == "":
		return request{}, fmt.Errorf("shutdown: one of /r, /s, /p and /a is needed")
	case r.action == abort && timed:
		return request{}, fmt.Errorf("shutdown: /a and /t exclude each other")
	case r.action == abort:
		r.delay = 0
	}
	return r, nil
}

func (r *request) take(action string) error {
	if r.action != "" {
		return fmt.Errorf("shutdown: /r, /s, /p and /a exclude each other")
	}
	r.action = action
	return nil
}

func seconds(text string) (int, error) {
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 || n > longestDelay {
		return 0, fmt.Errorf("shutdown: /t takes 0 to %d seconds, not %q", longestDelay, text)
	}
	return n, nil
}
