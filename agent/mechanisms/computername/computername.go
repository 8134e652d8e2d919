// Package computername names a Windows machine: SetComputerNameExW, and the
// registry to read back what the next start will use.
package computername

import (
	"errors"
	"strings"
)

// API is what is needed of Windows.
type API interface {
	// Set is SetComputerNameExW.
	Set(f Format, name string) error
	// Value reads a string value of a key below HKEY_LOCAL_MACHINE. A value or
	// key that is not there gives no error and false.
	Value(key, name string) (value string, ok bool, err error)
}

// Format is a COMPUTER_NAME_FORMAT of sysinfoapi.h.
type Format uint32

// The formats that are set.
const (
	PhysicalDNSHostname Format = 5
	PhysicalDNSDomain   Format = 6
)

// LongestName is the NetBIOS limit (MAX_COMPUTERNAME_LENGTH). Windows itself
// would take a longer DNS name and cut the NetBIOS name, by which other
// machines then miss it.
const LongestName = 15

const (
	parameters = `SYSTEM\CurrentControlSet\Services\Tcpip\Parameters`
	chosenKey  = `SYSTEM\CurrentControlSet\Control\ComputerName\ComputerName`
	activeKey  = `SYSTEM\CurrentControlSet\Control\ComputerName\ActiveComputerName`
)

// Names are the machine's names.
type Names struct {
	// Hostname and Domain are those of the next start.
	Hostname string
	Domain   string
	// RebootPending says that the machine still goes by another name.
	RebootPending bool
}

// Read reads the names from the registry. SetComputerNameExW writes what is to
// be after the next start into "NV Hostname" and "NV Domain" where those are
// (Windows), else into "Hostname" and "Domain" (Wine).
func Read(api API) (Names, error) {
	host, isHost, err := either(api, "NV Hostname", "Hostname")
	if err != nil {
		return Names{}, err
	}
	if !isHost || host == "" {
		return Names{}, errors.New(`the registry has no host name in HKLM\` + parameters)
	}
	domain, _, err := either(api, "NV Domain", "Domain")
	if err != nil {
		return Names{}, err
	}
	n := Names{Hostname: host, Domain: domain}
	chosen, isChosen, err := api.Value(chosenKey, "ComputerName")
	if err != nil {
		return Names{}, err
	}
	active, isActive, err := api.Value(activeKey, "ComputerName")
	if err != nil {
		return Names{}, err
	}
	n.RebootPending = isChosen && isActive && !strings.EqualFold(chosen, active)
	for now, next := range map[string]string{"Hostname": host, "Domain": domain} {
		is, ok, err := api.Value(parameters, now)
		if err != nil {
			return Names{}, err
		}
		n.RebootPending = n.RebootPending || ok && !strings.EqualFold(is, next)
	}
	return n, nil
}

func either(api API, first, second string) (string, bool, error) {
	value, ok, err := api.Value(parameters, first)
	if ok || err != nil {
		return value, ok, err
	}
	return api.Value(parameters, second)
}

// Set chooses the names for the next start, and reads them back: the call's
// success alone is no proof.
func Set(api API, hostname, domain string) error {
	is, err := Read(api)
	if err != nil {
		return err
	}
	if is.Hostname != hostname {
		if err := api.Set(PhysicalDNSHostname, hostname); err != nil {
			return err
		}
	}
	if is.Domain != domain {
		if err := api.Set(PhysicalDNSDomain, domain); err != nil {
			return err
		}
	}
	is, err = Read(api)
	if err != nil {
		return err
	}
	if is.Hostname != hostname || is.Domain != domain {
		return errors.New("SetComputerNameExW succeeded, but the registry holds " + is.Hostname + " and the domain " + is.Domain)
	}
	return nil
}
