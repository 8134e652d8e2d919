package service

import (
	"context"
	"errors"
	"fmt"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/svc"
	"golang.org/x/sys/windows/svc/mgr"
)

func (windowsService) config() mgr.Config {
	return mgr.Config{
		ServiceType:  windows.SERVICE_WIN32_OWN_PROCESS,
		StartType:    mgr.StartAutomatic,
		ErrorControl: mgr.ErrorNormal,
		DisplayName:  "Innkeeper guest agent",
		Description:  "Keeps this machine as its owner chose.",
	}
}

// recovery starts guestd again however it ended, the waits growing. After a
// day without a failure the count begins anew.
var recovery = []mgr.RecoveryAction{
	{Type: mgr.ServiceRestart, Delay: 2 * time.Second},
	{Type: mgr.ServiceRestart, Delay: 10 * time.Second},
	{Type: mgr.ServiceRestart, Delay: time.Minute},
}

const recoveryReset = 24 * 60 * 60 // seconds

// startTime bounds the wait for the service to run; the manager itself gives
// it 30 s to answer.
const startTime = 45 * time.Second

func (w windowsService) install(ctx context.Context) error {
	m, err := mgr.Connect()
	if err != nil {
		return fmt.Errorf("open the service manager (guestd install needs an administrator): %w", err)
	}
	defer func() { _ = m.Disconnect() }()
	s, err := w.register(m)
	if err != nil {
		return err
	}
	defer s.Close()
	if err := setRecovery(s); err != nil {
		return err
	}
	if err := stop(ctx, s); err != nil {
		return err
	}
	if err := start(ctx, s); err != nil {
		return err
	}
	return reach(ctx, s, svc.Running, startTime)
}

// start starts the service, and again if the manager lost patience with a
// machine so slow that the process was not there within its time limit
// (ServicesPipeTimeout, 30 s by default): by then its pages are in memory.
func start(ctx context.Context, s *mgr.Service) error {
	err := s.Start()
	for tries := 0; tries < 2 && errors.Is(err, windows.ERROR_SERVICE_REQUEST_TIMEOUT) && ctx.Err() == nil; tries++ {
		err = s.Start()
	}
	if err != nil && !errors.Is(err, windows.ERROR_SERVICE_ALREADY_RUNNING) {
		return fmt.Errorf("start the service %s: %w", Name, err)
	}
	return nil
}

// register creates the service or puts right the one that is there.
func (w windowsService) register(m *mgr.Mgr) (*mgr.Service, error) {
	want := w.config()
	s, err := m.OpenService(Name)
	if errors.Is(err, windows.ERROR_SERVICE_DOES_NOT_EXIST) {
		s, err = m.CreateService(Name, w.binary, want, "run", Argument)
		if err != nil {
			return nil, fmt.Errorf("create the service %s: %w", Name, err)
		}
		return s, nil
	}
	if err != nil {
		return nil, fmt.Errorf("open the service %s: %w", Name, err)
	}
	if err := w.correct(s); err != nil {
		_ = s.Close()
		return nil, fmt.Errorf("change the service %s: %w", Name, err)
	}
	return s, nil
}

// correct makes the command line and the start type of a service that is there
// what they should be. It asks for no more than that, unlike mgr.Service.Config:
// Wine's service manager does not know the rest.
func (w windowsService) correct(s *mgr.Service) error {
	line, start := windows.EscapeArg(w.binary)+" run "+Argument, uint32(mgr.StartAutomatic)
	isLine, isStart, err := query(s)
	if err != nil || isLine == line && isStart == start {
		return err
	}
	text, err := windows.UTF16PtrFromString(line)
	if err != nil {
		return err
	}
	return windows.ChangeServiceConfig(s.Handle, windows.SERVICE_NO_CHANGE, start, windows.SERVICE_NO_CHANGE,
		text, nil, nil, nil, nil, nil, nil)
}

// query is a service's command line and start type.
func query(s *mgr.Service) (line string, start uint32, err error) {
	const largest = 8 << 10 // QueryServiceConfigW's own limit
	buffer := make([]byte, largest)
	config := (*windows.QUERY_SERVICE_CONFIG)(unsafe.Pointer(&buffer[0]))
	var needed uint32
	if err := windows.QueryServiceConfig(s.Handle, config, largest, &needed); err != nil {
		return "", 0, err
	}
	return windows.UTF16PtrToString(config.BinaryPathName), config.StartType, nil
}

