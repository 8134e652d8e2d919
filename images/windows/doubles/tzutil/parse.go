package main

import (
	"errors"
	"strings"
)

// The actions.
const (
	get  = "/g"
	set  = "/s"
	list = "/l"
	help = "/?"
)

// request is what is asked for.
type request struct {
	action string
	zone   string
}

const usage = `Windows Time Zone Utility

Usage:
TZUTIL </? | /g | /s TimeZoneID[_dstoff] | /l>
`

// parse reads the arguments: one option, for which case does not matter, and for
// /s a name.
func parse(args []string) (request, error) {
	if len(args) == 0 {
		return request{action: help}, nil
	}
	r := request{action: strings.ToLower(strings.Replace(args[0], "-", "/", 1))}
	want := 1
	switch r.action {
	case get, list, help:
	case set:
		want = 2
	default:
		return request{}, errors.New("tzutil: " + args[0] + " is no option of it; see tzutil /?")
	}
	if len(args) != want {
		return request{}, errors.New("tzutil: the number of arguments is wrong; see tzutil /?")
	}
	if want == 2 {
		r.zone = args[1]
		if strings.HasSuffix(strings.ToLower(r.zone), "_dstoff") {
			return request{}, errors.New("tzutil: _dstoff is not provided in this Windows lookalike (Wine)")
		}
		if r.zone == "" || strings.ContainsAny(r.zone, `\/`) {
			return request{}, errors.New("tzutil: there is no time zone of the name " + args[1])
		}
	}
	return r, nil
}
