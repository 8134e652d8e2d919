package middleware

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"innkeeper/images/freenas/ddp"
)

// interfaceSchema is the attributes of interface.create and update of 13.0
// (plugins/network.py), without those of bridges, aggregations and high
// availability.
func interfaceSchema(name string, further ...attribute) attribute {
	return attribute{name: name, kind: objectKind, fields: append(further,
		attribute{name: "name", kind: stringKind},
		attribute{name: "description", kind: stringKind, null: true},
		attribute{name: "disable_offload_capabilities", kind: boolKind, fallback: false},
		attribute{name: "ipv4_dhcp", kind: boolKind, fallback: false},
		attribute{name: "ipv6_auto", kind: boolKind, fallback: false},
		attribute{name: "aliases", kind: listKind, item: &interfaceAlias, fallback: []map[string]any{}},
		attribute{name: "vlan_parent_interface", kind: stringKind},
		attribute{name: "vlan_tag", kind: integerKind, low: 1, high: 4094},
		attribute{name: "vlan_pcp", kind: integerKind, null: true, high: 7},
		attribute{name: "mtu", kind: integerKind, null: true, low: 1492, high: 9216, hasAbsent: true},
		attribute{name: "options", kind: stringKind},
	)}
}

var (
	interfaceAlias = attribute{name: "interface_alias", kind: objectKind, fields: []attribute{
		{name: "type", kind: stringKind, required: true, enum: []string{"INET", "INET6"}},
		{name: "address", kind: addressKind, required: true},
		{name: "netmask", kind: integerKind, required: true},
	}}
	interfaceCreate = interfaceSchema("interface_create",
		attribute{name: "type", kind: stringKind, required: true, enum: []string{"BRIDGE", "LINK_AGGREGATION", "VLAN"}})
	interfaceUpdate = interfaceSchema("interface_update")
)

// errNoStack is for a middleware without a network beneath.
var errNoStack = callError{errFault, "lookalike: no network is beneath"}

// interfaceRecords is interface.query: each interface of the kernel with its
// state and what the database has of it, then those of the database alone.
func (s *Server) interfaceRecords(ctx context.Context) ([]ddp.Record, error) {
	if s.options.Stack == nil {
		return nil, errNoStack
	}
	configured, err := s.store.nics(ctx)
	if err != nil {
		return nil, err
	}
	links, err := s.options.Stack.Links()
	if err != nil {
		return nil, err
	}
	var all []ddp.Record
	for _, l := range links {
		at := named(configured, l.Name)
		if strings.HasPrefix(l.Name, "vlan") && at < 0 {
			continue
		}
		var n *nic
		if at >= 0 {
			n = &configured[at]
		}
		all = append(all, extend(l, n, len(configured) == 0, false))
	}
	for i, n := range configured {
		if !slices.ContainsFunc(links, func(l Link) bool { return l.Name == n.name }) {
			all = append(all, extend(Link{Name: n.name, MTU: 1500}, &configured[i], false, true))
		}
	}
	return all, nil
}

func named(all []nic, name string) int {
	return slices.IndexFunc(all, func(n nic) bool { return n.name == name })
}

// extend is iface_extend. Without any configuration all interfaces use DHCP,
// and only one of the database has disable_offload_capabilities.
func extend(l Link, n *nic, all, fake bool) ddp.Record {
	kind := interfaceType(l.Name)
	r := ddp.Record{
		{Key: "id", Value: l.Name},
		{Key: "name", Value: l.Name},
		{Key: "fake", Value: fake},
		{Key: "type", Value: kind},
		{Key: "state", Value: l.state(n, kind)},
		{Key: "aliases", Value: []any{}},
		{Key: "ipv4_dhcp", Value: all},
		{Key: "ipv6_auto", Value: false},
		{Key: "description", Value: nil},
		{Key: "options", Value: ""},
		{Key: "mtu", Value: nil},
	}
	if n == nil {
		return r
	}
	aliases := []any{}
	for _, p := range n.aliases {
		aliases = append(aliases, aliasRecord(p))
	}
	r = r.With("ipv4_dhcp", n.dhcp).With("ipv6_auto", n.auto6).With("description", n.description).
		With("options", n.options).With("disable_offload_capabilities", n.offload).With("aliases", aliases)
	if n.mtu != 0 {
		r = r.With("mtu", n.mtu)
	}
	if n.vlan != nil {
		r = r.With("vlan_parent_interface", n.vlan.parent).With("vlan_tag", n.vlan.tag).With("vlan_pcp", n.vlan.pcp)
	}
	return r
}

// interfaceType is interface.type (plugins/interface/type_freebsd.py).
func interfaceType(name string) string {
	for prefix, kind := range map[string]string{"bridge": "BRIDGE", "lagg": "LINK_AGGREGATION", "vlan": "VLAN"} {
		if strings.HasPrefix(name, prefix) {
			return kind
		}
	}
	return "PHYSICAL"
}

