//go:build !linux

package kernel

import "errors"

func setHostname(string) error {
	return errors.New("the doubles run on a Linux kernel only")
}
