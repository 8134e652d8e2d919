package w32time

import (
	"errors"
	"fmt"
	"unsafe"

	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/svc"
	"golang.org/x/sys/windows/svc/mgr"
)

// Local is the API of the machine this process runs on.
func Local(r Registry) API { return local{r} }

type local struct{ Registry }

const service = "W32Time"

func with(do func(*mgr.Service) error) error {
	m, err := mgr.Connect()
	if err != nil {
		return fmt.Errorf("reach the service manager: %w", err)
	}
	defer func() { _ = m.Disconnect() }()
	s, err := m.OpenService(service)
	if err != nil {
		return fmt.Errorf("open the service %s: %w", service, err)
	}
	defer s.Close()
	if err := do(s); err != nil {
		return fmt.Errorf("the service %s: %w", service, err)
	}
	return nil
}

func (local) Running() (running bool, err error) {
	err = with(func(s *mgr.Service) error {
		status, err := s.Query()
		running = status.State == svc.Running
		return err
	})
	return running, err
}

func (local) Automatic() (automatic bool, err error) {
	err = with(func(s *mgr.Service) error {
		start, err := startType(s)
		automatic = start == windows.SERVICE_AUTO_START
		return err
	})
	return automatic, err
}

// startType asks for no more than that: Service.Config asks for more, which
// Wine does not tell.
func startType(s *mgr.Service) (uint32, error) {
	for size := uint32(1024); ; {
		config := make([]windows.QUERY_SERVICE_CONFIG, size/uint32(unsafe.Sizeof(windows.QUERY_SERVICE_CONFIG{}))+1)
		err := windows.QueryServiceConfig(s.Handle, &config[0], size, &size)
		if !errors.Is(err, windows.ERROR_INSUFFICIENT_BUFFER) {
			return config[0].StartType, err
		}
	}
}

func (local) SetAutomatic(on bool) error {
	start := uint32(windows.SERVICE_DEMAND_START)
	if on {
		start = windows.SERVICE_AUTO_START
	}
	return with(func(s *mgr.Service) error {
		return windows.ChangeServiceConfig(s.Handle, windows.SERVICE_NO_CHANGE, start, windows.SERVICE_NO_CHANGE, nil, nil, nil, nil, nil, nil, nil)
	})
}
