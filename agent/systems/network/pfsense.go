package network

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"innkeeper/agent/guest"
	"innkeeper/agent/mechanisms/pfsenseconfig"
	"innkeeper/agent/state"
	"innkeeper/agent/systems/linediff"
	"innkeeper/agent/systems/section"
)

// PFSense keeps the network in pfSense's config.xml, written and brought into
// force by pfSense's own functions: of each interface that pfSense has a role
// for, DHCP or one IPv4 address, the gateway and the MTU; and the name servers.
func PFSense() section.Section { return pfsense{} }

type pfsense struct{}

// Describe implements section.Section.
func (pfsense) Describe() section.Description { return describe() }

// Plan implements section.Section.
func (pfsense) Plan(ctx context.Context, m guest.Machine, desired json.RawMessage) (section.Plan, error) {
	t, is, err := lookAtRoles(ctx, m, desired)
	if err != nil {
		return section.Plan{}, err
	}
	plan := section.Plan{}
	if plan.Actual, err = json.Marshal(t.actual(is)); err != nil {
		return plan, err
	}
	was, want := t.only(is.Network), t.want(is.Network)
	wrong := t.deviations(is)
	same := reflect.DeepEqual(was, want)
	if same && len(wrong) == 0 {
		return plan, nil
	}
	if len(is.Dirty) > 0 {
		return section.Plan{}, section.Errorf(section.Busy, name, "changes made in pfSense wait to be applied: %s", strings.Join(is.Dirty, ", "))
	}
	if !same {
		plan.Changes = append(plan.Changes, section.Change{
			Summary: "write the network to pfSense's configuration", Path: "/cf/conf/config.xml",
			Diff: linediff.Text(indented(was), indented(want)), Command: "write_config",
		})
	}
	plan.Changes = append(plan.Changes, tell(nil, wrong, nil)...)
	plan.Changes = append(plan.Changes, section.Change{
		Summary: "have pfSense bring it into force", Command: "interface_bring_down, interface_configure, system_routing_configure, system_resolvconf_generate",
	})
	c := rolesCheckpoint{Format: rolesFormat, Network: was, Cards: map[string]pfsenseconfig.Card{}}
	for role := range t.links {
		c.Cards[role] = is.Cards[role]
	}
	plan.Checkpoint, err = json.Marshal(c)
	return plan, err
}

// Apply implements section.Section. It is refused as busy when the
// configuration is neither what the plan saw nor what is desired.
func (pfsense) Apply(ctx context.Context, m guest.Machine, desired json.RawMessage, plan section.Plan) error {
	t, is, err := lookAtRoles(ctx, m, desired)
	if err != nil {
		return err
	}
	want, expect := t.want(is.Network), t.only(is.Network)
	if len(plan.Checkpoint) > 0 && !reflect.DeepEqual(want, expect) {
		c, err := decodeRoles(plan.Checkpoint)
		if err != nil {
			return err
		}
		expect = c.Network
	}
	section.Progress(ctx, "have pfSense write and bring into force the network", -1)
	if err := refusal(pfsenseconfig.SetNetwork(ctx, m, want, &expect, t.wrongRoles(is), false)); err != nil {
		return err
	}
	return wait(ctx, settle, func() (string, error) {
		is, err := pfsenseconfig.ReadNetwork(ctx, m)
		if err != nil {
			return "", refusal(err)
		}
		return first(append(t.deviations(is), t.unleased(is)...)), nil
	})
}

// Restore implements section.Section.
func (pfsense) Restore(ctx context.Context, m guest.Machine, raw json.RawMessage) error {
	c, err := decodeRoles(raw)
	if err != nil {
		return err
	}
	is, err := pfsenseconfig.ReadNetwork(ctx, m)
	if err != nil {
		return refusal(err)
	}
	if reflect.DeepEqual(onlyRoles(is.Network, c.Network.Roles), c.Network) && c.missing(is, true) == "" {
		return nil // nothing had been changed, or all is back already
	}
	roles := slices.Sorted(maps.Keys(c.Network.Roles))
	if err := refusal(pfsenseconfig.SetNetwork(ctx, m, c.Network, nil, roles, true)); err != nil {
		return err
	}
	return wait(ctx, restoreSettle, func() (string, error) {
		is, err := pfsenseconfig.ReadNetwork(ctx, m)
		if err != nil {
			return "", refusal(err)
		}
		return c.missing(is, false), nil
	})
}

// roles is the desired network with pfSense's roles that its interfaces are.
type roles struct {
	network state.Network
	links   map[string]link
}

