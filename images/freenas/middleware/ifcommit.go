package middleware

import (
	"context"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"time"

	"innkeeper/images/freenas/ddp"
)

var commitOptions = attribute{name: "options", kind: objectKind, fields: []attribute{
	{name: "rollback", kind: boolKind, fallback: true},
	{name: "checkin_timeout", kind: integerKind, fallback: 60},
}}

func (s *Server) hasPendingChanges(context.Context, []any) (any, error) {
	s.writing.Lock()
	defer s.writing.Unlock()
	return s.pending != nil, nil
}

// interfaceCommit is interface.commit: what is in the database comes into
// force, and goes again after checkin_timeout seconds without a checkin.
func (s *Server) interfaceCommit(ctx context.Context, params []any) (any, error) {
	given := any(map[string]any{})
	if len(params) > 0 {
		given = params[0]
	}
	options, err := commitOptions.cleanObject(given, false)
	if err != nil {
		return nil, err
	}
	s.writing.Lock()
	defer s.writing.Unlock()
	records, err := s.interfaceRecords(ctx)
	if err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(records, func(r ddp.Record) bool {
		dhcp, _ := r.Get("ipv4_dhcp")
		auto, _ := r.Get("ipv6_auto")
		aliases, _ := r.Get("aliases")
		return dhcp == true || auto == true || len(recorded(aliases)) > 0
	}) {
		return nil, callError{errFault, "At least one interface configured with either IPv4 DHCP, IPv6 auto or a static IP is required."}
	}
	if err := s.sync(ctx, false); err != nil {
		return nil, err
	}
	seconds, _ := options["checkin_timeout"].(int)
	if options["rollback"] != true || seconds == 0 {
		s.pending = nil // a timer of an earlier commit stays, as in 13.0
		return nil, nil
	}
	// An earlier commit's timer is not stopped either.
	s.timerEnds = time.Now().Add(time.Duration(seconds) * time.Second)
	s.timer = time.AfterFunc(time.Duration(seconds)*time.Second, func() {
		if _, err := s.interfaceRollback(context.WithoutCancel(ctx), nil); err != nil {
			s.options.Log.Error("roll the interfaces back", "error", err)
		}
	})
	return nil, nil
}

// interfaceCheckin is interface.checkin: what was committed stays.
func (s *Server) interfaceCheckin(context.Context, []any) (any, error) {
	s.writing.Lock()
	defer s.writing.Unlock()
	s.stopTimer()
	s.pending = nil
	return nil, nil
}

// checkinWaiting is the seconds until the rollback, or null.
func (s *Server) checkinWaiting(context.Context, []any) (any, error) {
	s.writing.Lock()
	defer s.writing.Unlock()
	if left := time.Until(s.timerEnds).Seconds(); s.timer != nil && left > 0 {
		return left, nil
	}
	return nil, nil
}

// interfaceRollback is interface.rollback. Gateways, name servers and static
// routes stay as they are.
func (s *Server) interfaceRollback(ctx context.Context, _ []any) (any, error) {
	s.writing.Lock()
	defer s.writing.Unlock()
	s.stopTimer()
	if s.pending != nil {
		if err := s.store.setNICs(ctx, *s.pending); err != nil {
			return nil, err
		}
		s.pending = nil
	}
	return nil, s.sync(ctx, false)
}

func (s *Server) stopTimer() {
	if s.timer != nil {
		s.timer.Stop()
	}
	s.timer = nil
}

// interfaceSync is interface.sync, which the start of the machine calls.
func (s *Server) interfaceSync(ctx context.Context, params []any) (any, error) {
	s.writing.Lock()
	defer s.writing.Unlock()
	if s.options.Stack == nil {
		return nil, errNoStack
	}
	return nil, s.sync(ctx, len(params) > 0 && params[0] == true)
}

// sync brings the database's interfaces into force. One that cannot be
// configured is logged, and no error.
func (s *Server) sync(ctx context.Context, wait bool) error {
	configured, err := s.store.nics(ctx)
	if err != nil {
		return err
	}
	failed := func(what string, err error) {
		if err != nil {
			s.options.Log.Error("failed to configure "+what, "error", err)
		}
	}
	parents := map[string]bool{}
	for _, n := range configured {
		if n.vlan != nil {
			failed(n.name, s.setUpVLAN(n, parents))
		}
	}
	// VLANs come last, as they are restricted by the MTU beneath.
	slices.SortStableFunc(configured, func(a, b nic) int {
		order := map[bool]int{true: 1}
		return order[strings.HasPrefix(a.name, "vlan")] - order[strings.HasPrefix(b.name, "vlan")]
	})
	for _, n := range configured {
		failed(n.name, s.configure(n, wait))
	}
	links, err := s.options.Stack.Links()
	if err != nil {
		return err
	}
	for _, l := range links {
		switch {
		case len(configured) == 0 && !s.options.Stack.HasDHCP(l.Name):
			failed(l.Name, s.options.Stack.SetUp(l.Name, true))
			// The lookalike's start waits for the first lease alone.
			failed(l.Name, s.options.Stack.StartDHCP(l.Name, wait))
			wait = false
		case len(configured) > 0 && named(configured, l.Name) < 0:
			failed(l.Name, s.unconfigure(l, parents[l.Name]))
		}
	}
	config, err := s.networkConfig(ctx)
	if err != nil {
		return err
	}
	if err := s.syncDNS(config); err != nil {
		return err
	}
	failed("the routes", s.routeSync(ctx))
	return nil
}

