package pfsenseconfig

import (
	"context"
	_ "embed"

	"innkeeper/agent/guest"
)

//go:embed zone.php
var zoneScript string

type zoneRequest struct {
	Set    *string `json:"set"`
	Expect string  `json:"expect"`
	Apply  bool    `json:"apply"`
}

type zoneResponse struct {
	Zone string `json:"zone"`
}

// ReadZone reads the configured time zone, empty if there is none.
func ReadZone(ctx context.Context, m guest.Machine) (string, error) {
	var r zoneResponse
	err := run(ctx, m, zoneScript, zoneRequest{}, &r)
	return r.Zone, err
}

// SetZone saves a time zone, provided that the configuration has the one that
// is expected; else it is refused as busy. ApplyZone makes it so.
func SetZone(ctx context.Context, m guest.Machine, zone, expect string) error {
	var r zoneResponse
	return run(ctx, m, zoneScript, zoneRequest{Set: &zone, Expect: expect}, &r)
}

// ApplyZone has pfSense make the configured time zone that of the system. It
// applies nothing else that was saved.
func ApplyZone(ctx context.Context, m guest.Machine) error {
	var r zoneResponse
	return run(ctx, m, zoneScript, zoneRequest{Apply: true}, &r)
}
