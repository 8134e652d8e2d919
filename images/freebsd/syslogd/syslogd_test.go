package syslogd

import (
	"bytes"
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func machine(t *testing.T, files map[string]string) Machine {
	t.Helper()
	root := t.TempDir()
	for name, content := range files {
		file := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.MkdirAll(filepath.Join(root, "var/run"), 0o755); err != nil {
		t.Fatal(err)
	}
	return Machine{
		Root: root, Socket: filepath.Join(root, "log"),
		Hostname: func() (string, error) { return "fw1.lab.test", nil },
		Now:      func() time.Time { return time.Date(2026, 1, 2, 3, 4, 5, 678900000, time.UTC) },
	}
}

func TestRecordsGoWhereTheConfigurationSays(t *testing.T) {
	sink, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer sink.Close()
	for format, want := range map[string]string{
		"rfc5424": "<156>1 2026-01-02T03:04:05.678900Z fw1.lab.test inn 7 - - a text: whole",
		"rfc3164": "<156>Jan  2 03:04:05 fw1 inn[7]: a text: whole",
	} {
		m := machine(t, map[string]string{
			"etc/syslog.conf":               "# generated\n!*\ninclude\t/var/etc/syslog.d\n",
			"var/etc/syslog.d/pfSense.conf": "!*\n*.*;local4.none\t/var/log/system.log\nlocal3.notice @" + sink.LocalAddr().String() + "\n",
			"var/etc/syslog.d/saved":        "not read\n",
			"var/log/system.log":            "",
		})
		ctx, cancel := context.WithCancel(t.Context())
		ready, ended := make(chan struct{}), make(chan error, 1)
		go func() {
			ended <- Serve(ctx, []string{"-O", format, "-s", "-c", "-c", "-f", "/etc/syslog.conf"}, m, func() { close(ready) }, nil)
		}()
		select {
		case <-ready:
		case err := <-ended:
			t.Fatal(err)
		}
		client, err := net.Dial("unixgram", m.Socket)
		if err != nil {
			t.Fatal(err)
		}
		for _, raw := range []string{
			"<158>Nov 23 09:18:17 inn[7]: too slight", "<164>Nov 23 09:18:17 inn: not selected at all", "<156>Nov 23 09:18:17 inn[7]: a text: whole",
		} {
			if _, err := client.Write([]byte(raw)); err != nil {
				t.Fatal(err)
			}
		}
		buffer := make([]byte, 1024)
		n, _, err := sink.ReadFrom(buffer)
		if err != nil || string(buffer[:n]) != want {
			t.Errorf("got %q, %v, want %q", buffer[:n], err, want)
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		_ = client.Close()
		written, err := os.ReadFile(m.Root + "/var/log/system.log")
		if err != nil || strings.Count(string(written), "\n") != 2 || strings.Contains(string(written), "not selected") {
			t.Errorf("the file has %q, %v", written, err)
		}
	}
}

func TestWhatIsNotKnownIsRefused(t *testing.T) {
	m := machine(t, map[string]string{
		"etc/syslog.conf": "*.*\t/x\n", "bad1": "*.* |exec /x\n", "bad2": "local8.* /x\n", "bad3": "*.loud /x\n", "bad4": "!ppp\n", "bad5": "*.*\n",
	})
	for args, want := range map[string]string{
		"":                 "without -s",
		"-x":               "illegal option -- x",
		"-s extra":         "unexpected argument",
		"-s -O gelf":       `unsupported output format "gelf"`,
		"-s -b 192.0.2.1":  "-b is not built",
		"-s -f /no/such":   "no such file",
		"-s -f /bad1":      `/bad1 line 1: "*.* |exec /x" has no selector`,
		"-s -f /bad2":      `unknown facility name "local8"`,
		"-s -f /bad3":      `unknown priority name "loud"`,
		"-s -f /bad4":      `"!ppp" is not built`,
		"-s -f /bad5":      "no selector and action",
		"-s -P /run/x.pid": "",
	} {
		var said bytes.Buffer
		started := false
		status := Run(strings.Fields(args), m, func([]string) error { started = true; return nil }, &said)
		if (want == "") != (status == 0 && started) || !strings.Contains(said.String(), want) {
			t.Errorf("%q: status %d, said %q, want %q", args, status, said.String(), want)
		}
	}
}

func TestAddress(t *testing.T) {
	for in, want := range map[string]string{
		"log.lab.test": "log.lab.test:514", "192.0.2.1:1514": "192.0.2.1:1514", "[2001:db8::1]": "[2001:db8::1]:514", "[2001:db8::1]:9": "[2001:db8::1]:9",
	} {
		if got := address(in); got != want {
			t.Errorf("%s: got %s, want %s", in, got, want)
		}
	}
}

func FuzzParseRecord(f *testing.F) {
	f.Add([]byte("<156>Nov 23 09:18:17 inn[7]: x"))
	f.Add([]byte("<999>"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		r := parseRecord(raw)
		if r.facility < 0 || r.facility > 23 || r.severity < 0 || r.severity > 7 {
			t.Fatalf("got %+v", r)
		}
	})
}

func FuzzParseRule(f *testing.F) {
	f.Add("*.*;auth,mail.none", "@h")
	f.Fuzz(func(t *testing.T, selector, action string) {
		r, err := parseRule(selector, action)
		if err == nil && (r.file == "") == (r.remote == "") {
			t.Fatalf("got %+v", r)
		}
	})
}
