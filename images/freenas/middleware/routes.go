package middleware

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"

	"innkeeper/images/freenas/ddp"
)

var (
	everywhere4 = netip.PrefixFrom(netip.IPv4Unspecified(), 0)
	everywhere6 = netip.PrefixFrom(netip.IPv6Unspecified(), 0)
)

// routeSync is route.sync: the gateways of the configuration, or for IPv4 that
// of a lease, are the kernel's; others go.
func (s *Server) routeSync(ctx context.Context) error {
	config, err := s.networkConfig(ctx)
	if err != nil {
		return err
	}
	want4, err := netip.ParseAddr(get(config, "ipv4gateway"))
	if err != nil {
		if want4, err = s.leasedRouter(ctx); err != nil {
			return err
		}
	}
	want6, _ := netip.ParseAddr(get(config, "ipv6gateway")) // empty for none
	routes, err := s.options.Stack.Routes()
	if err != nil {
		return err
	}
	autos, err := s.store.nics(ctx)
	if err != nil {
		return err
	}
	for to, via := range map[netip.Prefix]netip.Addr{everywhere4: want4, everywhere6: want6} {
		at := slices.IndexFunc(routes, func(r Route) bool { return r.To == to })
		switch {
		case via.IsValid() && (at < 0 || routes[at].Via != via.WithZone("")):
			err = s.options.Stack.AddRoute(Route{To: to, Via: via})
		case !via.IsValid() && at >= 0 && !slices.ContainsFunc(autos, func(n nic) bool { return n.auto6 && to == everywhere6 && n.name == routes[at].Dev }):
			err = s.options.Stack.RemoveRoute(routes[at])
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// leasedRouter is the first router of the first lease, invalid for none.
func (s *Server) leasedRouter(ctx context.Context) (netip.Addr, error) {
	configured, err := s.store.nics(ctx)
	if err != nil {
		return netip.Addr{}, err
	}
	links, err := s.options.Stack.Links()
	if err != nil {
		return netip.Addr{}, err
	}
	for _, l := range links {
		at := named(configured, l.Name)
		if !s.options.Stack.HasDHCP(l.Name) || len(configured) > 0 && (at < 0 || !configured[at].dhcp) {
			continue
		}
		lease, err := s.options.Stack.Lease(l.Name)
		if err != nil {
			return netip.Addr{}, err
		}
		if found := leasedRouters.FindStringSubmatch(lease); found != nil {
			first, _, _ := strings.Cut(found[1], ",")
			return netip.ParseAddr(strings.Fields(first)[0])
		}
	}
	return netip.Addr{}, nil
}

func (s *Server) routeSyncMethod(ctx context.Context, _ []any) (any, error) {
	if s.options.Stack == nil {
		return nil, errNoStack
	}
	s.writing.Lock()
	defer s.writing.Unlock()
	return nil, s.routeSync(ctx)
}

// systemRoutes is route.system_routes: the kernel's routes in py-netif's words,
// those through a gateway.
func (s *Server) systemRoutes(_ context.Context, params []any) (any, error) {
	filters, options, err := queryParams(params)
	if err != nil {
		return nil, err
	}
	if s.options.Stack == nil {
		return nil, errNoStack
	}
	routes, err := s.options.Stack.Routes()
	if err != nil {
		return nil, err
	}
	var all []ddp.Record
	for _, r := range routes {
		all = append(all, ddp.Record{
			{Key: "network", Value: r.To.Addr().String()},
			{Key: "netmask", Value: mask(r.To)},
			{Key: "gateway", Value: r.Via.String()},
			{Key: "interface", Value: r.Dev},
			{Key: "flags", Value: []string{"UP", "GATEWAY", "STATIC"}},
		})
	}
	return filterList(all, filters, options)
}

func mask(p netip.Prefix) string {
	return net.IP(net.CIDRMask(p.Bits(), p.Addr().BitLen())).String()
}

// reachable is route.ipv4gw_reachable: whether an interface has a network with
// the gateway in it.
func (s *Server) reachable(gateway netip.Addr) (bool, error) {
	if s.options.Stack == nil {
		return false, errNoStack
	}
	links, err := s.options.Stack.Links()
	for _, l := range links {
		if slices.ContainsFunc(l.Addresses, func(p netip.Prefix) bool { return p.Addr().Is4() && p.Contains(gateway) }) {
			return true, nil
		}
	}
	return false, err
}

// restartRouting is FreeBSD's /etc/rc.d/routing restart: it flushes every
// route through a gateway, then adds the default routers and static routes of
// rc.conf. A gateway by DHCP is gone then.
func (s *Server) restartRouting(ctx context.Context) error {
	if s.options.Stack == nil {
		return errNoStack
	}
	routes, err := s.options.Stack.Routes()
	if err != nil {
		return err
	}
	for _, r := range routes {
		if err := s.options.Stack.RemoveRoute(r); err != nil {
			return err
		}
	}
	return s.startRouting(ctx)
}

// startRouting is routing start: what is there already stays.
func (s *Server) startRouting(ctx context.Context) error {
	config, err := s.networkConfig(ctx)
	if err != nil {
		return err
	}
	rows, err := s.store.records(ctx, routeTable)
	if err != nil {
		return err
	}
	for _, r := range rows {
		to, err1 := netip.ParsePrefix(get(r, "destination"))
		via, err2 := netip.ParseAddr(get(r, "gateway"))
		if err1 != nil || err2 != nil {
			continue
		}
		s.logRoute(s.options.Stack.AddRoute(Route{To: to, Via: via}))
	}
	for key, to := range map[string]netip.Prefix{"ipv4gateway": everywhere4, "ipv6gateway": everywhere6} {
		if via, err := netip.ParseAddr(get(config, key)); err == nil {
			s.logRoute(s.options.Stack.AddRoute(Route{To: to, Via: via}))
		}
	}
	return nil
}

// serviceStart is service.start of the one service that is built.
func (s *Server) serviceStart(ctx context.Context, params []any) (any, error) {
	name, ok := params[0].(string)
	if !ok {
		return nil, schemaError{"service", "Not a string"}
	}
	if name != "routing" {
		return nil, callError{errFault, "lookalike: service.start " + name + " is not built"}
	}
	if s.options.Stack == nil {
		return nil, errNoStack
	}
	s.writing.Lock()
	defer s.writing.Unlock()
	return true, s.startRouting(ctx)
}

// logRoute passes over a route that route(8) refuses, as the script does.
func (s *Server) logRoute(err error) {
	if err != nil {
		s.options.Log.Warn("route", "error", err)
	}
}

// routeTable has the description in small letters; the API shows it in capitals.
var routeTable = table{
	name: "network_staticroute", prefix: "sr_", thing: "StaticRoute",
	shown: words(strings.ToUpper, "description"), kept: words(strings.ToLower, "description"),
	columns: []column{{"id", integerKind}, {"destination", stringKind}, {"gateway", stringKind}, {"description", stringKind}},
}

func staticRouteSchema(name string) attribute {
	return attribute{name: name, kind: objectKind, fields: []attribute{
		{name: "destination", kind: networkKind},
		{name: "gateway", kind: addressKind, zone: true},
		{name: "description", kind: stringKind, fallback: ""},
	}}
}

var staticRouteCreate = staticRouteSchema("staticroute_create")

// staticRouteCreateMethod is staticroute.create: all routing starts anew.
func (s *Server) staticRouteCreateMethod(ctx context.Context, params []any) (any, error) {
	data, err := staticRouteCreate.cleanObject(params[0], false)
	if err != nil {
		return nil, err
	}
	for _, field := range []string{"destination", "gateway"} {
		if _, ok := data[field]; !ok {
			return nil, fmt.Errorf("'%s'", field) // a KeyError: the schema does not require it
		}
	}
	invalid := &validationError{}
	if strings.Contains(text(data["destination"]), ":") != strings.Contains(text(data["gateway"]), ":") {
		invalid.add("staticroute_create.destination", "Destination and gateway address families must match")
	}
	if err := invalid.orNil(); err != nil {
		return nil, err
	}
	s.writing.Lock()
	defer s.writing.Unlock()
	names, values := routeTable.row(data)
	id, err := s.store.insert(ctx, routeTable, names, values)
	if err != nil {
		return nil, err
	}
	if err := s.restartRouting(ctx); err != nil {
		return nil, err
	}
	return s.store.record(ctx, routeTable, id)
}

// staticRouteDelete is staticroute.delete, which takes the route from the
// kernel and passes over a failure.
func (s *Server) staticRouteDelete(ctx context.Context, params []any) (any, error) {
	id, err := identifier(params[0])
	if err != nil {
		return nil, err
	}
	s.writing.Lock()
	defer s.writing.Unlock()
	row, err := s.store.record(ctx, routeTable, id)
	if err != nil {
		return nil, err
	}
	if err := s.store.remove(ctx, routeTable, id); err != nil {
		return nil, err
	}
	to, err1 := netip.ParsePrefix(get(row, "destination"))
	via, err2 := netip.ParseAddr(get(row, "gateway"))
	if err1 == nil && err2 == nil && s.options.Stack != nil {
		s.logRoute(s.options.Stack.RemoveRoute(Route{To: to, Via: via}))
	}
	return true, nil
}
