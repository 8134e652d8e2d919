// Package kernel answers what the doubles would ask of a FreeBSD kernel. The
// kernel beneath is Linux: its host name is the real one, all else comes from
// an identity file of the image, because it cannot be true here.
package kernel

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// IdentityPath is the file that says which kernel the image pretends to run:
// lines NAME=VALUE, named after the sysctl variables without "kern.".
const IdentityPath = "/boot/kernel/identity"

// Identity is what does not change while the kernel runs.
type Identity struct {
	OSType    string // kern.ostype: FreeBSD
	OSRelease string // kern.osrelease: 13.1-RELEASE-p9
	OSRelDate string // kern.osreldate: 1301000
	Version   string // kern.version, one line
	Ident     string // kern.ident, the kernel configuration's name
	Machine   string // hw.machine: amd64
}

// Kernel is a running kernel.
type Kernel struct {
	Identity
	// Hostname reads kern.hostname, SetHostname writes it.
	Hostname    func() (string, error)
	SetHostname func(string) error
}

// Load reads the identity below root and joins it to the kernel beneath.
func Load(root string) (Kernel, error) {
	path := filepath.Join(root, IdentityPath)
	file, err := os.Open(path)
	if err != nil {
		return Kernel{}, fmt.Errorf("read the kernel's identity: %w", err)
	}
	defer file.Close()
	k := Kernel{Hostname: os.Hostname, SetHostname: setHostname}
	fields := map[string]*string{
		"ostype": &k.OSType, "osrelease": &k.OSRelease, "osreldate": &k.OSRelDate,
		"version": &k.Version, "ident": &k.Ident, "machine": &k.Machine,
	}
	scanner := bufio.NewScanner(file)
	for scanner.Scan() {
		name, value, ok := strings.Cut(scanner.Text(), "=")
		field := fields[name]
		if !ok || field == nil {
			return Kernel{}, fmt.Errorf("read the kernel's identity: %s: line %q is not NAME=VALUE", path, scanner.Text())
		}
		*field = value
	}
	if err := scanner.Err(); err != nil {
		return Kernel{}, fmt.Errorf("read the kernel's identity: %w", err)
	}
	for name, field := range fields {
		if *field == "" {
			return Kernel{}, fmt.Errorf("read the kernel's identity: %s: %s is missing", path, name)
		}
	}
	return k, nil
}
