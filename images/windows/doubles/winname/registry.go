//go:build linux

package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"strings"
)

// parameters is the key that holds the DNS names; CurrentControlSet is a link
// to its first part. Wine's SetComputerNameExW keeps the wanted names in its
// values Hostname and Domain.
const parameters = `System\\ControlSet001\\Services\\Tcpip\\Parameters`

// machineName is what a machine is called.
type machineName struct {
	host   string
	domain string
}

// hosts is the text of /etc/hosts. Wine takes the domain from the canonical
// name of the machine's own name, which is the first one in its line; without
// that line every start waits for the DNS.
func (n machineName) hosts() []byte {
	own := n.host
	if n.domain != "" {
		own = n.host + "." + n.domain + " " + n.host
	}
	return fmt.Appendf(nil, "127.0.0.1 localhost\n127.0.1.1 %s\n::1 localhost ip6-localhost ip6-loopback\n", own)
}

// readName finds the machine's name in the text of a registry file as Wine's
// server saves it: keys in brackets, then lines "Name"="value".
func readName(data []byte) (machineName, error) {
	var n machineName
	lines := bufio.NewScanner(bytes.NewReader(data))
	lines.Buffer(nil, 16<<20)
	inside := false
	for lines.Scan() {
		line := lines.Text()
		if strings.HasPrefix(line, "[") {
			key, _, _ := strings.Cut(line[1:], "]")
			inside = strings.EqualFold(key, parameters)
			continue
		}
		if !inside {
			continue
		}
		name, value, ok := stringValue(line)
		switch {
		case !ok:
		case strings.EqualFold(name, "Hostname"):
			n.host = value
		case strings.EqualFold(name, "Domain"):
			n.domain = value
		}
	}
	if err := lines.Err(); err != nil {
		return machineName{}, err
	}
	if n.host == "" {
		return machineName{}, errors.New("the registry holds no host name")
	}
	if err := n.check(); err != nil {
		return machineName{}, err
	}
	return n, nil
}

// check refuses what would break out of its line in /etc/hosts or is longer
// than Linux takes.
func (n machineName) check() error {
	if len(n.host) > 64 {
		return fmt.Errorf("the host name %q has more than 64 characters", n.host)
	}
	for _, s := range []string{n.host, strings.ReplaceAll(n.domain, ".", "")} {
		for _, r := range s {
			if r != '-' && r != '_' && (r < '0' || r > '9') && (r|0x20 < 'a' || r|0x20 > 'z') {
				return fmt.Errorf("the name %q has the character %q, which is none of letters, digits, '-' and '_'", s, r)
			}
		}
	}
	return nil
}

// stringValue takes a line "Name"="value" apart. Other types, such as dword:,
// are not strings.
func stringValue(line string) (name, value string, ok bool) {
	name, value, ok = strings.Cut(line, `"="`)
	if !ok || !strings.HasPrefix(name, `"`) || !strings.HasSuffix(value, `"`) {
		return "", "", false
	}
	return name[1:], value[:len(value)-1], true
}