// setRecovery sets the recovery actions where the manager keeps any, and reads
// them back.
func setRecovery(s *mgr.Service) error {
	err := s.SetRecoveryActions(recovery, recoveryReset)
	if err == nil {
		// Also when guestd ends with an error by itself.
		err = s.SetRecoveryActionsOnNonCrashFailures(true)
	}
	if errors.Is(err, windows.ERROR_INVALID_LEVEL) || errors.Is(err, windows.ERROR_CALL_NOT_IMPLEMENTED) {
		return nil // a service manager that has none, such as Wine's
	}
	if err != nil {
		return fmt.Errorf("set the recovery actions of %s: %w", Name, err)
	}
	is, err := s.RecoveryActions()
	if err != nil || len(is) == 0 {
		return nil // Wine's takes them and gives none back
	}
	for i, want := range recovery {
		if i >= len(is) || is[i] != want {
			return fmt.Errorf("the recovery actions of %s were set and read back otherwise: %v", Name, is)
		}
	}
	return nil
}

func (w windowsService) uninstall(ctx context.Context) error {
	m, err := mgr.Connect()
	if err != nil {
		return fmt.Errorf("open the service manager (guestd uninstall needs an administrator): %w", err)
	}
	defer func() { _ = m.Disconnect() }()
	s, err := m.OpenService(Name)
	if errors.Is(err, windows.ERROR_SERVICE_DOES_NOT_EXIST) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("open the service %s: %w", Name, err)
	}
	defer s.Close()
	if err := stop(ctx, s); err != nil {
		return err
	}
	if err := s.Delete(); err != nil && !errors.Is(err, windows.ERROR_SERVICE_MARKED_FOR_DELETE) {
		return fmt.Errorf("delete the service %s: %w", Name, err)
	}
	return nil
}

func (w windowsService) replace(ctx context.Context, swap func() error) error {
	m, err := mgr.Connect()
	if err != nil {
		return fmt.Errorf("open the service manager: %w", err)
	}
	defer func() { _ = m.Disconnect() }()
	s, err := m.OpenService(Name)
	if err != nil {
		return fmt.Errorf("open the service %s: %w", Name, err)
	}
	defer s.Close()
	if err := stop(ctx, s); err != nil {
		return err
	}
	err = swap()
	return errors.Join(err, start(ctx, s))
}

func (w windowsService) running(context.Context) (bool, error) {
	m, err := mgr.Connect()
	if err != nil {
		return false, fmt.Errorf("open the service manager: %w", err)
	}
	defer func() { _ = m.Disconnect() }()
	s, err := m.OpenService(Name)
	if errors.Is(err, windows.ERROR_SERVICE_DOES_NOT_EXIST) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("open the service %s: %w", Name, err)
	}
	defer s.Close()
	status, err := s.Query()
	return err == nil && status.State == svc.Running, err
}

// stop stops a service that may be stopped already.
func stop(ctx context.Context, s *mgr.Service) error {
	_, err := s.Control(svc.Stop)
	switch {
	case errors.Is(err, windows.ERROR_SERVICE_NOT_ACTIVE):
		return nil
	case err != nil && !errors.Is(err, windows.ERROR_SERVICE_CANNOT_ACCEPT_CTRL):
		return fmt.Errorf("stop the service %s: %w", Name, err)
	}
	return reach(ctx, s, svc.Stopped, stopTime)
}

// reach waits for a state.
func reach(ctx context.Context, s *mgr.Service, want svc.State, patience time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	var last svc.Status
	ok, err := await(ctx, func() (bool, error) {
		var err error
		last, err = s.Query()
		if err == nil && want == svc.Running && last.State == svc.Stopped {
			err = fmt.Errorf("the service %s stopped at once, with exit code %d (service code %d); see guestd.log", Name, last.Win32ExitCode, last.ServiceSpecificExitCode)
		}
		return last.State == want, err
	})
	if err == nil && !ok {
		err = fmt.Errorf("the service %s is not in state %d after %s, but in state %d", Name, want, patience, last.State)
	}
	return err
}
