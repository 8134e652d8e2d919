package hostname

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"innkeeper/agent/guest"
	"innkeeper/agent/mechanisms/pfsenseconfig"
	"innkeeper/agent/state"
	"innkeeper/agent/systems/places"
	"innkeeper/agent/systems/section"
)

// PFSense keeps name and domain in pfSense's config.xml, written and applied by
// pfSense's own functions.
func PFSense() Section {
	key := (&configXML{}).key()
	return Section{
		limits: needsDomain("pfSense", "home.arpa"),
		places: func() []place { return []place{&configXML{}, kernel{full}} },
		actual: func(is map[string]value) Actual {
			n := parseNames(is[key])
			return Actual{Hostname: state.Hostname{Name: n.Hostname, Domain: n.Domain}}
		},
	}
}

// configXML is <system> of config.xml.
type configXML struct {
	// dirty is what waits to be applied.
	dirty []string
}

func (*configXML) key() string { return "config.xml" }

func (c *configXML) read(ctx context.Context, m guest.Machine) (value, error) {
	names, dirty, err := pfsenseconfig.ReadNames(ctx, m)
	if err != nil {
		return nil, err
	}
	c.dirty = dirty
	return encodeNames(names)
}

// free is nil unless someone's changes wait to be applied: applying ours would
// apply theirs, which may cut the firewall off.
func (c *configXML) free() error {
	if len(c.dirty) == 0 {
		return nil
	}
	return section.Errorf(section.Busy, name, "changes made in pfSense wait to be applied (%s); apply or discard them there first", strings.Join(c.dirty, ", "))
}

func parseNames(v value) pfsenseconfig.Names {
	var n pfsenseconfig.Names
	if json.Unmarshal([]byte(places.Text(v)), &n) != nil {
		return pfsenseconfig.Names{}
	}
	return n
}

func (*configXML) want(h state.Hostname, is value) value {
	n := pfsenseconfig.Names{Hostname: h.Name, Domain: h.Domain}
	if parseNames(is) == n {
		return is
	}
	v, err := encodeNames(n)
	if err != nil { // two strings always can be
		panic(err)
	}
	return v
}

func (*configXML) set(ctx context.Context, m guest.Machine, from, to value, undo bool) error {
	expect := parseNames(from)
	err := pfsenseconfig.SetNames(ctx, m, parseNames(to), &expect, undo)
	var refusal *pfsenseconfig.Refusal
	if !errors.As(err, &refusal) {
		return err
	}
	switch refusal.Code {
	case "hostname":
		return section.Errorf(section.Invalid, "hostname.name", "%s", refusal.Message)
	case "domain":
		return section.Errorf(section.Invalid, "hostname.domain", "%s", refusal.Message)
	case "busy":
		return section.Errorf(section.Busy, name, "%s", refusal.Message)
	}
	return err
}

func (*configXML) tell(is, want value) section.Change {
	from, to := parseNames(is), parseNames(want)
	return section.Change{
		Summary: fmt.Sprintf("set the host name from %q to %q in pfSense's configuration", from.Hostname+"."+from.Domain, to.Hostname+"."+to.Domain),
		Path:    "/cf/conf/config.xml",
		Command: "write_config, system_hostname_configure, system_hosts_generate, system_resolvconf_generate, the DNS service, filter_configure",
	}
}
