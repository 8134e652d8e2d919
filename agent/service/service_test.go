package service

import (
	"context"
	"slices"
	"strings"
	"testing"

	"innkeeper/agent/guest"
	"innkeeper/agent/guest/guesttest"
	"innkeeper/agent/mechanisms/middleware/middlewaretest"
)

func TestSystemd(t *testing.T) {
	f := guesttest.New(map[string]string{"/etc/systemd/system/x": ""})
	f.OnOutput("systemctl *", "")
	s := Systemd(f, "/usr/local/sbin/guestd")
	install(t, s)
	want := []string{"systemctl daemon-reload", "systemctl enable guestd.service", "systemctl restart guestd.service"}
	if got := f.Ran(); !slices.Equal(got, want) {
		t.Errorf("ran %q, want %q", got, want)
	}
	text := f.Content(unitFile)
	for _, line := range []string{"ExecStart=/usr/local/sbin/guestd run", "Restart=always", "KillMode=process", "Delegate=yes", "WantedBy=multi-user.target"} {
		if !strings.Contains(text, "\n"+line+"\n") {
			t.Errorf("the unit has no line %q", line)
		}
	}
	if strings.Contains(text, "network-online") {
		t.Error("the unit waits for a network that guestd may have to repair")
	}
	f.Forget()
	install(t, s)
	if len(f.Writes()) > 0 || slices.Contains(f.Ran(), "systemctl daemon-reload") {
		t.Errorf("a second install wrote %v and ran %v", f.Writes(), f.Ran())
	}
	f.OnOutput("systemctl is-active guestd.service", "active\n")
	running(t, s, true)
	f.On("systemctl is-active guestd.service", guest.Result{ExitCode: 3, Stdout: []byte("activating\n")})
	running(t, s, false)
	uninstall(t, s)
	if f.Exists(unitFile) {
		t.Error("the unit is left")
	}
	f.Forget()
	uninstall(t, s)
	if len(f.Ran()) > 0 {
		t.Errorf("without a service it ran %v", f.Ran())
	}
}

func TestSystemdTellsWhatFailed(t *testing.T) {
	f := guesttest.New(map[string]string{"/etc/systemd/system/x": ""})
	f.OnOutput("systemctl *", "")
	f.On("systemctl enable guestd.service", guest.Result{ExitCode: 1, Stderr: []byte("Failed to enable unit: Read-only file system\n")})
	err := Systemd(f, "/b").Install(t.Context())
	if err == nil || !strings.Contains(err.Error(), "systemctl enable guestd.service") || !strings.Contains(err.Error(), "Read-only file system") {
		t.Errorf("got %v", err)
	}
}

func TestSysvinit(t *testing.T) {
	f := guesttest.New(map[string]string{"/etc/init.d/x": ""})
	f.OnOutput("/sbin/chkconfig *", "").OnOutput(initFile+" *", "")
	s := Sysvinit(f, "/usr/local/sbin/guestd")
	install(t, s)
	want := []string{"/sbin/chkconfig --add guestd", "/sbin/chkconfig --level 345 guestd on", initFile + " restart"}
	if got := f.Ran(); !slices.Equal(got, want) {
		t.Errorf("ran %q, want %q", got, want)
	}
	if info, err := f.Stat(initFile); err != nil || info.Mode().Perm() != 0o755 {
		t.Errorf("the script has %v, %v", info, err)
	}
	text := f.Content(initFile)
	if strings.Contains(text, "@") || !strings.Contains(text, "\nbinary=/usr/local/sbin/guestd\n") || !strings.Contains(text, "\n# chkconfig: 345 98 02\n") {
		t.Errorf("the script is\n%s", text)
	}
	running(t, s, true)
	f.On(initFile+" status", guest.Result{ExitCode: 3})
	running(t, s, false)
	f.Forget()
	uninstall(t, s)
	if got := f.Ran(); !slices.Equal(got, []string{initFile + " stop", "/sbin/chkconfig --del guestd"}) || f.Exists(initFile) {
		t.Errorf("ran %q, the script is left: %v", got, f.Exists(initFile))
	}
	uninstall(t, s)
	running(t, s, false)
}

// bsd is FreeBSD's daemon(8) and pkill(1) around one process.
func bsd(f *guesttest.Fake, binary string) *bool {
	up := new(bool)
	f.PutDir("/var/run")
	start := func(guest.Command) (guest.Result, error) {
		if *up {
			return guest.Result{ExitCode: 3, Stderr: []byte("daemon: process already running, pid: 7\n")}, nil
		}
		*up = true
		f.Put(pidFile, "7")
		return guest.Result{}, nil
	}
	f.OnDo("/usr/sbin/daemon -f -r -P /var/run/guestd.pid "+binary+" run", start)
	f.OnDo(rcFile+" start", start)
	f.OnDo("/bin/pgrep -L -F /var/run/guestd.pid", func(guest.Command) (guest.Result, error) {
		if *up {
			return guest.Result{Stdout: []byte("7\n")}, nil
		}
		return guest.Result{ExitCode: 1}, nil
	})
	f.OnDo("/bin/pkill -TERM -L -F /var/run/guestd.pid", func(guest.Command) (guest.Result, error) {
		*up = false
		return guest.Result{}, f.Remove(pidFile)
	})
	return up
}

