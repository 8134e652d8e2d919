package midclt

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The results and refusals of plugins/system.py and plugins/ntp.py.
func TestTimezone(t *testing.T) {
	root, socket, _ := daemon(t)
	for argument, want := range map[string]string{
		`{"timezone":"Mars/Olympus"}`: "[EINVAL] general_settings_update.timezone: Timezone not known. Please select a valid timezone.",
		`{"timezone":"Etc/GMT+12"}`:   "[EINVAL] general_settings_update.timezone: Timezone not known.",
		`{"timezone":""}`:             "[timezone] Empty value not allowed",
		`{"zone":"Asia/Kolkata"}`:     "[zone] Field was not expected",
		`{"ui_port":81}`:              "[EFAULT] lookalike: a change of ui_port is not built",
	} {
		if code, _, stderr := run(t, socket, "call", "system.general.update", argument); code != 1 || !strings.Contains(stderr, want) {
			t.Errorf("%s = %d, %q, want %q", argument, code, stderr, want)
		}
	}
	if code, stdout, stderr := run(t, socket, "call", "system.general.update", `{"timezone":"Asia/Kolkata"}`); code != 0 || !strings.Contains(stdout, `"timezone": "Asia/Kolkata"`) {
		t.Fatalf("update = %d, %q, %q", code, stdout, stderr)
	}
	for file, want := range map[string]string{"etc/localtime": "TZif of Asia/Kolkata", "var/db/zoneinfo": "Asia/Kolkata\n"} {
		if b, err := os.ReadFile(filepath.Join(root, file)); err != nil || string(b) != want {
			t.Errorf("%s is %q (%v), want %q", file, b, err, want)
		}
	}
	if code, stdout, _ := run(t, socket, "call", "system.general.timezone_choices"); code != 0 || stdout != `{"America/Los_Angeles": "America/Los_Angeles", "Asia/Kolkata": "Asia/Kolkata", "Etc/UTC": "Etc/UTC"}`+"\n" {
		t.Errorf("choices = %d, %q", code, stdout)
	}
}

func TestTimeServers(t *testing.T) {
	root, socket, _ := daemon(t)
	call := func(want string, code int, argv ...string) {
		t.Helper()
		got, stdout, stderr := run(t, socket, append([]string{"call"}, argv...)...)
		if got != code || !strings.Contains(stdout+stderr, want) {
			t.Errorf("%q = %d, %q, %q; want %d, %q", argv, got, stdout, stderr, code, want)
		}
	}
	call("3\n", 0, "system.ntpserver.query", `[["address","$",".freebsd.pool.ntp.org"]]`, `{"count":true}`)
	call("[EINVAL] ntpserver_create.address: Server could not be reached. Check \"Force\" to continue regardless.", 1,
		"system.ntpserver.create", `{"address":"away.lab.test"}`)
	call("[EINVAL] ntpserver_update.maxpoll: Max Poll should be higher than Min Poll", 1,
		"system.ntpserver.update", "1", `{"minpoll":10,"force":true}`)
	call("NTPServer 9 does not exist", 1, "system.ntpserver.update", "9", `{"address":"ntp.lab.test"}`)
	call("[server] Field was not expected", 1, "system.ntpserver.create", `{"server":"ntp.lab.test"}`)
	call(`"id": 4, "address": "away.lab.test", "burst": false, "iburst": true`, 0, "system.ntpserver.create", `{"address":"away.lab.test","force":true}`)
	call(`"id": 1, "address": "ntp.lab.test"`, 0, "system.ntpserver.update", "1", `{"address":"ntp.lab.test","prefer":true}`)
	call("True", 0, "system.ntpserver.delete", "2")
	call("True", 0, "system.ntpserver.delete", "3")
	call("True", 0, "system.ntpserver.delete", "3")
	const want = `server ntp.lab.test iburst prefer maxpoll 10 minpoll 6
server away.lab.test iburst maxpoll 10 minpoll 6
restrict default ignore
restrict -6 default ignore
restrict 127.0.0.1
restrict -6 ::1
restrict 127.127.1.0
restrict ntp.lab.test nomodify notrap nopeer noquery
restrict away.lab.test nomodify notrap nopeer noquery
`
	if b, err := os.ReadFile(filepath.Join(root, "read")); err != nil || string(b) != want {
		t.Errorf("ntpd has read %q (%v)", b, err)
	}
	if err := os.Remove(filepath.Join(root, "read")); err != nil {
		t.Fatal(err)
	}
	call("True", 0, "service.restart", "ntpd")
	if b, err := os.ReadFile(filepath.Join(root, "read")); err != nil || string(b) != want {
		t.Errorf("started anew, ntpd has read %q (%v)", b, err)
	}
	call("not built", 1, "service.reload", "ssh")
}
