// Package stacktest is a machine's network in memory, for tests of and with the
// middleware's double.
package stacktest

import (
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"

	"innkeeper/images/freenas/middleware"
)

// Stack is a network of two cards, the first of which gets a lease.
type Stack struct {
	mu     sync.Mutex
	links  []middleware.Link
	routes []middleware.Route
	dhcp   map[string]bool
}

// New is a machine whose cards are down.
func New() *Stack {
	return &Stack{dhcp: map[string]bool{}, links: []middleware.Link{
		{Name: "vtnet0", MAC: "52:54:00:00:77:01", MTU: 1500},
		{Name: "vtnet1", MAC: "52:54:00:00:77:02", MTU: 1500},
	}}
}

var _ middleware.Stack = (*Stack)(nil)

func (s *Stack) with(name string, do func(*middleware.Link)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.links {
		if s.links[i].Name == name {
			do(&s.links[i])
			return nil
		}
	}
	return fmt.Errorf("no interface %s", name)
}

// Links implements middleware.Stack.
func (s *Stack) Links() ([]middleware.Link, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := slices.Clone(s.links)
	for i := range all {
		all[i].Addresses = slices.Clone(all[i].Addresses)
	}
	return all, nil
}

// Routes implements middleware.Stack.
func (s *Stack) Routes() ([]middleware.Route, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.routes), nil
}

// Add implements middleware.Stack.
func (s *Stack) Add(nic string, p netip.Prefix) (err error) {
	if failed := s.with(nic, func(l *middleware.Link) {
		if slices.Contains(l.Addresses, p) {
			err = os.ErrExist
			return
		}
		l.Addresses = append(l.Addresses, p)
	}); failed != nil {
		return failed
	}
	return err
}

// Remove implements middleware.Stack.
func (s *Stack) Remove(nic string, p netip.Prefix) error {
	return s.with(nic, func(l *middleware.Link) {
		l.Addresses = slices.DeleteFunc(l.Addresses, func(have netip.Prefix) bool { return have == p })
		s.routes = slices.DeleteFunc(s.routes, func(r middleware.Route) bool {
			return r.Dev == nic && !slices.ContainsFunc(l.Addresses, func(p netip.Prefix) bool { return p.Contains(r.Via) })
		})
	})
}

// SetUp implements middleware.Stack.
func (s *Stack) SetUp(nic string, up bool) error {
	return s.with(nic, func(l *middleware.Link) { l.Up = up })
}

// SetMTU implements middleware.Stack.
func (s *Stack) SetMTU(nic string, mtu int) error {
	return s.with(nic, func(l *middleware.Link) { l.MTU = mtu })
}

// CreateVLAN implements middleware.Stack.
func (s *Stack) CreateVLAN(name, parent string, tag int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.links = append(s.links, middleware.Link{Name: name, MAC: parent, MTU: 1500})
	return nil
}

// Destroy implements middleware.Stack.
func (s *Stack) Destroy(name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.links = slices.DeleteFunc(s.links, func(l middleware.Link) bool { return l.Name == name })
	return nil
}

// AddRoute implements middleware.Stack.
func (s *Stack) AddRoute(r middleware.Route) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.links {
		if slices.ContainsFunc(l.Addresses, func(p netip.Prefix) bool { return p.Contains(r.Via) }) {
			r.Dev = l.Name
		}
	}
	if r.Dev == "" {
		return fmt.Errorf("network is unreachable")
	}
	s.routes = append(slices.DeleteFunc(s.routes, func(o middleware.Route) bool { return o.To == r.To }), r)
	return nil
}

// RemoveRoute implements middleware.Stack.
func (s *Stack) RemoveRoute(r middleware.Route) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.routes = slices.DeleteFunc(s.routes, func(o middleware.Route) bool { return o.To == r.To })
	return nil
}

const lease = "lease {\n  interface \"vtnet0\";\n  fixed-address 198.51.100.100;\n  option subnet-mask 255.255.255.0;\n  option routers 198.51.100.1;\n  option domain-name-servers 198.51.100.53;\n}\n"

// StartDHCP implements middleware.Stack.
func (s *Stack) StartDHCP(nic string, _ bool) error {
	s.mu.Lock()
	s.dhcp[nic] = true
	s.mu.Unlock()
	if nic != "vtnet0" {
		return nil
	}
	return s.with(nic, func(l *middleware.Link) {
		if p := netip.MustParsePrefix("198.51.100.100/24"); !slices.Contains(l.Addresses, p) {
			l.Addresses = append(l.Addresses, p)
		}
	})
}

// StopDHCP implements middleware.Stack.
func (s *Stack) StopDHCP(nic string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.dhcp, nic)
	return nil
}

// HasDHCP implements middleware.Stack.
func (s *Stack) HasDHCP(nic string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.dhcp[nic]
}

// Lease implements middleware.Stack.
func (s *Stack) Lease(nic string) (string, error) {
	if nic == "vtnet0" {
		return lease, nil
	}
	return "", nil
}

// Show is a line for each interface and each route.
func (s *Stack) Show() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out strings.Builder
	for _, l := range s.links {
		fmt.Fprintf(&out, "%s up=%t mtu=%d dhcp=%t %v\n", l.Name, l.Up, l.MTU, s.dhcp[l.Name], l.Addresses)
	}
	for _, r := range s.routes {
		fmt.Fprintf(&out, "%s via %s dev %s\n", r.To, r.Via, r.Dev)
	}
	return out.String()
}
