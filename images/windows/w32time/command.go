package w32time

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Request is a command of w32tm.
type Request struct {
	// Command is "config", "query", "resync" or "tz".
	Command string
	// Peers and Type are what /config sets, nil for what stays.
	Peers, Type *string
	// Update has the service told of it.
	Update bool
	// Source and Status are what /query asks for, Verbose for more of it.
	Source, Status, Verbose bool
}

// types are the words of /syncfromflags by the Type that they make; together
// they are AllSync.
var types = map[string]string{"manual": "NTP", "domhier": "NT5DS", "no": "NoSync", "all": "AllSync", "manual,domhier": "AllSync", "domhier,manual": "AllSync"}

// Parse reads the arguments of w32tm. Case does not matter in options.
func Parse(args []string) (Request, error) {
	var r Request
	if len(args) == 0 {
		return r, errors.New("w32tm: give a command; see w32tm /?")
	}
	first := strings.ToLower(args[0])
	r.Command = strings.TrimPrefix(first, "/")
	switch first {
	case "/config", "/query", "/resync", "/tz":
	default:
		return Request{}, refused(args[0])
	}
	for _, arg := range args[1:] {
		option, value, has := strings.Cut(arg, ":")
		option = strings.ToLower(option)
		switch {
		case r.Command == "config" && option == "/manualpeerlist" && has:
			if _, err := Peers(value); err != nil {
				return Request{}, fmt.Errorf("w32tm: %w", err)
			}
			r.Peers = &value
		case r.Command == "config" && option == "/syncfromflags" && has:
			kind, ok := types[strings.ToLower(value)]
			if !ok {
				return Request{}, fmt.Errorf("w32tm: %q is none of manual, domhier, no and all", value)
			}
			r.Type = &kind
		case r.Command == "config" && option == "/update" && !has:
			r.Update = true
		case r.Command == "query" && option == "/source" && !has:
			r.Source = true
		case r.Command == "query" && option == "/status" && !has:
			r.Status = true
		case r.Command == "query" && option == "/verbose" && !has:
			r.Verbose = true
		default:
			return Request{}, refused(arg)
		}
	}
	switch {
	case r.Command == "config" && r.Peers == nil && r.Type == nil && !r.Update:
		return Request{}, errors.New("w32tm: /config needs something to set")
	case r.Command == "query" && r.Source == r.Status, r.Verbose && !r.Status:
		return Request{}, errors.New("w32tm: /query needs one of /source and /status; /verbose goes with /status")
	}
	return r, nil
}

func refused(arg string) error {
	return fmt.Errorf("w32tm: %s is not provided in this Windows lookalike (Wine)", arg)
}

// noSource is what w32tm calls the clock of a machine that follows nobody.
const noSource = "Local CMOS Clock"

// Show is the answer to /query, by the reference's examples.
func Show(r Request, s Status) string {
	source, id, stratum, last := noSource, "0x4C4F434C (source name:  \"LOCL\")", "1 (primary reference - syncd by radio clock)", "unspecified"
	if s.Source != "" {
		source, stratum = s.Source, "2 (secondary reference - syncd by (S)NTP)"
		id = fmt.Sprintf("0x%08X (source IP:  %s)", reference(s.Address), s.Address)
		last = s.At.Local().Format("1/2/2006 3:04:05 PM")
	}
	if r.Source {
		return source + "\r\n"
	}
	text := "Leap Indicator: 0(no warning)\r\nStratum: " + stratum + "\r\nPrecision: -23 (119.209ns per tick)\r\n" +
		"Root Delay: 0.0000000s\r\nRoot Dispersion: 0.0100000s\r\nReferenceId: " + id + "\r\n" +
		"Last Successful Sync Time: " + last + "\r\nSource: " + source + "\r\nPoll Interval: 6 (64s)\r\n\r\n"
	if r.Verbose {
		text += fmt.Sprintf("Phase Offset: %.7fs\r\nClockRate: 0.0156250s\r\nState Machine: %s\r\n"+
			"Time Source Flags: 0 (None)\r\nServer Role: 0 (None)\r\nLast Sync Error: 0 (The command completed successfully.)\r\n",
			s.Offset.Seconds(), map[bool]string{true: "2 (Sync)", false: "1 (Hold)"}[s.Source != ""])
		if s.Source != "" {
			text += fmt.Sprintf("Time since Last Good Sync Time: %.7fs\r\n", max(0, time.Since(s.At).Seconds()))
		}
	}
	return text
}

// reference is an IPv4 address as a number, 0 for another.
func reference(address string) uint32 {
	var a, b, c, d uint32
	if n, err := fmt.Sscanf(address, "%d.%d.%d.%d", &a, &b, &c, &d); n != 4 || err != nil {
		return 0
	}
	return a<<24 | b<<16 | c<<8 | d
}