func lookAtRoles(ctx context.Context, m guest.Machine, desired json.RawMessage) (roles, pfsenseconfig.NetworkState, error) {
	n, err := decode(desired)
	if err != nil {
		return roles{}, pfsenseconfig.NetworkState{}, err
	}
	is, err := pfsenseconfig.ReadNetwork(ctx, m)
	if err != nil {
		return roles{}, is, refusal(err)
	}
	t := roles{network: n, links: map[string]link{}}
	for at, i := range n.Interfaces {
		l := link{Interface: i, at: at}
		if err := fitsPFSense(l); err != nil {
			return t, is, err
		}
		role, err := findRole(l, is)
		if err != nil {
			return t, is, err
		}
		if other, twice := t.links[role]; twice {
			return t, is, section.Errorf(section.Invalid, l.path(selector(i)), "is %s, as is interfaces[%d]", role, other.at)
		}
		l.device, l.mac = is.Cards[role].Name, is.Cards[role].MAC
		t.links[role] = l
	}
	if n.DNS != nil && len(n.DNS.Search) > 0 {
		return t, is, section.Errorf(section.Unsupported, "network.dns.search", "pfSense searches its own domain, or that of DHCP; set it with hostname.domain")
	}
	return t, is, nil
}

// fitsPFSense refuses what pfSense's interfaces do not have, or have elsewhere.
func fitsPFSense(l link) error {
	refuse := func(field, why string) error {
		return section.Errorf(section.Unsupported, l.path(field), "%s", why)
	}
	const six = "guestd sets IPv4 on pfSense; set IPv6 in Interfaces"
	switch {
	case l.VLAN != nil:
		return refuse("vlan", "pfSense gives a VLAN a role in Interfaces > Assignments, and guestd manages interfaces that have one; choose it by its name")
	case l.Down():
		return refuse("state", "pfSense has rules and services on every interface; disable it in Interfaces")
	case l.DHCP6:
		return refuse("dhcp6", six)
	case l.SLAAC:
		return refuse("slaac", six)
	case l.Gateway6 != "":
		return refuse("gateway6", six)
	case len(l.Routes) > 0:
		return refuse("routes", "pfSense's static routes name gateways, which have to be made first; set them in System > Routing")
	}
	for i, p := range l.Prefixes() {
		field := fmt.Sprintf("addresses[%d]", i)
		switch {
		case p.Addr().Is6():
			return refuse(field, six)
		case i > 0 || l.DHCP4:
			return refuse(field, "an interface of pfSense has one address; further ones are virtual IPs, in Firewall > Virtual IPs")
		}
	}
	return nil
}

// findRole is pfSense's name for an interface of the document.
func findRole(l link, is pfsenseconfig.NetworkState) (string, error) {
	var known []string
	for _, role := range slices.Sorted(maps.Keys(is.Cards)) {
		card := is.Cards[role]
		known = append(known, role+" ("+card.Name+")")
		if card.Name != l.Name && (l.MAC == "" || !strings.EqualFold(card.MAC, l.MAC) || strings.Contains(card.Name, ".")) {
			continue
		}
		way := is.Network.Roles[role].Address
		if _, err := netip.ParseAddr(way); !card.Enabled || way != "" && way != pfsenseconfig.DHCP && err != nil {
			return "", section.Errorf(section.Unsupported, l.path(selector(l.Interface)), "%s is disabled in pfSense, or gets its address by %q; guestd manages those with DHCP or a fixed address", role, way)
		}
		return role, nil
	}
	return "", section.Errorf(section.Invalid, l.path(selector(l.Interface)), "pfSense has no such interface; it has %s", strings.Join(known, ", "))
}

// only is the part of a configuration that is about the target's interfaces.
func (t roles) only(n pfsenseconfig.Network) pfsenseconfig.Network { return onlyRoles(n, t.links) }

func onlyRoles[V any](n pfsenseconfig.Network, of map[string]V) pfsenseconfig.Network {
	all := n.Roles
	n.Roles = map[string]pfsenseconfig.Interface{}
	for role := range of {
		n.Roles[role] = all[role]
	}
	return n
}

// want is what the configuration should be, given what it is.
func (t roles) want(is pfsenseconfig.Network) pfsenseconfig.Network {
	n := t.only(is)
	n.Gateways = maps.Clone(is.Gateways)
	for role, l := range t.links {
		own := pfsenseconfig.GatewayName(role)
		delete(n.Gateways, role)
		if n.Default4 == own {
			n.Default4 = ""
		}
		i := pfsenseconfig.Interface{Address: pfsenseconfig.DHCP}
		if l.MTU != 0 {
			i.MTU = strconv.Itoa(int(l.MTU))
		}
		for _, p := range l.Prefixes() {
			i.Address, i.Subnet = p.Addr().String(), strconv.Itoa(p.Bits())
		}
		if l.Gateway4 != "" {
			n.Gateways[role], i.Gateway, n.Default4 = l.Gateway4, own, own
		}
		n.Roles[role] = i
	}
	if dns := t.network.DNS; dns != nil {
		n.Servers, n.Override = append([]string{}, dns.Servers...), len(dns.Servers) == 0
	}
	return n
}

