//go:build !windows

package w32time

import "errors"

// Local is the API of the machine this process runs on, which is no Windows.
func Local(r Registry) API { return absent{r} }

type absent struct{ Registry }

var errAbsent = errors.New("this is no Windows machine")

func (absent) Running() (bool, error)   { return false, errAbsent }
func (absent) Automatic() (bool, error) { return false, errAbsent }
func (absent) SetAutomatic(bool) error  { return errAbsent }
