package network_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"innkeeper/agent/guest"
	"innkeeper/agent/guest/guesttest"
)

// centos is a CentOS in memory: NetworkManager knows a keyfile once it was
// loaded, and the kernel has what the active connection of a device says.
type centos struct {
	fake *guesttest.Fake
	// known are the keyfiles as they were loaded, by the connection's name.
	known map[string]string
	// active is the connection of each device.
	active map[string]string
}

const connections = "/etc/NetworkManager/system-connections/"

const installed = "[connection]\nid=eth0\ntype=ethernet\ninterface-name=eth0\n\n[ipv4]\nmethod=auto\n"

func newCentOS() *centos {
	c := &centos{
		fake:  guesttest.New(map[string]string{connections + "eth0.nmconnection": installed, "/etc/resolv.conf": "nameserver 198.51.100.53\n"}),
		known: map[string]string{"eth0": installed}, active: map[string]string{"eth0": "eth0"},
	}
	c.fake.OnOutput("nmcli -t -f RUNNING general", "running\n")
	c.fake.OnOutput("nmcli --version", "nmcli tool, version 1.52.1\n")
	c.fake.On("nmcli --offline connection modify connection.autoconnect yes", guest.Result{})
	c.answer("nmcli -t -e yes -f DEVICE,STATE,CONNECTION device", func(guest.Command) string {
		out := ""
		for _, device := range c.devices() {
			state := "connected"
			if c.active[device] == "" {
				state = "disconnected"
			}
			out += device + ":" + state + ":" + c.active[device] + "\n"
		}
		return out + "lo:connected (externally):lo\n"
	})
	c.answer("nmcli connection load *", func(cmd guest.Command) string {
		file := cmd.Args[len(cmd.Args)-1]
		c.load(strings.TrimSuffix(strings.TrimPrefix(file, connections), ".nmconnection"), c.fake.Content(file))
		return ""
	})
	c.answer("nmcli connection reload", func(guest.Command) string {
		for id := range c.known {
			if file := connections + id + ".nmconnection"; c.fake.Exists(file) {
				c.load(id, c.fake.Content(file))
				continue
			}
			delete(c.known, id)
			maps.DeleteFunc(c.active, func(_, of string) bool { return of == id })
		}
		return ""
	})
	c.fake.OnDo("nmcli --wait 60 connection up id *", func(cmd guest.Command) (guest.Result, error) {
		id := cmd.Args[len(cmd.Args)-1]
		device := value(c.known[id], "interface-name")
		if device == "" {
			return guest.Result{ExitCode: 10, Stderr: []byte("Error: unknown connection '" + id + "'.")}, nil
		}
		c.active[device] = id
		return guest.Result{}, nil
	})
	c.answer("ip -o link show", func(guest.Command) string { return c.links() })
	c.answer("ip -o addr show", func(guest.Command) string { return c.addresses() })
	c.answer("ip -4 route show table main", func(guest.Command) string { return c.routes(false) })
	c.answer("ip -6 route show table main", func(guest.Command) string { return c.routes(true) })
	return c
}

func (c *centos) answer(line string, text func(guest.Command) string) {
	c.fake.OnDo(line, func(cmd guest.Command) (guest.Result, error) { return guest.Result{Stdout: []byte(text(cmd))}, nil })
}

// load has NetworkManager know a profile. What is active stays as it is.
func (c *centos) load(id, text string) { c.known[id] = text }

// devices are the card, and the VLANs that are active.
func (c *centos) devices() []string {
	all := []string{"eth0"}
	for _, device := range slices.Sorted(maps.Keys(c.active)) {
		if device != "eth0" {
			all = append(all, device)
		}
	}
	return all
}

// value is what a keyfile has for a key, the first.
func value(keyfile, key string) string {
	for line := range strings.Lines(keyfile) {
		if v, ok := strings.CutPrefix(strings.TrimSpace(line), key+"="); ok {
			return v
		}
	}
	return ""
}

func (c *centos) links() string {
	out := "1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536\\    link/loopback 00:00:00:00:00:00 brd 00:00:00:00:00:00\n"
	for _, device := range c.devices() {
		mtu, name := "1500", device
		if m := value(c.known[c.active[device]], "mtu"); m != "" {
			mtu = m
		}
		if below, _, vlan := strings.Cut(device, "."); vlan {
			name += "@" + below
		}
		out += fmt.Sprintf("2: %s: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu %s state UP\\    link/ether %s brd ff:ff:ff:ff:ff:ff\n", name, mtu, mac)
	}
	return out
}

func (c *centos) addresses() string {
	out := "1: lo    inet 127.0.0.1/8 scope host lo\\       valid_lft forever preferred_lft forever\n"
	for _, device := range c.devices() {
		keyfile := c.known[c.active[device]]
		if device == "eth0" && strings.Contains(keyfile, "[ipv4]\nmethod=auto") {
			out += "2: eth0    inet 198.51.100.100/24 scope global dynamic eth0\\       valid_lft 86392sec preferred_lft 86392sec\n"
		}
		for line := range strings.Lines(keyfile) {
			key, address, _ := strings.Cut(strings.TrimSpace(line), "=")
			family := "inet"
			if strings.Contains(address, ":") {
				family = "inet6"
			}
			if strings.HasPrefix(key, "address") {
				out += fmt.Sprintf("2: %s    %s %s scope global %s\\       valid_lft forever preferred_lft forever\n", device, family, address, device)
			}
		}
	}
	return out
}

func (c *centos) routes(six bool) string {
	out := ""
	for _, device := range c.devices() {
		for line := range strings.Lines(c.known[c.active[device]]) {
			key, v, _ := strings.Cut(strings.TrimSpace(line), "=")
			if strings.Contains(v, ":") != six {
				continue
			}
			switch parts := strings.Split(v, ","); {
			case key == "gateway":
				out += "default via " + v + " dev " + device + " proto static\n"
			case strings.HasPrefix(key, "route") && len(parts) == 3:
				out += parts[0] + " via " + parts[1] + " dev " + device + " proto static metric " + parts[2] + "\n"
			case strings.HasPrefix(key, "route"):
				out += parts[0] + " via " + parts[1] + " dev " + device + " proto static\n"
			}
		}
	}
	return out
}

// show is all that the section may touch, and what is active.
func (c *centos) show() string {
	var b strings.Builder
	for _, name := range c.fake.Names() {
		fmt.Fprintf(&b, "%s:\n%s", name, c.fake.Content(name))
	}
	return b.String() + fmt.Sprint("active: ", c.active, "\n") + c.links() + c.addresses() + c.routes(false) + c.routes(true)
}