// deviations says in words what of the target is not true of the cards.
func (t roles) deviations(is pfsenseconfig.NetworkState) []string {
	var wrong []string
	for _, role := range slices.Sorted(maps.Keys(t.links)) {
		l, card := t.links[role], is.Cards[role]
		for _, p := range l.Prefixes() {
			if card.Address != p.Addr().String() || card.Bits != p.Bits() {
				wrong = append(wrong, fmt.Sprintf("%s lacks the address %s", role, p))
			}
		}
		if l.MTU != 0 && card.MTU != l.MTU {
			wrong = append(wrong, fmt.Sprintf("%s has an MTU of %d, not %d", role, card.MTU, l.MTU))
		}
		if l.Gateway4 != "" && is.Router != l.Gateway4 {
			wrong = append(wrong, fmt.Sprintf("%s lacks the route to 0.0.0.0/0 via %s", role, l.Gateway4))
		}
	}
	return wrong
}

// wrongRoles are the roles whose interface has to be brought into force.
func (t roles) wrongRoles(is pfsenseconfig.NetworkState) []string {
	var wrong []string
	want := t.want(is.Network)
	for _, role := range slices.Sorted(maps.Keys(t.links)) {
		one := roles{t.network, map[string]link{role: t.links[role]}}
		if want.Roles[role] != is.Network.Roles[role] || len(one.deviations(is)) > 0 {
			wrong = append(wrong, role)
		}
	}
	return wrong
}

// unleased says which interfaces still wait for an answer to DHCP.
func (t roles) unleased(is pfsenseconfig.NetworkState) []string {
	var waiting []string
	for _, role := range slices.Sorted(maps.Keys(t.links)) {
		if t.links[role].DHCP4 && is.Cards[role].Address == "" {
			waiting = append(waiting, role+" got no address by DHCP")
		}
	}
	return waiting
}

// actual is the section's value as the machine has it.
func (t roles) actual(is pfsenseconfig.NetworkState) Actual {
	a := Actual{DNS: state.DNS{Servers: is.Network.Servers}}
	for at := range t.network.Interfaces {
		for role, l := range t.links {
			if l.at != at {
				continue
			}
			card := is.Cards[role]
			i := ActualInterface{Device: card.Name}
			i.MAC, i.Name, i.MTU, i.DHCP4 = l.MAC, l.Name, card.MTU, is.Network.Roles[role].Address == pfsenseconfig.DHCP
			address, err := netip.ParseAddr(card.Address)
			p := netip.PrefixFrom(address, card.Bits)
			switch {
			case err != nil:
			case i.DHCP4:
				i.Leased = []string{p.String()}
			default:
				i.Addresses = []string{p.String()}
			}
			if router, err := netip.ParseAddr(is.Router); err == nil && p.Masked().Contains(router) {
				i.Gateway4 = is.Router
			}
			a.Interfaces = append(a.Interfaces, i)
		}
	}
	return a
}

// rolesCheckpoint is what there was before a change.
type rolesCheckpoint struct {
	Format  int                           `json:"format"`
	Network pfsenseconfig.Network         `json:"network"`
	Cards   map[string]pfsenseconfig.Card `json:"cards"`
}

const rolesFormat = 1

func decodeRoles(raw json.RawMessage) (rolesCheckpoint, error) {
	var c rolesCheckpoint
	if err := json.Unmarshal(raw, &c); err != nil {
		return c, fmt.Errorf("read the checkpoint of the network: %w", err)
	}
	if c.Format != rolesFormat {
		return c, fmt.Errorf("the checkpoint of the network has format %d; this version of guestd knows %d", c.Format, rolesFormat)
	}
	return c, nil
}

// missing says what is not as it was. An address that was lent may be another,
// unless it is to be the same.
func (c rolesCheckpoint) missing(is pfsenseconfig.NetworkState, same bool) string {
	for _, role := range slices.Sorted(maps.Keys(c.Cards)) {
		was, now := c.Cards[role], is.Cards[role]
		other := c.Network.Roles[role].Address == pfsenseconfig.DHCP && !same
		switch {
		case was.Address != "" && now.Address == "":
			return role + " has no address"
		case !other && was.Address != now.Address:
			return role + " lacks the address " + was.Address
		case was.MTU != now.MTU:
			return fmt.Sprintf("%s has an MTU of %d, not %d", role, now.MTU, was.MTU)
		}
	}
	return ""
}

func indented(n pfsenseconfig.Network) string {
	b, err := json.MarshalIndent(n, "", "  ")
	if err != nil { // texts and numbers always can be
		panic(err)
	}
	return string(b) + "\n"
}

// refusal says in the section's terms what pfSense does not let through.
func refusal(err error) error {
	var r *pfsenseconfig.Refusal
	if errors.As(err, &r) && r.Code == "busy" {
		return section.Errorf(section.Busy, name, "%s", r.Message)
	}
	return err
}
