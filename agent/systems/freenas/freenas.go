// Package freenas is FreeNAS, now TrueNAS CORE, 12 and 13: FreeBSD under a
// middleware that owns the configuration.
package freenas

import (
	"context"
	"strings"

	"innkeeper/agent/guest"
	"innkeeper/agent/mechanisms/middleware"
	"innkeeper/agent/service"
	"innkeeper/agent/systems/clock"
	"innkeeper/agent/systems/hostname"
	"innkeeper/agent/systems/logging"
	"innkeeper/agent/systems/network"
	"innkeeper/agent/systems/section"
	"innkeeper/agent/systems/system"
)

// System is TrueNAS CORE.
type System struct{}

var _ system.System = System{}

// Name implements system.System.
func (System) Name() string { return "freenas" }

// Layout implements system.System. Only /data is there before the middleware
// and survives an update.
func (System) Layout() system.Layout { return system.ApplianceLayout("/data/guestd") }

// Sections implements system.System.
func (s System) Sections() map[string]section.Section {
	return map[string]section.Section{
		"hostname": hostname.Middleware(middleware.Socket),
		"logging":  logging.FreeNAS(middleware.Socket),
		"network":  network.FreeNAS(middleware.Socket),
		"time":     clock.FreeNAS(middleware.Socket, s.Layout().StateDir+"/own-time-servers"),
	}
}

// Service implements system.System.
func (s System) Service(m guest.Machine) service.Service {
	return service.TrueNAS(m, s.Layout().Binary, middleware.Socket)
}

const (
	database    = "/data/freenas-v1.db"
	client      = "/usr/local/bin/midclt"
	versionFile = "/etc/version"
)

// Recognise implements system.System. SCALE has the same middleware on Linux,
// where it renders other files.
func (s System) Recognise(ctx context.Context, m guest.Machine) error {
	b, err := m.ReadFile(versionFile)
	if err != nil {
		b = nil
	}
	product := strings.TrimSpace(string(b))
	nas := strings.HasPrefix(product, "TrueNAS") || strings.HasPrefix(product, "FreeNAS")
	has := system.Exists(m, database) && (nas || system.Exists(m, client))
	if !nas && !has && !system.Exists(m, "/data/manifest.json") {
		return system.ErrOther
	}
	if product == "" {
		product = "TrueNAS"
	}
	kernel := system.Uname(ctx, m, "-s")
	switch {
	case kernel == "Linux" || strings.Contains(product, "SCALE"):
		return &system.RefusedError{Found: product, Why: "TrueNAS SCALE runs on Linux; guestd knows TrueNAS CORE, which runs on FreeBSD"}
	case kernel != "FreeBSD" || !has:
		return system.ErrOther
	case strings.HasPrefix(s.Version(m), "11."):
		return &system.RefusedError{Found: product, Why: "it runs on FreeBSD 11, which is older than what guestd can run on; update to TrueNAS CORE 12 or 13"}
	}
	return nil
}

// Version implements system.System: "13.0-U6.1" of "TrueNAS-13.0-U6.1 (8f1e...)".
func (System) Version(m guest.Machine) string {
	b, err := m.ReadFile(versionFile)
	if err != nil {
		return ""
	}
	word, _, _ := strings.Cut(strings.TrimSpace(string(b)), " ")
	_, version, _ := strings.Cut(word, "-")
	return version
}