func TestTrueNAS(t *testing.T) {
	server := middlewaretest.Start(t)
	f := guesttest.New(nil)
	up := bsd(f, "/data/guestd/guestd")
	s := TrueNAS(f, "/data/guestd/guestd", server.Socket)
	running(t, s, false)
	for range 2 {
		install(t, s)
		tasks := server.Tasks()
		if len(tasks) != 1 || tasks[0]["when"] != "POSTINIT" || tasks[0]["enabled"] != true ||
			tasks[0]["command"] != "/usr/sbin/daemon -f -r -P /var/run/guestd.pid /data/guestd/guestd run" {
			t.Errorf("the tasks are %v", tasks)
		}
		running(t, s, true)
	}
	if n := len(server.Calls()); n != 1 {
		t.Errorf("two installs changed the configuration %d times: %v", n, server.Calls())
	}
	for range 2 {
		uninstall(t, s)
		if len(server.Tasks()) > 0 || *up {
			t.Errorf("left are %v, running %v", server.Tasks(), *up)
		}
	}
}

func TestPFSense(t *testing.T) {
	f := guesttest.New(map[string]string{"/usr/local/etc/rc.d/x": ""})
	up := bsd(f, "/usr/local/guestd/guestd")
	var scripts []string
	f.OnDo("/usr/local/bin/php", func(c guest.Command) (guest.Result, error) {
		scripts = append(scripts, string(c.Stdin))
		return guest.Result{Stdout: []byte("\n@guestd@ {\"changed\":true}\n")}, nil
	})
	s := PFSense(f, "/usr/local/guestd/guestd")
	for range 2 {
		install(t, s)
		running(t, s, true)
	}
	if len(scripts) != 2 || !strings.Contains(scripts[0], "system/shellcmd") {
		t.Errorf("%d scripts were run", len(scripts))
	}
	text := f.Content(rcFile)
	if strings.Contains(text, "@") || !strings.Contains(text, "running || /usr/sbin/daemon -f -r -P /var/run/guestd.pid /usr/local/guestd/guestd run\n") {
		t.Errorf("the script is\n%s", text)
	}
	for range 2 {
		uninstall(t, s)
		if *up || f.Exists(rcFile) {
			t.Errorf("left: running %v, script %v", *up, f.Exists(rcFile))
		}
	}
}

func TestStopWaitsForTheEnd(t *testing.T) {
	f := guesttest.New(nil)
	up := bsd(f, "/b")
	*up = true
	f.Put(pidFile, "7")
	asked := 0
	f.OnOutput("/bin/pkill -TERM -L -F /var/run/guestd.pid", "")
	f.OnDo("/bin/pgrep -L -F /var/run/guestd.pid", func(guest.Command) (guest.Result, error) {
		if asked++; asked < 4 {
			return guest.Result{}, nil
		}
		return guest.Result{ExitCode: 1}, nil
	})
	if err := (daemon{f, "/b"}).stop(t.Context()); err != nil || asked != 4 {
		t.Errorf("%v after %d looks", err, asked)
	}
	ctx, cancel := context.WithCancel(t.Context())
	f.OnDo("/bin/pgrep -L -F /var/run/guestd.pid", func(guest.Command) (guest.Result, error) { cancel(); return guest.Result{}, nil })
	if err := (daemon{f, "/b"}).stop(ctx); err == nil {
		t.Error("a service that does not stop was taken for stopped")
	}
}

func TestElsewhereThanOnWindows(t *testing.T) {
	if err := Windows("x").Install(t.Context()); err == nil {
		t.Skip("this is Windows")
	}
	called := false
	if err := Run(t.Context(), true, func(context.Context) error { called = true; return nil }); err != nil || !called {
		t.Errorf("%v, called %v", err, called)
	}
}

func install(t *testing.T, s Service) {
	t.Helper()
	if err := s.Install(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func uninstall(t *testing.T, s Service) {
	t.Helper()
	if err := s.Uninstall(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func running(t *testing.T, s Service, want bool) {
	t.Helper()
	if got, err := s.Running(t.Context()); err != nil || got != want {
		t.Errorf("running is %v, %v, want %v", got, err, want)
	}
}