// setUpVLAN is vlan_setup: the VLAN as it should be, on what is up beneath.
func (s *Server) setUpVLAN(n nic, parents map[string]bool) error {
	links, err := s.options.Stack.Links()
	if err != nil {
		return err
	}
	has := func(name string) bool { return slices.ContainsFunc(links, func(l Link) bool { return l.Name == name }) }
	if !has(n.vlan.parent) {
		return fmt.Errorf("VLAN %s parent interface %s not found, skipping", n.name, n.vlan.parent)
	}
	if made, ok := s.vlans[n.name]; has(n.name) && (!ok || made.parent != n.vlan.parent || made.tag != n.vlan.tag) {
		if err := s.options.Stack.Destroy(n.name); err != nil {
			return err
		}
		links = slices.DeleteFunc(links, func(l Link) bool { return l.Name == n.name })
	}
	if !has(n.name) {
		if err := s.options.Stack.CreateVLAN(n.name, n.vlan.parent, n.vlan.tag); err != nil {
			return err
		}
		s.vlans[n.name] = *n.vlan
	}
	parents[n.vlan.parent] = true
	if err := s.options.Stack.SetUp(n.vlan.parent, true); err != nil {
		return err
	}
	return s.options.Stack.SetUp(n.name, true)
}

var (
	leasedAddress = regexp.MustCompile(`fixed-address\s+(.+);`)
	leasedMask    = regexp.MustCompile(`option subnet-mask\s+(.+);`)
	leasedRouters = regexp.MustCompile(`option routers (.+);`)
)

// configure is interface.configure (plugins/interface/configure.py): addresses
// that the database has not go, those that are missing come.
func (s *Server) configure(n nic, wait bool) error {
	stack := s.options.Stack
	links, err := stack.Links()
	if err != nil {
		return err
	}
	at := slices.IndexFunc(links, func(l Link) bool { return l.Name == n.name })
	if at < 0 {
		return fmt.Errorf("no interface %s", n.name)
	}
	l, runs := links[at], stack.HasDHCP(n.name)
	want := slices.Clone(n.aliases)
	if runs && n.dhcp {
		lease, err := stack.Lease(n.name)
		if err != nil {
			return err
		}
		want = append(want, leasedPrefix(lease)...)
	}
	if runs && !n.dhcp {
		if err := stack.StopDHCP(n.name); err != nil {
			return err
		}
	}
	six := n.auto6 || slices.ContainsFunc(want, func(p netip.Prefix) bool { return p.Addr().Is6() })
	for _, p := range l.Addresses {
		if six && p.Addr().IsLinkLocalUnicast() || slices.Contains(want, p) {
			continue
		}
		if err := stack.Remove(n.name, p); err != nil {
			return err
		}
	}
	for _, p := range want {
		// Linux may have removed it with the first of its network.
		if err := stack.Add(n.name, p); err != nil && !slices.Contains(l.Addresses, p) {
			return err
		}
	}
	down := slices.Contains(strings.Fields(n.options), "down")
	if down {
		if err := stack.SetUp(n.name, false); err != nil {
			return err
		}
	}
	mtu := n.mtu
	if mtu == 0 {
		mtu = 1500
	}
	if l.MTU != mtu {
		if err := stack.SetMTU(n.name, mtu); err != nil {
			return err
		}
	}
	if !l.Up && !down {
		if err := stack.SetUp(n.name, true); err != nil {
			return err
		}
	}
	if n.dhcp && !runs {
		return stack.StartDHCP(n.name, wait)
	}
	return nil
}

func leasedPrefix(lease string) []netip.Prefix {
	address, mask := leasedAddress.FindStringSubmatch(lease), leasedMask.FindStringSubmatch(lease)
	if address == nil || mask == nil {
		return nil
	}
	a, err1 := netip.ParseAddr(address[1])
	m, err2 := netip.ParseAddr(mask[1])
	if err1 != nil || err2 != nil || !a.Is4() || !m.Is4() {
		return nil
	}
	bits := 0
	for _, octet := range m.As4() {
		for ; octet != 0; octet <<= 1 {
			bits++
		}
	}
	return []netip.Prefix{netip.PrefixFrom(a, bits)}
}

// unconfigure takes from an interface that is not in the database all that it
// has; a VLAN is destroyed, one that nothing lies on is set down.
func (s *Server) unconfigure(l Link, parent bool) error {
	stack := s.options.Stack
	if interfaceType(l.Name) == "VLAN" {
		delete(s.vlans, l.Name)
		return stack.Destroy(l.Name)
	}
	if stack.HasDHCP(l.Name) {
		if err := stack.StopDHCP(l.Name); err != nil {
			return err
		}
	}
	for _, p := range l.Addresses {
		if err := stack.Remove(l.Name, p); err != nil {
			return err
		}
	}
	if parent || !l.Up {
		return nil
	}
	return stack.SetUp(l.Name, false)
}
