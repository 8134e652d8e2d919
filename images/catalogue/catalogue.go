// Package catalogue lists the guest systems of the matrix. Adding a system is
// a folder below images and a line here.
package catalogue

import (
	"fmt"
	"strings"

	"innkeeper/images/centos"
	"innkeeper/images/freenas"
	"innkeeper/images/openfiler"
	"innkeeper/images/pfsense"
	"innkeeper/images/system"
	"innkeeper/images/ubuntu"
	"innkeeper/images/windows"
)

// All returns the systems in the order in which they are shown.
func All() []system.System {
	return []system.System{
		ubuntu.System,
		centos.System,
		windows.System,
		openfiler.System,
		freenas.System,
		pfsense.System,
	}
}

// Lookup returns the system of that name; the error of an unknown one lists
// those that exist.
func Lookup(name string) (system.System, error) {
	var names []string
	for _, s := range All() {
		if s.Name == name {
			return s, nil
		}
		names = append(names, s.Name)
	}
	return system.System{}, fmt.Errorf("no system %q: there are %s", name, strings.Join(names, ", "))
}
