package middleware

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"innkeeper/images/freenas/ddp"
)

func get(config ddp.Record, key string) string {
	value, _ := config.Get(key)
	return text(value)
}

// fqdn is the whole name: hostname_local, a dot, the domain (etc_files/hostname.py).
func fqdn(config ddp.Record) string {
	return get(config, "hostname_local") + "." + get(config, "domain")
}

func (s *Server) setHostname(config ddp.Record) error {
	if err := s.options.SetHostname(fqdn(config)); err != nil {
		return fmt.Errorf("set the host name %s: %w", fqdn(config), err)
	}
	return nil
}

func (s *Server) write(path, content string) error {
	full := filepath.Join(s.options.Root, path)
	if err := os.WriteFile(full, []byte(content), 0o644); err != nil {
		return fmt.Errorf("generate %s: %w", path, err)
	}
	return nil
}

// generateHosts renders /etc/hosts: the fixed local names, the operator's own
// lines, then this machine's name (etc_files/hosts).
func (s *Server) generateHosts(config ddp.Record) error {
	name := get(config, "hostname_local")
	return s.write("/etc/hosts", "# Rendered by middlewared; edits are lost.\n"+
		"::1\t\t\tlocalhost localhost.my.domain\n"+
		"127.0.0.1\t\tlocalhost localhost.my.domain\n"+
		get(config, "hosts")+"\n"+
		"127.0.0.1\t"+fqdn(config)+" "+name+"\n"+
		"::1\t\t"+fqdn(config)+" "+name+"\n")
}

// generateRC renders the middleware's part of rc.conf(5) (etc_files/rc.conf.py).
func (s *Server) generateRC(config ddp.Record) error {
	var out strings.Builder
	fmt.Fprintf(&out, "hostname=%q\n", fqdn(config))
	for _, line := range [][2]string{{"ipv4gateway", "defaultrouter"}, {"ipv6gateway", "ipv6_defaultrouter"}} {
		if gateway := get(config, line[0]); gateway != "" {
			fmt.Fprintf(&out, "%s=%q\n", line[1], gateway)
		}
	}
	if value, _ := config.Get("netwait_enabled"); value == true {
		waits, _ := config.Get("netwait_ip")
		list, _ := waits.([]string)
		fmt.Fprintf(&out, "netwait_enable=\"YES\"\nnetwait_ip=%q\n", strings.Join(list, " "))
	}
	return s.write("/etc/rc.conf.freenas", out.String())
}

// syncDNS is dns.sync: resolv.conf from the configuration, with the name
// servers of the DHCP leases if none is configured.
func (s *Server) syncDNS(config ddp.Record) error {
	s.resolving.Lock()
	defer s.resolving.Unlock()
	return s.renderDNS(config)
}

func (s *Server) renderDNS(config ddp.Record) error {
	var out strings.Builder
	domain := get(config, "domain")
	value, _ := config.Get("domains")
	search, _ := value.([]string)
	if domain != "" {
		fmt.Fprintf(&out, "domain %s\n", domain)
		search = append([]string{domain}, search...)
	}
	if len(search) > 0 {
		fmt.Fprintf(&out, "search %s\n", strings.Join(search, " "))
	}
	var servers []string
	for _, key := range []string{"nameserver1", "nameserver2", "nameserver3"} {
		if server := get(config, key); server != "" {
			servers = append(servers, server)
		}
	}
	if len(servers) == 0 {
		var err error
		if servers, err = s.leasedServers(); err != nil {
			return err
		}
	}
	for _, server := range servers {
		fmt.Fprintf(&out, "nameserver %s\n", server)
	}
	return s.write("/etc/resolv.conf", out.String())
}

var leasedServers = regexp.MustCompile(`(?m)option domain-name-servers ([^;\n]+);`)

// leasedServers are the name servers of the leases of those interfaces on
// which a DHCP client runs. The middleware keeps them in a set, without order.
func (s *Server) leasedServers() ([]string, error) {
	const prefix = "dhclient.leases."
	paths, err := filepath.Glob(filepath.Join(s.options.Root, "/var/db", prefix+"*"))
	if err != nil {
		return nil, fmt.Errorf("look for DHCP leases: %w", err)
	}
	var servers []string
	for _, path := range paths {
		nic := strings.TrimPrefix(filepath.Base(path), prefix)
		if _, err := os.Stat(filepath.Join(s.options.Root, "/var/run/dhclient/dhclient."+nic+".pid")); err != nil {
			continue
		}
		lease, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("read a DHCP lease: %w", err)
		}
		for _, match := range leasedServers.FindAllStringSubmatch(string(lease), -1) {
			for _, server := range strings.Split(match[1], ",") {
				if server = strings.TrimSpace(server); !slices.Contains(servers, server) {
					servers = append(servers, server)
				}
			}
		}
	}
	return servers, nil
}
