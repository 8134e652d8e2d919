package hostname

import (
	"context"
	"fmt"

	"innkeeper/agent/guest"
	"innkeeper/agent/mechanisms/kernelname"
	"innkeeper/agent/state"
	"innkeeper/agent/systems/places"
	"innkeeper/agent/systems/section"
)

// kernel is the name the running kernel has. It comes last: what is set before
// it mostly has changed it already.
type kernel struct {
	name func(h state.Hostname) string
}

func (kernel) key() string { return "kernel" }

func (kernel) read(ctx context.Context, m guest.Machine) (value, error) {
	s, err := kernelname.Read(ctx, m)
	return &s, err
}

func (k kernel) want(h state.Hostname, _ value) value { return some(k.name(h)) }

func (kernel) set(ctx context.Context, m guest.Machine, _, to value, _ bool) error {
	return kernelname.Set(ctx, m, places.Text(to))
}

func (kernel) tell(is, want value) section.Change {
	return section.Change{
		Summary: fmt.Sprintf("set the running kernel's name from %q to %q", places.Text(is), places.Text(want)),
		Command: guest.Command{Path: kernelname.Command, Args: []string{places.Text(want)}}.String(),
	}
}

func short(h state.Hostname) string { return h.Name }

func full(h state.Hostname) string { return h.FQDN() }

// linuxLongest is the kernel's limit, __NEW_UTS_LEN of linux/utsname.h.
const linuxLongest = 64

// fitsLinux refuses a full name that the kernel cannot hold, on systems that
// give the kernel the full name.
func fitsLinux(h state.Hostname) error {
	if n := len(h.FQDN()); n > linuxLongest {
		return section.Errorf(section.Unsupported, "hostname.domain", "the full name %q has %d characters; the Linux kernel, to which this system gives the full name, holds %d", h.FQDN(), n, linuxLongest)
	}
	return nil
}
