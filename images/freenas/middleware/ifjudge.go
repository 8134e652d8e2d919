package middleware

import (
	"fmt"
	"net/netip"
	"regexp"
	"slices"

	"innkeeper/images/freenas/ddp"
)

var (
	optionMTU = regexp.MustCompile(`^mtu\s+(\d+)`)
	vlanName  = regexp.MustCompile(`^vlan[0-9]+$`)
)

// judge is _common_validation of whole data beside the other interfaces.
func judge(data map[string]any, schema, kind string, others []ddp.Record, invalid *validationError) error {
	byName := map[string]ddp.Record{}
	for _, o := range others {
		byName[get(o, "name")] = o
		if fake, _ := o.Get("fake"); fake == true {
			continue
		}
		if dhcp, _ := o.Get("ipv4_dhcp"); dhcp == true && data["ipv4_dhcp"] == true {
			invalid.add(schema+".ipv4_dhcp", "Only one interface can be used for DHCP.")
		}
		if auto, _ := o.Get("ipv6_auto"); auto == true && data["ipv6_auto"] == true {
			invalid.add(schema+".ipv6_auto", "Only one interface can have IPv6 autoconfiguration enabled.")
		}
	}
	name, hasName := data["name"].(string)
	if _, used := byName[name]; used {
		invalid.add(schema+".name", "Interface name is already in use.")
	}
	if optionMTU.MatchString(text(data["options"])) {
		invalid.add(schema+".options", "MTU should be placed in its own field.")
	}
	if err := judgeAliases(prefixes(data["aliases"]), schema, others, invalid); err != nil || kind != "VLAN" {
		return err
	}
	if hasName && !vlanName.MatchString(name) {
		invalid.add(schema+".name", `VLAN interface must start with "vlan" followed by an unique number.`)
	}
	parent, ok := byName[text(data["vlan_parent_interface"])]
	if !ok {
		invalid.add(schema+".vlan_parent_interface", "Not a valid interface.")
		return nil
	}
	most := 1500
	if mtu, _ := parent.Get("mtu"); mtu != nil {
		most, _ = mtu.(int)
	}
	if mtu, _ := data["mtu"].(int); mtu > most {
		invalid.add(schema+".mtu", "VLAN MTU cannot be bigger than parent interface.")
	}
	return nil
}

// judgeAliases is __validate_aliases: no network may be on another interface too.
func judgeAliases(aliases []string, schema string, others []ddp.Record, invalid *validationError) error {
	for i, a := range aliases {
		p, err := netip.ParsePrefix(a)
		if err != nil {
			return valueError(fmt.Sprintf("'%s' does not appear to be an IPv4 or IPv6 network", a))
		}
		if slices.Contains(aliases[:i], a) {
			invalid.add(fmt.Sprintf("aliases.%d", i), "This value is not unique.")
		}
		for _, o := range others {
			used, _ := o.Get("aliases")
			if slices.ContainsFunc(recorded(used), p.Overlaps) {
				invalid.add(fmt.Sprintf("%s.aliases.%d", schema, i), "The network %s is already in use by another interface.", p.Masked())
				break
			}
		}
	}
	return nil
}

// recorded are the addresses of an interface's record.
func recorded(aliases any) []netip.Prefix {
	var all []netip.Prefix
	list, _ := aliases.([]any)
	for _, a := range list {
		if r, ok := a.(ddp.Record); ok {
			address, _ := r.Get("address")
			bits, _ := r.Get("netmask")
			if p, err := netip.ParsePrefix(fmt.Sprintf("%v/%v", address, bits)); err == nil {
				all = append(all, p)
			}
		}
	}
	return all
}
