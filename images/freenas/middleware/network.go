package middleware

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"reflect"
	"regexp"
	"strings"

	"innkeeper/images/freenas/ddp"
)

// The patterns as validators.py and plugins/network.py of 13.0 have them.
// Python's $ also matches before a newline at the end. In the domain's pattern
// \0 is the character NUL and \0-9 a range from it to 9, so that blanks,
// slashes and most punctuation pass: a trap of the real system, kept.
const (
	shownHostname = `^[a-z\.\-0-9]*[a-z0-9]$`
	shownDomain   = `^[a-zA-Z\.\-\0-9]+$`
)

var (
	hostnamePattern = regexp.MustCompile(`(?i)^[a-z.\-0-9]*[a-z0-9]\n?\z`)
	domainPattern   = regexp.MustCompile(`^[a-zA-Z.\-\x00-9]+\z`)
)

var networkUpdate = attribute{name: "global_configuration_update", kind: objectKind, fields: []attribute{
	{name: "hostname", kind: stringKind, pattern: hostnamePattern, shown: shownHostname},
	{name: "hostname_b", kind: stringKind, pattern: hostnamePattern, shown: shownHostname},
	{name: "hostname_virtual", kind: stringKind, pattern: hostnamePattern, shown: shownHostname},
	{name: "domain", kind: stringKind, pattern: domainPattern, shown: shownDomain},
	{name: "domains", kind: listKind},
	{name: "service_announcement", kind: objectKind, fields: []attribute{
		{name: "netbios", kind: boolKind, fallback: false},
		{name: "mdns", kind: boolKind, fallback: true},
		{name: "wsd", kind: boolKind, fallback: true},
	}},
	{name: "ipv4gateway", kind: addressKind},
	{name: "ipv6gateway", kind: addressKind, zone: true},
	{name: "nameserver1", kind: addressKind},
	{name: "nameserver2", kind: addressKind},
	{name: "nameserver3", kind: addressKind},
	{name: "httpproxy", kind: stringKind},
	{name: "netwait_enabled", kind: boolKind},
	{name: "netwait_ip", kind: listKind},
	{name: "hosts", kind: stringKind},
}}

var networkTable = table{name: "network_globalconfiguration", prefix: "gc_", columns: []column{
	{"id", integerKind},
	{"hostname", stringKind},
	{"domain", stringKind},
	{"ipv4gateway", stringKind},
	{"ipv6gateway", stringKind},
	{"nameserver1", stringKind},
	{"nameserver2", stringKind},
	{"nameserver3", stringKind},
	{"httpproxy", stringKind},
	{"netwait_enabled", boolKind},
	{"netwait_ip", stringKind},
	{"hosts", stringKind},
	{"domains", stringKind},
	{"service_announcement", stringKind},
}}

// networkConfig is network.configuration.config: the row, its lists split,
// and hostname_local, which is computed.
func (s *Server) networkConfig(ctx context.Context) (ddp.Record, error) {
	config, err := s.store.single(ctx, networkTable)
	if err != nil {
		return nil, err
	}
	for _, list := range []string{"netwait_ip", "domains"} {
		config = config.With(list, append([]string{}, strings.Fields(get(config, list))...))
	}
	announced := map[string]any{}
	if err := json.Unmarshal([]byte(get(config, "service_announcement")), &announced); err != nil {
		return nil, fmt.Errorf("read %s: service_announcement: %w", networkTable.name, err)
	}
	config = config.With("service_announcement", announced)
	hostname, _ := config.Get("hostname")
	return append(config, ddp.Field{Key: "hostname_local", Value: hostname}), nil
}

func text(value any) string {
	word, _ := value.(string)
	return word
}

// networkUpdateMethod is network.configuration.update. Unchanged values write
// nothing; changed ones go into the database first, then into the files and
// the kernel.
func (s *Server) networkUpdateMethod(ctx context.Context, params []any) (any, error) {
	data, err := networkUpdate.cleanObject(params[0], true)
	if err != nil {
		return nil, err
	}
	invalid := &validationError{}
	networkUpdate.validate(data, invalid)
	if err := invalid.orNil(); err != nil {
		return nil, err
	}
	s.writing.Lock()
	defer s.writing.Unlock()
	old, err := s.networkConfig(ctx)
	if err != nil {
		return nil, err
	}
	changed := changes(old, data)
	if len(changed) == 0 {
		return old, nil
	}
	if err := s.validateNetwork(data, invalid); err != nil {
		return nil, err
	}
	if err := invalid.orNil(); err != nil {
		return nil, err
	}
	for _, name := range []string{"hostname_b", "hostname_virtual"} {
		if _, ok := changed[name]; ok {
			return nil, callError{errFault, "lookalike: a change of " + name + " is not built"}
		}
	}
	var names []string
	var values []any
	for _, c := range networkTable.columns {
		value, ok := changed[c.name]
		if !ok {
			continue
		}
		switch v := value.(type) {
		case []string:
			value = strings.Join(v, " ")
		case map[string]any:
			raw, err := json.Marshal(v)
			if err != nil {
				return nil, fmt.Errorf("encode %s: %w", c.name, err)
			}
			value = string(raw)
		}
		names, values = append(names, c.name), append(values, value)
	}
	if err := s.store.update(ctx, networkTable, 1, names, values); err != nil {
		return nil, err
	}
	config, err := s.networkConfig(ctx)
	if err != nil {
		return nil, err
	}
	return config, s.applyNetwork(ctx, config, changed)
}

