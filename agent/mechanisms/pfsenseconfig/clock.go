package pfsenseconfig

import (
	"context"
	_ "embed"

	"innkeeper/agent/guest"
)

//go:embed clock.php
var clockScript string

// Clock is what of the configuration concerns the clock, by its paths. One that
// is not there is empty.
type Clock map[string]string

// The paths of a Clock (pfSense's www/system.php and www/services_ntpd.php).
const (
	// Zone is a name of IANA's database.
	Zone = "system/timezone"
	// TimeServers are NTP servers with blanks between them.
	TimeServers = "system/timeservers"
	// NTPEnable is NTPDisabled if ntpd is turned off, else anything.
	NTPEnable = "ntpd/enable"
)

// The values of NTPEnable that pfSense's page writes.
const (
	NTPEnabled  = "enabled"
	NTPDisabled = "disabled"
)

type clockRequest struct {
	Set    Clock `json:"set"`
	Expect Clock `json:"expect"`
	Zone   bool  `json:"zone"`
	NTP    bool  `json:"ntp"`
}

type clockResponse struct {
	Clock Clock `json:"clock"`
}

// ReadClock reads all of the paths.
func ReadClock(ctx context.Context, m guest.Machine) (Clock, error) {
	var r clockResponse
	err := run(ctx, m, clockScript, clockRequest{}, &r)
	return r.Clock, err
}

// SetClock saves the values of some paths, provided that the configuration has
// those that are expected of the same paths; else it is refused as busy.
// ApplyClock makes it so.
func SetClock(ctx context.Context, m guest.Machine, c, expect Clock) error {
	var r clockResponse
	return run(ctx, m, clockScript, clockRequest{Set: c, Expect: expect}, &r)
}

// ApplyClock has pfSense make the configured zone that of the system, and with
// ntp render ntpd's configuration and start it anew. It applies nothing else
// that was saved.
func ApplyClock(ctx context.Context, m guest.Machine, ntp bool) error {
	var r clockResponse
	return run(ctx, m, clockScript, clockRequest{Zone: true, NTP: ntp}, &r)
}
