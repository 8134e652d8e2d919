package main

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
)

// levelSet is a set of run levels, a bit for each.
type levelSet uint8

const allLevels levelSet = 1<<7 - 1

// multiUser is what "on" and "off" mean without --level.
const multiUser levelSet = 1<<2 | 1<<3 | 1<<4 | 1<<5

func (l levelSet) has(level int) bool { return l&(1<<level) != 0 }

// parseLevels reads digits 0 to 6 without anything between them.
func parseLevels(text string) (levelSet, bool) {
	var set levelSet
	for _, c := range text {
		if c < '0' || c > '6' {
			return 0, false
		}
		set |= 1 << (c - '0')
	}
	return set, text != ""
}

// service is what the head of a script says.
type service struct {
	name                string
	levels              levelSet
	start, stop         int
	lsb                 bool
	provides            []string
	startAfter, stopDue []string
}

// errUnsupported says that a script has no header for chkconfig.
var errUnsupported = errors.New("does not support chkconfig")

// read reads the head of a service's script.
func (t tool) read(name string) (service, error) {
	data, err := os.ReadFile(t.script(name))
	if err != nil {
		var pe *os.PathError
		if errors.As(err, &pe) {
			err = pe.Err
		}
		return service{}, err
	}
	s, err := parseHeader(string(data))
	s.name = name
	return s, err
}

// numbers is the rest of a line "# chkconfig: 345 98 02".
var numbers = regexp.MustCompile(`^(-|[0-9]+)[ \t]+([0-9]+)[ \t]+([0-9]+)$`)

// unset is a priority that no header gives.
const unset = -1

// parseHeader reads the comments of a script: "chkconfig:" with levels and
// priorities, or the block of the LSB, and a description.
func parseHeader(text string) (service, error) {
	s := service{start: unset, stop: unset}
	var own, described, haveLevels, inLSB bool
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); !strings.HasPrefix(line, "#") {
			continue
		}
		line = strings.TrimSpace(line[1:])
		switch key, rest, _ := strings.Cut(line, ":"); {
		case line == "## BEGIN INIT INFO":
			inLSB, s.lsb = true, true
		case line == "## END INIT INFO":
			inLSB = false
		case key == "chkconfig":
			n := numbers.FindStringSubmatch(strings.TrimSpace(rest))
			if n == nil {
				return s, errUnsupported
			}
			s.levels = 0
			if n[1] != "-" {
				var ok bool
				if s.levels, ok = parseLevels(n[1]); !ok {
					return s, errUnsupported
				}
			}
			var err error
			if s.start, err = strconv.Atoi(n[2]); err != nil || s.start > 99 {
				return s, errUnsupported
			}
			if s.stop, err = strconv.Atoi(n[3]); err != nil || s.stop > 99 {
				return s, errUnsupported
			}
			own, haveLevels = true, true
		case key == "description" || inLSB && (key == "Short-Description" || key == "Description"):
			described = described || strings.TrimSpace(rest) != ""
		case inLSB:
			s.lsbLine(key, strings.Fields(rest), own, &haveLevels)
		}
	}
	if !haveLevels || !described {
		return s, errUnsupported
	}
	return s, nil
}

// lsbLine reads a line of the LSB's block. Levels that "chkconfig:" gave stay.
func (s *service) lsbLine(key string, words []string, own bool, haveLevels *bool) {
	switch key {
	case "Provides":
		s.provides = words
	case "Required-Start":
		s.startAfter = words
	case "Required-Stop":
		s.stopDue = words
	case "Default-Start":
		if own {
			return
		}
		for _, w := range words {
			if l, ok := parseLevels(w); ok {
				s.levels |= l
				*haveLevels = true
			}
		}
	}
}

// complain tells why a service's script cannot be used.
func (t tool) complain(name string, err error) int {
	if errors.Is(err, errUnsupported) {
		fmt.Fprintf(t.err, "service %s does not support chkconfig\n", name)
	} else {
		fmt.Fprintf(t.err, "error reading information on service %s: %s\n", name, capital(err.Error()))
	}
	return 1
}

// capital writes an error of the system's as the C library does.
func capital(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}
