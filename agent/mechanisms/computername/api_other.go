//go:build !windows

package computername

import "errors"

// Local is the API of the machine this process runs on, which is no Windows.
func Local() API { return absent{} }

type absent struct{}

var errAbsent = errors.New("this is no Windows machine")

func (absent) Set(Format, string) error                   { return errAbsent }
func (absent) Value(string, string) (string, bool, error) { return "", false, errAbsent }
