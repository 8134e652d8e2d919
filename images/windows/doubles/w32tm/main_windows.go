package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/registry"
	"golang.org/x/sys/windows/svc"
	"golang.org/x/sys/windows/svc/mgr"

	"innkeeper/images/windows/beneath"
	"innkeeper/images/windows/w32time"
)

func do(r w32time.Request) error {
	switch r.Command {
	case "config":
		return configure(r)
	case "resync":
		if err := tell(); err != nil {
			return err
		}
		fmt.Print("Sending resync command to local computer\r\nThe command completed successfully.\r\n")
		return nil
	case "tz":
		return zone()
	}
	running, err := runs()
	if err != nil {
		return err
	}
	if !running {
		return errNotStarted
	}
	s, err := w32time.ReadStatus(w32time.StatusFile)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("w32tm: %w", err)
	}
	fmt.Print(w32time.Show(r, s))
	return nil
}

//lint:ignore ST1005 these are Windows' words
var errNotStarted = errors.New("The following error occurred: The service has not been started. (0x80070426)")

func configure(r w32time.Request) error {
	k, _, err := registry.CreateKey(registry.LOCAL_MACHINE, w32time.Parameters, registry.SET_VALUE)
	if err != nil {
		return fmt.Errorf("w32tm: %w", err)
	}
	defer k.Close()
	for name, value := range map[string]*string{"NtpServer": r.Peers, "Type": r.Type} {
		if value == nil {
			continue
		}
		if err := k.SetStringValue(name, *value); err != nil {
			return fmt.Errorf("w32tm: %w", err)
		}
	}
	if r.Update {
		if err := tell(); err != nil {
			return err
		}
	}
	fmt.Print("The command completed successfully.\r\n")
	return nil
}

func withService(do func(*mgr.Service) error) error {
	m, err := mgr.Connect()
	if err != nil {
		return fmt.Errorf("w32tm: %w", err)
	}
	defer func() { _ = m.Disconnect() }()
	s, err := m.OpenService(w32time.ServiceName)
	if err != nil {
		return fmt.Errorf("w32tm: %w", err)
	}
	defer s.Close()
	return do(s)
}

func runs() (running bool, err error) {
	err = withService(func(s *mgr.Service) error {
		status, err := s.Query()
		running = status.State == svc.Running
		return err
	})
	return running, err
}

// tell has the service take up what is configured, and ask at once.
func tell() error {
	return withService(func(s *mgr.Service) error {
		_, err := s.Control(svc.ParamChange)
		if errors.Is(err, windows.ERROR_SERVICE_NOT_ACTIVE) {
			return errNotStarted
		}
		return err
	})
}

// zone prints what a program is told that asks Windows for the zone.
func zone() error {
	var z windows.Timezoneinformation
	id, err := windows.GetTimeZoneInformation(&z)
	if err != nil {
		return fmt.Errorf("w32tm: %w", err)
	}
	fmt.Printf("Time zone: Current:%s Bias: %dmin (UTC=LocalTime+Bias)\r\n", map[uint32]string{
		0: "TIME_ZONE_ID_UNKNOWN", 1: "TIME_ZONE_ID_STANDARD", 2: "TIME_ZONE_ID_DAYLIGHT",
	}[id], z.Bias)
	date := func(at windows.Systemtime) string {
		if at.Month == 0 {
			return "(unspecified)"
		}
		return fmt.Sprintf("(M:%d D:%d DoW:%d)", at.Month, at.Day, at.DayOfWeek)
	}
	fmt.Printf("  [Standard Name:%q Bias:%dmin Date:%s]\r\n", windows.UTF16ToString(z.StandardName[:]), z.StandardBias, date(z.StandardDate))
	fmt.Printf("  [Daylight Name:%q Bias:%dmin Date:%s]\r\n", windows.UTF16ToString(z.DaylightName[:]), z.DaylightBias, date(z.DaylightDate))
	return nil
}

// serve is the service.
func serve() error { return svc.Run(w32time.ServiceName, service{}) }

type service struct{}

// Execute implements svc.Handler.
func (service) Execute(_ []string, requests <-chan svc.ChangeRequest, status chan<- svc.Status) (bool, uint32) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	anew, ended := make(chan struct{}, 1), make(chan struct{})
	go func() {
		defer close(ended)
		work().Run(ctx, anew)
	}()
	running := svc.Status{State: svc.Running, Accepts: svc.AcceptStop | svc.AcceptShutdown | svc.AcceptParamChange}
	status <- running
	for r := range requests {
		switch r.Cmd {
		case svc.Interrogate:
			status <- r.CurrentStatus
		case svc.ParamChange:
			status <- running
			select {
			case anew <- struct{}{}:
			default: // it will begin anew already
			}
		case svc.Stop, svc.Shutdown:
			status <- svc.Status{State: svc.StopPending}
			cancel()
			<-ended
			return false, 0
		}
	}
	return false, 0
}

func work() w32time.Service {
	return w32time.Service{
		Configured: configured,
		Ask:        func(peer string) (w32time.Status, error) { return w32time.Ask(peer, exchange, time.Now) },
		Move:       moveClock,
		Keep:       func(s w32time.Status) error { return s.Write(w32time.StatusFile) },
		Log:        func(err error) { fmt.Fprintf(os.Stderr, "w32time: %v\n", err) },
	}
}

func configured() (kind, peers string, err error) {
	k, err := registry.OpenKey(registry.LOCAL_MACHINE, w32time.Parameters, registry.QUERY_VALUE)
	if err != nil {
		return "", "", err
	}
	defer k.Close()
	if kind, _, err = k.GetStringValue("Type"); err != nil {
		return "", "", err
	}
	peers, _, err = k.GetStringValue("NtpServer")
	return kind, peers, err
}

// moveClock has winpower set the clock of the Linux beneath: Wine sets none
// (NtSetSystemTime of its dlls/ntdll/unix/sync.c).
func moveClock(by time.Duration) error {
	if err := beneath.Ask(w32time.ClockFile, by.String()); err != nil {
		return fmt.Errorf("set the clock: %w", err)
	}
	return nil
}
