// Package resolved asks systemd-resolved where names are looked up.
package resolved

import (
	"context"
	"fmt"
	"strings"

	"innkeeper/agent/guest"
)

// Settings is what systemd-resolved has for a link.
type Settings struct {
	// Servers are the addresses of its name servers.
	Servers []string
	// Domains are its search domains; those that only route queries are left out.
	Domains []string
}

// Link asks for a link's settings, by resolvectl(1).
func Link(ctx context.Context, m guest.Machine, device string) (Settings, error) {
	servers, err := ask(ctx, m, "dns", device)
	if err != nil {
		return Settings{}, err
	}
	domains, err := ask(ctx, m, "domain", device)
	if err != nil {
		return Settings{}, err
	}
	s := Settings{Servers: servers}
	for _, d := range domains {
		if !strings.HasPrefix(d, "~") {
			s.Domains = append(s.Domains, d)
		}
	}
	return s, nil
}

// ask reads an answer like "Link 2 (eth0): 192.0.2.53 2001:db8::53", which may
// go on in further lines.
func ask(ctx context.Context, m guest.Machine, what, device string) ([]string, error) {
	out, err := guest.Output(ctx, m, "resolvectl", what, device)
	if err != nil {
		return nil, err
	}
	head := "(" + device + "):"
	_, rest, ok := strings.Cut(string(out), head)
	if !ok || !strings.HasPrefix(string(out), "Link ") {
		return nil, fmt.Errorf("resolvectl %s %s gave an answer that is not understood: %q", what, device, clip(string(out)))
	}
	return strings.Fields(rest), nil
}

func clip(s string) string {
	if len(s) > 120 {
		return s[:120] + "..."
	}
	return s
}
