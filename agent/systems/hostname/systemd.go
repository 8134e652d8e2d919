package hostname

import (
	"context"
	"fmt"
	"strings"

	"innkeeper/agent/guest"
	"innkeeper/agent/mechanisms/cloudinit"
	"innkeeper/agent/mechanisms/hostsfile"
	"innkeeper/agent/mechanisms/systemd"
	"innkeeper/agent/state"
	"innkeeper/agent/systems/places"
	"innkeeper/agent/systems/section"
)

// SystemdShort keeps the single label in /etc/hostname and the full name in
// /etc/hosts, as Debian and Ubuntu have it: hostname(1) gives the short name.
func SystemdShort() Section {
	return Section{places: systemdPlaces(short), actual: linuxActual(systemd.HostnameFile, systemd.ParseHostname)}
}

// SystemdFull keeps the full name in /etc/hostname, as Red Hat's systems have
// it: hostname(1) gives the full name.
func SystemdFull() Section {
	return Section{places: systemdPlaces(full), limits: fitsLinux, actual: linuxActual(systemd.HostnameFile, systemd.ParseHostname)}
}

func systemdPlaces(name func(state.Hostname) string) func() []place {
	return func() []place {
		return []place{
			&file{
				path:    cloudinit.HostnameFile,
				managed: cloudinit.Present,
				summary: func(string, string) string { return "keep cloud-init from resetting the host name at boot" },
				text:    func(state.Hostname, value) value { return some(cloudinit.Hostname) },
			},
			hosts(),
			static{name},
			kernel{name},
		}
	}
}

// hosts is the machine's own entry in /etc/hosts. It comes before the name
// itself: sudo and hostname -f look the new name up there at once.
func hosts() place {
	return &file{
		path:    hostsfile.Path,
		summary: func(_, _ string) string { return "write this machine's own entry in " + hostsfile.Path },
		text: func(h state.Hostname, is value) value {
			return some(hostsfile.Set(places.Text(is), h.FQDN(), h.Name))
		},
	}
}

// static is systemd's static host name.
type static struct {
	name func(h state.Hostname) string
}

func (static) key() string { return systemd.HostnameFile }

func (static) read(_ context.Context, m guest.Machine) (value, error) {
	return places.ReadFile(m, systemd.HostnameFile)
}

func (s static) want(h state.Hostname, is value) value {
	if systemd.ParseHostname(places.Text(is)) == s.name(h) {
		return is // whatever comment stands beside it
	}
	return some(s.name(h) + "\n")
}

// set has hostnamed do it. For an undo the file itself is what counts: what
// hostnamed cannot do (it may not run this early) or would not write to the
// letter is written.
func (s static) set(ctx context.Context, m guest.Machine, from, to value, undo bool) error {
	var failed error
	if systemd.ParseHostname(places.Text(from)) != systemd.ParseHostname(places.Text(to)) {
		failed = systemd.SetStaticHostname(ctx, m, systemd.ParseHostname(places.Text(to)))
	}
	if !undo {
		return failed
	}
	is, err := s.read(ctx, m)
	if err != nil || places.Same(is, to) {
		return err
	}
	return places.WriteFile(m, systemd.HostnameFile, to)
}

func (static) tell(is, want value) section.Change {
	from, to := systemd.ParseHostname(places.Text(is)), systemd.ParseHostname(places.Text(want))
	return section.Change{
		Summary: fmt.Sprintf("set the static host name from %q to %q", from, to),
		Path:    systemd.HostnameFile,
		Command: "hostnamectl --static set-hostname " + to,
	}
}

// linuxActual tells the name from the file that keeps it, or from the kernel
// if that has none, and the domain from the name's own dots or from /etc/hosts.
func linuxActual(path string, parse func(text string) string) func(map[string]value) Actual {
	return func(is map[string]value) Actual {
		whole := parse(places.Text(is[path]))
		if whole == "" {
			whole = places.Text(is[kernel{}.key()])
		}
		if !strings.Contains(whole, ".") {
			if canonical := hostsfile.Canonical(places.Text(is[hostsfile.Path]), whole); strings.HasPrefix(canonical, whole+".") {
				whole = canonical
			}
		}
		label, domain, _ := strings.Cut(whole, ".")
		return Actual{Hostname: state.Hostname{Name: label, Domain: domain}}
	}
}