// changes are the values of data that differ from the configuration.
func changes(old ddp.Record, data map[string]any) map[string]any {
	changed := map[string]any{}
	for name, value := range data {
		before, _ := old.Get(name)
		if announced, ok := value.(map[string]any); ok {
			merged := map[string]any{}
			if was, ok := before.(map[string]any); ok {
				for k, v := range was {
					merged[k] = v
				}
			}
			for k, v := range announced {
				merged[k] = v
			}
			value = merged
		}
		if list, ok := value.([]string); ok {
			value = append([]string{}, list...)
		}
		if !reflect.DeepEqual(before, value) {
			changed[name] = value
		}
	}
	return changed
}

// validateNetwork is validate_general_settings: name servers, the IPv4 gateway
// and the search list.
func (s *Server) validateNetwork(data map[string]any, invalid *validationError) error {
	schema := networkUpdate.name + "."
	for number := 1; number <= 3; number++ {
		key := fmt.Sprintf("nameserver%d", number)
		value := text(data[key])
		if value == "" {
			continue
		}
		address, err := netip.ParseAddr(value)
		switch {
		case err != nil:
			invalid.add(schema+key, "'%s' does not appear to be an IPv4 or IPv6 address", value)
		case address.IsLoopback():
			invalid.add(schema+key, "Loopback is not a valid nameserver")
		case address.IsUnspecified():
			invalid.add(schema+key, "Unspecified addresses are not valid as nameservers")
		case value == "255.255.255.255":
			invalid.add(schema+key, "This is not a valid nameserver address")
		case address.Is4() && strings.HasPrefix(value, "169.254"):
			invalid.add(schema+key, "169.254/16 subnet is not valid for nameserver")
		}
		for before := number - 1; before > 0; before-- {
			earlier := fmt.Sprintf("nameserver%d", before)
			if given, ok := data[earlier]; ok && given == "" {
				invalid.add(schema+key, "Must fill out namserver%d before filling out %s", before, key)
			}
		}
	}
	if gateway, err := netip.ParseAddr(text(data["ipv4gateway"])); err == nil {
		reached, err := s.reachable(gateway)
		if err != nil {
			return err
		}
		if !reached {
			invalid.add(schema+"ipv4gateway", "Gateway %s is unreachable", gateway)
		}
	}
	if domains, ok := data["domains"].([]string); ok && len(domains) > 5 {
		invalid.add(schema+"domains", "No more than 5 additional domains are allowed")
	}
	if waits, ok := data["netwait_ip"].([]string); ok {
		for _, one := range waits {
			if _, err := netip.ParseAddr(one); err != nil {
				invalid.add(schema+"netwait_ip", "'%s' does not appear to be an IPv4 or IPv6 address", one)
			}
		}
	}
	return nil
}

// applyNetwork renders and runs what a change calls for, in the order of
// do_update: dns.sync and route.sync, then rc and hosts, then routing and the
// host name. dns.sync runs at every change (13.0 compares the search list with a
// string, so that it always differs).
func (s *Server) applyNetwork(ctx context.Context, config ddp.Record, changed map[string]any) error {
	if err := s.syncDNS(config); err != nil {
		return err
	}
	_, hostname := changed["hostname"]
	_, domain := changed["domain"]
	_, waits := changed["netwait_ip"]
	_, four := changed["ipv4gateway"]
	_, six := changed["ipv6gateway"]
	if four || six {
		if s.options.Stack == nil {
			return errNoStack
		}
		if err := s.routeSync(ctx); err != nil {
			return err
		}
	}
	if hostname || domain || waits || four || six {
		if err := s.generateRC(config); err != nil {
			return err
		}
	}
	if four || six {
		if err := s.restartRouting(ctx); err != nil {
			return err
		}
	}
	if !hostname && !domain {
		return nil
	}
	if err := s.generateHosts(config); err != nil {
		return err
	}
	return s.setHostname(config)
}