func aliasRecord(p netip.Prefix) ddp.Record {
	family := "INET"
	if p.Addr().Is6() {
		family = "INET6"
	}
	return ddp.Record{{Key: "type", Value: family}, {Key: "address", Value: p.Addr().String()}, {Key: "netmask", Value: p.Bits()}}
}

// state is what py-netif's Interface.__getstate__ gives, without media and
// capabilities, which the network beneath has not.
func (l Link) state(n *nic, kind string) ddp.Record {
	flags := []string{}
	if l.Up {
		flags = append(flags, "UP")
	}
	if l.MAC != "" {
		flags = append(flags, "BROADCAST", "SIMPLEX", "MULTICAST")
	}
	aliases := []any{}
	if l.MAC != "" {
		aliases = append(aliases, ddp.Record{{Key: "type", Value: "LINK"}, {Key: "address", Value: l.MAC}})
	}
	for _, p := range l.Addresses {
		a := aliasRecord(p)
		if p.Addr().Is4() {
			a = append(a, ddp.Field{Key: "broadcast", Value: broadcast(p).String()})
		}
		aliases = append(aliases, a)
	}
	r := ddp.Record{
		{Key: "name", Value: l.Name},
		{Key: "orig_name", Value: l.Name},
		{Key: "description", Value: ""},
		{Key: "mtu", Value: l.MTU},
		{Key: "cloned", Value: kind != "PHYSICAL"},
		{Key: "flags", Value: flags},
		{Key: "nd6_flags", Value: []any{}},
		{Key: "capabilities", Value: []any{}},
		{Key: "link_state", Value: map[bool]string{true: "LINK_STATE_UP", false: "LINK_STATE_DOWN"}[l.Up]},
		{Key: "link_address", Value: l.MAC},
		{Key: "aliases", Value: aliases},
	}
	if n != nil && n.vlan != nil {
		r = append(r, ddp.Field{Key: "parent", Value: n.vlan.parent}, ddp.Field{Key: "tag", Value: n.vlan.tag}, ddp.Field{Key: "pcp", Value: n.vlan.pcp})
	}
	return r
}

func broadcast(p netip.Prefix) netip.Addr {
	a := p.Addr().As4()
	for bit := p.Bits(); bit < 32; bit++ {
		a[bit/8] |= 0x80 >> (bit % 8)
	}
	return netip.AddrFrom4(a)
}

func (s *Server) interfaceQuery(ctx context.Context, params []any) (any, error) {
	filters, options, err := queryParams(params)
	if err != nil {
		return nil, err
	}
	records, err := s.interfaceRecords(ctx)
	if err != nil {
		return nil, err
	}
	return filterList(records, filters, options)
}

// instance is _get_instance.
func (s *Server) instance(ctx context.Context, name string) (ddp.Record, error) {
	records, err := s.interfaceRecords(ctx)
	if err != nil {
		return nil, err
	}
	for _, r := range records {
		if get(r, "name") == name {
			return r, nil
		}
	}
	return nil, &validationError{alone: true, fields: []invalidField{{"None", "Interface " + name + " does not exist", errNoEntry}}}
}

// interfaceCreateMethod is interface.create. It changes the database alone.
func (s *Server) interfaceCreateMethod(ctx context.Context, params []any) (any, error) {
	data, err := interfaceCreate.cleanObject(params[0], false)
	if err != nil {
		return nil, err
	}
	invalid := &validationError{}
	interfaceCreate.validate(data, invalid)
	if err := invalid.orNil(); err != nil {
		return nil, err
	}
	if data["type"] != "VLAN" {
		return nil, callError{errFault, fmt.Sprintf("lookalike: interface.create of %v is not built", data["type"])}
	}
	for _, field := range []string{"vlan_parent_interface", "vlan_tag"} {
		if _, ok := data[field]; !ok {
			invalid.add("interface_create."+field, "This field is required")
		}
	}
	if err := invalid.orNil(); err != nil {
		return nil, err
	}
	s.writing.Lock()
	defer s.writing.Unlock()
	records, err := s.interfaceRecords(ctx)
	if err != nil {
		return nil, err
	}
	if err := judge(data, "interface_create", "VLAN", records, invalid); err != nil {
		return nil, err
	}
	if err := invalid.orNil(); err != nil {
		return nil, err
	}
	name := text(data["name"])
	for number := 0; name == ""; number++ {
		free := fmt.Sprintf("vlan%d", number)
		if !slices.ContainsFunc(records, func(r ddp.Record) bool { return get(r, "name") == free }) {
			name = free
		}
	}
	if err := s.saveDatastores(ctx); err != nil {
		return nil, err
	}
	all, err := s.store.nics(ctx)
	if err != nil {
		return nil, err
	}
	tag, _ := data["vlan_tag"].(int)
	n := nic{name: name, vlan: &vlan{parent: text(data["vlan_parent_interface"]), tag: tag, pcp: data["vlan_pcp"]}}
	n.set(data)
	if err := s.store.setNICs(ctx, append(all, n)); err != nil {
		return nil, err
	}
	return s.instance(ctx, name)
}

