package guardian

import (
	"errors"
	"io/fs"
	"strings"
	"testing"

	"innkeeper/agent/guest"
	"innkeeper/agent/guest/guesttest"
)

func TestSystemdEndsNoGuardianWithTheDaemon(t *testing.T) {
	m := guesttest.New(map[string]string{"/run/systemd/system/x": ""})
	const (
		id    = "0000000000000001-ABCDEFGH"
		first = "systemd-run --quiet --unit=guestd-guardian-" + id + " '--description=Innkeeper rollback, waiting to be disarmed'"
		last  = " /usr/local/sbin/guestd guardian --state-dir /var/lib/guestd " + id
	)
	m.OnOutput(first+" --collect"+last, "")
	o := Options{Machine: m, Executable: "/usr/local/sbin/guestd", StateDir: "/var/lib/guestd"}
	if p, err := launch(t.Context(), o, id); p != nil || err != nil {
		t.Errorf("got %v, %v", p, err)
	}
	// systemd 219, of CentOS 7.
	m.On(first+" --collect"+last, guest.Result{ExitCode: 1, Stderr: []byte("systemd-run: unrecognized option '--collect'\n")})
	if _, err := launch(t.Context(), o, id); err == nil || !strings.Contains(err.Error(), first+last) {
		t.Errorf("it was not tried without the option: %v", err)
	}
	m.OnOutput(first+last, "")
	if _, err := launch(t.Context(), o, id); err != nil {
		t.Error(err)
	}
	o.Machine, o.Executable = guesttest.New(nil), "/no/such/guestd"
	if _, err := launch(t.Context(), o, id); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("without systemd it starts none itself: %v", err)
	}
}
