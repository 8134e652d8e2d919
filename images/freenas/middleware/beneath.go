//go:build unix

package middleware

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// Beneath is the Stack of the Linux kernel, through busybox's ip and its
// virtual files, with the double of dhclient(8).
type Beneath struct{}

var _ Stack = Beneath{}

// Links implements Stack.
func (Beneath) Links() ([]Link, error) {
	all, err := net.Interfaces()
	if err != nil {
		return nil, err
	}
	var links []Link
	for _, i := range all {
		if i.Flags&net.FlagLoopback != 0 {
			continue
		}
		l := Link{Name: i.Name, MAC: i.HardwareAddr.String(), Up: i.Flags&net.FlagUp != 0, MTU: i.MTU}
		addresses, err := i.Addrs()
		if err != nil {
			return nil, fmt.Errorf("read the addresses of %s: %w", i.Name, err)
		}
		for _, a := range addresses {
			if p, err := netip.ParsePrefix(a.String()); err == nil {
				l.Addresses = append(l.Addresses, p)
			}
		}
		links = append(links, l)
	}
	return links, nil
}

// Routes implements Stack.
func (Beneath) Routes() ([]Route, error) {
	var routes []Route
	for family, everywhere := range map[string]string{"-4": "0.0.0.0/0", "-6": "::/0"} {
		out, err := exec.Command("busybox", "ip", family, "route", "show").Output()
		if err != nil {
			return nil, fmt.Errorf("read the routes: %w", err)
		}
		lines := bufio.NewScanner(strings.NewReader(string(out)))
		for lines.Scan() {
			if r, ok := parseRoute(lines.Text(), everywhere); ok {
				routes = append(routes, r)
			}
		}
	}
	slices.SortFunc(routes, func(a, b Route) int { return strings.Compare(a.To.String(), b.To.String()) })
	return routes, nil
}

// parseRoute reads "NETWORK via GATEWAY dev NAME ..."; without a gateway it is
// not ok.
func parseRoute(line, everywhere string) (r Route, ok bool) {
	words := strings.Fields(line)
	if len(words) < 5 || words[1] != "via" || words[3] != "dev" {
		return r, false
	}
	to := words[0]
	if to == "default" {
		to = everywhere
	}
	via, err := netip.ParseAddr(words[2])
	if err != nil {
		return r, false
	}
	if !strings.Contains(to, "/") {
		to += "/" + strconv.Itoa(via.BitLen())
	}
	p, err := netip.ParsePrefix(to)
	return Route{To: p, Via: via, Dev: words[4]}, err == nil
}

func ip(args ...string) error {
	out, err := exec.Command("busybox", append([]string{"ip"}, args...)...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("ip %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(string(out)))
	}
	return nil
}

// Add implements Stack.
func (Beneath) Add(nic string, p netip.Prefix) error {
	if p.Addr().Is4() {
		return ip("address", "add", p.String(), "broadcast", "+", "dev", nic)
	}
	return ip("address", "add", p.String(), "dev", nic)
}

// Remove implements Stack. That Linux has removed it with the first of its
// network is no error.
func (b Beneath) Remove(nic string, p netip.Prefix) error {
	err := ip("address", "del", p.String(), "dev", nic)
	if err == nil {
		return nil
	}
	links, failed := b.Links()
	for _, l := range links {
		if l.Name == nic && slices.Contains(l.Addresses, p) {
			return err
		}
	}
	return failed
}

// SetUp implements Stack.
func (Beneath) SetUp(nic string, up bool) error {
	return ip("link", "set", nic, map[bool]string{true: "up", false: "down"}[up])
}

// SetMTU implements Stack.
func (Beneath) SetMTU(nic string, mtu int) error {
	return ip("link", "set", nic, "mtu", strconv.Itoa(mtu))
}

// CreateVLAN implements Stack.
func (Beneath) CreateVLAN(name, parent string, tag int) error {
	if _, err := os.Stat("/proc/net/vlan"); err != nil {
		if out, err := exec.Command("modprobe", "8021q").CombinedOutput(); err != nil {
			return fmt.Errorf("load 802.1Q: %w: %s", err, out)
		}
	}
	return ip("link", "add", "link", parent, "name", name, "type", "vlan", "id", strconv.Itoa(tag))
}

// Destroy implements Stack.
func (Beneath) Destroy(name string) error { return ip("link", "del", name) }

// AddRoute implements Stack.
func (Beneath) AddRoute(r Route) error {
	return ip(append([]string{"route", "replace"}, r.words()...)...)
}

// RemoveRoute implements Stack.
func (Beneath) RemoveRoute(r Route) error {
	return ip(append([]string{"route", "del"}, r.words()...)...)
}

func (r Route) words() []string {
	words := []string{r.To.String(), "via", r.Via.WithZone("").String()}
	if dev := r.Dev + r.Via.Zone(); dev != "" {
		words = append(words, "dev", dev)
	}
	return words
}

// StartDHCP implements Stack.
func (Beneath) StartDHCP(nic string, wait bool) error {
	args := []string{nic}
	if !wait {
		args = []string{"-b", nic}
	}
	c := exec.Command("/sbin/dhclient", args...)
	c.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	// No pipe: the client stays in the background with what it was given.
	if err := c.Run(); err != nil {
		return fmt.Errorf("dhclient %s: %w", nic, err)
	}
	return nil
}

// StopDHCP implements Stack.
func (b Beneath) StopDHCP(nic string) error {
	pid, ok := dhclient(nic)
	if !ok {
		return nil
	}
	if err := syscall.Kill(pid, syscall.SIGTERM); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("end the DHCP client of %s: %w", nic, err)
	}
	return nil
}

// HasDHCP implements Stack.
func (Beneath) HasDHCP(nic string) bool { _, ok := dhclient(nic); return ok }

// Lease implements Stack.
func (Beneath) Lease(nic string) (string, error) {
	b, err := os.ReadFile("/var/db/dhclient.leases." + nic)
	if errors.Is(err, os.ErrNotExist) {
		return "", nil
	}
	return string(b), err
}

// dhclient is the running DHCP client of an interface (plugins/interface/dhclient.py).
func dhclient(nic string) (pid int, ok bool) {
	b, err := os.ReadFile(filepath.Join("/var/run/dhclient", "dhclient."+nic+".pid"))
	if err != nil {
		return 0, false
	}
	pid, err = strconv.Atoi(strings.TrimSpace(string(b)))
	return pid, err == nil && pid > 0 && syscall.Kill(pid, 0) == nil
}