// interfaceUpdateMethod is interface.update. It changes the database alone; an
// interface that is not in it comes into it.
func (s *Server) interfaceUpdateMethod(ctx context.Context, params []any) (any, error) {
	id, ok := params[0].(string)
	if !ok {
		return nil, schemaError{"id", "Not a string"}
	}
	data, err := interfaceUpdate.cleanObject(params[1], true)
	if err != nil {
		return nil, err
	}
	invalid := &validationError{}
	interfaceUpdate.validate(data, invalid)
	if err := invalid.orNil(); err != nil {
		return nil, err
	}
	s.writing.Lock()
	defer s.writing.Unlock()
	old, err := s.instance(ctx, id)
	if err != nil {
		return nil, err
	}
	if name, ok := data["name"]; ok && name != id {
		return nil, callError{errFault, "lookalike: another name for an interface is not built"}
	}
	whole := merged(old, data)
	if aliases, ok := data["aliases"]; ok {
		whole["aliases"] = aliases
	} else if whole["aliases"], err = (attribute{name: "aliases", kind: listKind, item: &interfaceAlias}).clean(plain(whole["aliases"])); err != nil {
		return nil, err
	}
	records, err := s.interfaceRecords(ctx)
	if err != nil {
		return nil, err
	}
	others := slices.DeleteFunc(records, func(r ddp.Record) bool { return get(r, "name") == id })
	delete(whole, "name")
	if err := judge(whole, "interface_update", get(old, "type"), others, invalid); err != nil {
		return nil, err
	}
	if err := invalid.orNil(); err != nil {
		return nil, err
	}
	if err := s.saveDatastores(ctx); err != nil {
		return nil, err
	}
	all, err := s.store.nics(ctx)
	if err != nil {
		return nil, err
	}
	at := named(all, id)
	if at < 0 {
		at, all = len(all), append(all, nic{name: id})
	}
	all[at].set(whole)
	state, _ := old.Get("state")
	if r, ok := state.(ddp.Record); ok {
		all[at].mac = get(r, "link_address")
	}
	if v := all[at].vlan; v != nil {
		v.parent, v.pcp = text(whole["vlan_parent_interface"]), whole["vlan_pcp"]
		v.tag, _ = whole["vlan_tag"].(int)
	}
	if err := s.store.setNICs(ctx, all); err != nil {
		return nil, err
	}
	return s.instance(ctx, id)
}

// set puts the values of a whole object, whose aliases judge has read.
func (n *nic) set(data map[string]any) {
	n.description, n.options = text(data["description"]), text(data["options"])
	n.dhcp, n.auto6, n.offload = data["ipv4_dhcp"] == true, data["ipv6_auto"] == true, data["disable_offload_capabilities"] == true
	n.mtu, _ = data["mtu"].(int)
	n.aliases = nil
	for _, p := range prefixes(data["aliases"]) {
		if p, err := netip.ParsePrefix(p); err == nil {
			n.aliases = append(n.aliases, p)
		}
	}
}

// prefixes are the addresses of cleaned aliases, with their masks.
func prefixes(aliases any) []string {
	list, _ := aliases.([]map[string]any)
	var all []string
	for _, a := range list {
		all = append(all, fmt.Sprintf("%v/%v", a["address"], a["netmask"]))
	}
	return all
}

// interfaceDelete is interface.delete: of one of hardware it takes the
// configuration, in the database alone; the VLANs on it lose what makes them so.
func (s *Server) interfaceDelete(ctx context.Context, params []any) (any, error) {
	id, ok := params[0].(string)
	if !ok {
		return nil, schemaError{"id", "Not a string"}
	}
	s.writing.Lock()
	defer s.writing.Unlock()
	if _, err := s.instance(ctx, id); err != nil {
		return nil, err
	}
	if err := s.saveDatastores(ctx); err != nil {
		return nil, err
	}
	all, err := s.store.nics(ctx)
	if err != nil {
		return nil, err
	}
	all = slices.DeleteFunc(all, func(n nic) bool { return n.name == id })
	for i := range all {
		if v := all[i].vlan; v != nil && v.parent == id {
			all[i].vlan = nil
		}
	}
	return id, s.store.setNICs(ctx, all)
}

// saveDatastores is __save_datastores: the first change keeps what there was
// before, in memory alone.
func (s *Server) saveDatastores(ctx context.Context) error {
	if s.pending != nil {
		return nil
	}
	all, err := s.store.nics(ctx)
	s.pending = &all
	return err
}
