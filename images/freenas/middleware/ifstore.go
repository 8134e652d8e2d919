package middleware

import (
	"context"
	"database/sql"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
)

// interfaceTables are those of plugins/network.py of 13.0, without the columns
// of high availability.
const interfaceTables = `
CREATE TABLE IF NOT EXISTS network_interfaces (
	id INTEGER NOT NULL PRIMARY KEY,
	int_interface VARCHAR(300) NOT NULL, int_name VARCHAR(120) NOT NULL, int_dhcp BOOLEAN NOT NULL,
	int_ipv4address VARCHAR(42) NOT NULL, int_v4netmaskbit VARCHAR(3) NOT NULL, int_ipv6auto BOOLEAN NOT NULL,
	int_ipv6address VARCHAR(45) NOT NULL, int_v6netmaskbit VARCHAR(3) NOT NULL, int_options VARCHAR(120) NOT NULL,
	int_mtu INTEGER, int_disable_offload_capabilities BOOLEAN NOT NULL, int_link_address VARCHAR(17));
CREATE TABLE IF NOT EXISTS network_alias (
	id INTEGER NOT NULL PRIMARY KEY, alias_interface_id INTEGER NOT NULL,
	alias_v4address VARCHAR(42) NOT NULL, alias_v4netmaskbit VARCHAR(3) NOT NULL,
	alias_v6address VARCHAR(45) NOT NULL, alias_v6netmaskbit VARCHAR(3) NOT NULL);
CREATE TABLE IF NOT EXISTS network_vlan (
	id INTEGER NOT NULL PRIMARY KEY, vlan_vint VARCHAR(16) NOT NULL, vlan_pint VARCHAR(300) NOT NULL,
	vlan_tag INTEGER NOT NULL, vlan_pcp INTEGER);
CREATE TABLE IF NOT EXISTS network_staticroute (
	id INTEGER NOT NULL PRIMARY KEY, sr_destination VARCHAR(120) NOT NULL, sr_gateway VARCHAR(42) NOT NULL,
	sr_description VARCHAR(120) NOT NULL);
`

// nic is an interface of the database.
type nic struct {
	name, description string
	dhcp, auto6       bool
	// aliases are all addresses. The first of a family without DHCP or
	// autoconfiguration is in the interface's own row.
	aliases []netip.Prefix
	options string
	mtu     int // 0 for none
	offload bool
	mac     string
	vlan    *vlan
}

// vlan is what makes an interface a VLAN; pcp is nil or an integer.
type vlan struct {
	parent string
	tag    int
	pcp    any
}

// nics reads the interfaces of the database in the order in which they were added.
func (s *store) nics(ctx context.Context) ([]nic, error) {
	rows, err := s.query(ctx, "network_interfaces", "int_", []column{
		{"id", integerKind},
		{"interface", stringKind},
		{"name", stringKind},
		{"dhcp", boolKind},
		{"ipv4address", stringKind},
		{"v4netmaskbit", stringKind},
		{"ipv6auto", boolKind},
		{"ipv6address", stringKind},
		{"v6netmaskbit", stringKind},
		{"options", stringKind},
		{"mtu", integerKind},
		{"disable_offload_capabilities", boolKind},
		{"link_address", stringKind},
	})
	if err != nil {
		return nil, err
	}
	all := make([]nic, 0, len(rows))
	at := map[any]int{}
	for _, r := range rows {
		n := nic{name: text(r[1]), description: text(r[2]), dhcp: r[3] == true, auto6: r[6] == true, options: text(r[9]), offload: r[11] == true, mac: text(r[12])}
		n.mtu, _ = r[10].(int)
		n.aliases = slices.Concat(alias(r[4], r[5]), alias(r[7], r[8]))
		at[r[0]] = len(all)
		all = append(all, n)
	}
	rows, err = s.query(ctx, "network_alias", "alias_", []column{
		{"interface_id", integerKind}, {"v4address", stringKind}, {"v4netmaskbit", stringKind}, {"v6address", stringKind}, {"v6netmaskbit", stringKind},
	})
	if err != nil {
		return nil, err
	}
	for _, r := range rows {
		if i, ok := at[r[0]]; ok {
			all[i].aliases = slices.Concat(all[i].aliases, alias(r[1], r[2]), alias(r[3], r[4]))
		}
	}
	rows, err = s.query(ctx, "network_vlan", "vlan_", []column{{"vint", stringKind}, {"pint", stringKind}, {"tag", integerKind}, {"pcp", integerKind}})
	for _, r := range rows {
		for i := range all {
			if all[i].name == r[0] {
				tag, _ := r[2].(int)
				all[i].vlan = &vlan{parent: text(r[1]), tag: tag, pcp: r[3]}
			}
		}
	}
	return all, err
}

func alias(address, bits any) []netip.Prefix {
	p, err := netip.ParsePrefix(text(address) + "/" + text(bits))
	if err != nil {
		return nil
	}
	return []netip.Prefix{p}
}

// setNICs puts these interfaces in the place of those in the database.
func (s *store) setNICs(ctx context.Context, all []nic) error {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("write the interfaces: %w", err)
	}
	if err := writeNICs(ctx, tx, all); err != nil {
		_ = tx.Rollback()
		return fmt.Errorf("write the interfaces: %w", err)
	}
	return tx.Commit()
}

func writeNICs(ctx context.Context, tx *sql.Tx, all []nic) error {
	if _, err := tx.ExecContext(ctx, "DELETE FROM network_interfaces; DELETE FROM network_alias; DELETE FROM network_vlan"); err != nil {
		return err
	}
	for i, n := range all {
		own := map[bool]netip.Prefix{}
		var further []netip.Prefix
		for _, p := range n.aliases {
			six := p.Addr().Is6()
			if _, has := own[six]; has || !six && n.dhcp || six && n.auto6 {
				further = append(further, p)
				continue
			}
			own[six] = p
		}
		a4, b4 := halves(own[false])
		a6, b6 := halves(own[true])
		var mtu any
		if n.mtu != 0 {
			mtu = n.mtu
		}
		if _, err := tx.ExecContext(ctx, "INSERT INTO network_interfaces VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
			i+1, n.name, n.description, n.dhcp, a4, b4, n.auto6, a6, b6, n.options, mtu, n.offload, n.mac); err != nil {
			return err
		}
		for _, p := range further {
			a, b := halves(p)
			values := []any{i + 1, a, b, "", ""}
			if p.Addr().Is6() {
				values = []any{i + 1, "", "", a, b}
			}
			if _, err := tx.ExecContext(ctx, "INSERT INTO network_alias VALUES (NULL, ?, ?, ?, ?, ?)", values...); err != nil {
				return err
			}
		}
		if n.vlan != nil {
			if _, err := tx.ExecContext(ctx, "INSERT INTO network_vlan VALUES (NULL, ?, ?, ?, ?)", n.name, n.vlan.parent, n.vlan.tag, n.vlan.pcp); err != nil {
				return err
			}
		}
	}
	return nil
}

// halves are an address and the length of its prefix, empty for none.
func halves(p netip.Prefix) (address, bits string) {
	if !p.IsValid() {
		return "", ""
	}
	return p.Addr().String(), strconv.Itoa(p.Bits())
}
