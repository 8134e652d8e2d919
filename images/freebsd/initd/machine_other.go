//go:build unix && !linux

package initd

import (
	"errors"
	"io"
)

// Boot is for guests with a Linux kernel.
func Boot(io.Writer) error { return errors.New("init: the doubles run on a Linux kernel only") }
