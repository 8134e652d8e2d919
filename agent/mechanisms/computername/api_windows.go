package computername

import (
	"errors"
	"fmt"
	"unsafe"

	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/registry"
)

// Local is the API of the machine this process runs on.
func Local() API { return local{} }

type local struct{}

var setComputerNameEx = windows.NewLazySystemDLL("kernel32.dll").NewProc("SetComputerNameExW")

func (local) Set(f Format, name string) error {
	if err := setComputerNameEx.Find(); err != nil {
		return err
	}
	text, err := windows.UTF16PtrFromString(name)
	if err != nil {
		return err
	}
	ok, _, err := setComputerNameEx.Call(uintptr(f), uintptr(unsafe.Pointer(text)))
	if ok == 0 {
		return fmt.Errorf("set the computer name to %q: SetComputerNameExW: %w", name, err)
	}
	return nil
}

func (local) Value(key, name string) (string, bool, error) {
	k, err := registry.OpenKey(registry.LOCAL_MACHINE, key, registry.QUERY_VALUE)
	if errors.Is(err, registry.ErrNotExist) {
		return "", false, nil
	}
	if err != nil {
		return "", false, fmt.Errorf(`open HKLM\%s: %w`, key, err)
	}
	defer k.Close()
	value, _, err := k.GetStringValue(name)
	if errors.Is(err, registry.ErrNotExist) {
		return "", false, nil
	}
	if err != nil {
		return "", false, fmt.Errorf(`read %s of HKLM\%s: %w`, name, key, err)
	}
	return value, true, nil
}
