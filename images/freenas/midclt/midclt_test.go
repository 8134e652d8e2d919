package midclt

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"innkeeper/images/freenas/ddp"
	"innkeeper/images/freenas/middleware"
)

// daemon runs a middlewared on a root of its own; its socket's path is
// returned, and the name it last gave the kernel.
func daemon(t *testing.T) (root, socket string, kernel func() string) {
	t.Helper()
	root, err := os.MkdirTemp("", "mw") // t.TempDir is too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(root) })
	for _, dir := range []string{"data", "etc", "var/run", "var/db", "etc/local", "conf/base/etc/local", "usr/share/zoneinfo/Asia", "usr/share/zoneinfo/Etc", "usr/share/zoneinfo/America"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(root, "etc/version"), []byte("TrueNAS-13.0-U6.1 (0123abcd)\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	base := "options { use-fqdn(no); };\nfilter f_warning { level(warning..emerg); };\n"
	if err := os.WriteFile(filepath.Join(root, "conf/base/etc/local/syslog-ng.conf.freenas"), []byte(base), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, zone := range []string{"Asia/Kolkata", "America/Los_Angeles", "Etc/GMT+12", "Etc/UTC", "zone.tab"} {
		if err := os.WriteFile(filepath.Join(root, "usr/share/zoneinfo", zone), []byte("TZif of "+zone), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	names := make(chan string, 16)
	ctx, cancel := context.WithCancel(context.Background())
	server, err := middleware.New(ctx, middleware.Options{
		Root:        root,
		SetHostname: func(name string) error { names <- name; return nil },
		// A restart leaves what the daemon would then read.
		Service: func(name, action string) error {
			file, ok := map[string]string{"syslog-ng": "etc/local/syslog-ng.conf", "ntpd": "etc/ntp.conf"}[name]
			conf, err := os.ReadFile(filepath.Join(root, file))
			if err != nil || !ok || action != "restart" {
				return fmt.Errorf("%s %s: %w", name, action, err)
			}
			return os.WriteFile(filepath.Join(root, "read"), conf, 0o644)
		},
		Stack:   theStack(t),
		AskTime: func(address string) bool { return address == "ntp.lab.test" },
		Log:     slog.New(slog.DiscardHandler),
	})
	if err != nil {
		cancel()
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-served; err != nil {
			t.Errorf("the middleware ended: %v", err)
		}
	})
	socket = filepath.Join(root, ddp.Socket)
	if code, _, stderr := run(t, socket, "-t", "10", "waitready"); code != 0 {
		t.Fatalf("waitready = %d, %q", code, stderr)
	}
	return root, socket, func() string {
		select {
		case name := <-names:
			return name
		default:
			return ""
		}
	}
}

func run(t *testing.T, socket string, args ...string) (int, string, string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	var stdout, stderr bytes.Buffer
	code := Run(ctx, args, Options{Socket: socket, StartupFile: socket + ".seq", Stdout: &stdout, Stderr: &stderr})
	return code, stdout.String(), stderr.String()
}

func TestHostnameIsSetAndKept(t *testing.T) {
	root, socket, kernel := daemon(t)
	code, stdout, stderr := run(t, socket, "call", "network.configuration.update", `{"hostname":"nas1","domain":"example.net"}`)
	if code != 0 || !strings.Contains(stdout, `"hostname": "nas1", "domain": "example.net"`) {
		t.Fatalf("update = %d, %q, %q", code, stdout, stderr)
	}
	if name := kernel(); name != "nas1.example.net" {
		t.Errorf("the kernel's name = %q", name)
	}
	for path, want := range map[string]string{
		"etc/hosts":           `(?m)^127\.0\.0\.1\tnas1\.example\.net nas1$`,
		"etc/resolv.conf":     `\Adomain example\.net\nsearch example\.net\n\z`,
		"etc/rc.conf.freenas": `(?m)^hostname="nas1\.example\.net"$`,
	} {
		text, err := os.ReadFile(filepath.Join(root, path))
		if err != nil || !regexp.MustCompile(want).Match(text) {
			t.Errorf("%s = %q, %v; want %s", path, text, err, want)
		}
	}
	before, err := os.Stat(filepath.Join(root, middleware.DatabasePath))
	if err != nil {
		t.Fatal(err)
	}
	if code, _, stderr := run(t, socket, "call", "network.configuration.update", `{"hostname":"nas1"}`); code != 0 {
		t.Fatalf("the same update = %d, %q", code, stderr)
	}
	after, err := os.Stat(filepath.Join(root, middleware.DatabasePath))
	if err != nil {
		t.Fatal(err)
	}
	if !after.ModTime().Equal(before.ModTime()) || kernel() != "" {
		t.Error("an update to the same values wrote")
	}
}

func TestRefusals(t *testing.T) {
	_, socket, kernel := daemon(t)
	tests := []struct {
		args   []string
		code   int
		stdout string
		stderr string // the beginning
	}{
		{[]string{"call", "network.configuration.update", `{"hostname":"nas_1"}`}, 1, "", "[EINVAL] global_configuration_update.hostname: Does not match ^[a-z\\.\\-0-9]*[a-z0-9]$\n\n"},
		{[]string{"call", "network.configuration.update", `{"hostname":""}`}, 1, "", "[EINVAL] global_configuration_update.hostname: Does not match"},
		{[]string{"call", "network.configuration.update", `{"hostname":"a-"}`}, 1, "", "[EINVAL] global_configuration_update.hostname: Does not match"},
		{[]string{"call", "network.configuration.update", `{"domain":"ex_ample"}`}, 1, "", "[EINVAL] global_configuration_update.domain: Does not match ^[a-zA-Z\\.\\-\\0-9]+$\n"},
		{[]string{"call", "network.configuration.update", `{"hostname":null}`}, 1, "", "[hostname] null not allowed\n"},
		{[]string{"call", "network.configuration.update", `{"hostname":true}`}, 1, "", "[hostname] Not a string\n"},
		{[]string{"call", "network.configuration.update", `{"hostname_local":"x"}`}, 1, "", "[hostname_local] Field was not expected\n"},
		{[]string{"call", "network.configuration.update", `nas1`}, 1, "", "[global_configuration_update] A dict was expected\n"},
		{[]string{"call", "network.configuration.update", `{"domains":["a","b","c","d","e","f"]}`}, 1, "", "[EINVAL] global_configuration_update.domains: No more than 5"},
		{[]string{"call", "network.configuration.update", `{"nameserver1":"127.0.0.1"}`}, 1, "", "[EINVAL] global_configuration_update.nameserver1: Loopback"},
		{[]string{"call", "network.configuration.update", `{"nameserver1":"10.0.0.300"}`}, 1, "", "[nameserver1] '10.0.0.300' does not appear"},
		{[]string{"call", "network.nothing.config"}, 1, "", "[ENOMETHOD] Service 'network.nothing' not found\n"},
		{[]string{"call", "network.configuration.nothing"}, 1, "", "[ENOMETHOD] Method 'nothing' not found in 'network.configuration'\n"},
		{[]string{"call", "nothing"}, 1, "", "[EBADMSG] Invalid method name\n"},
		{[]string{"call", "initshutdownscript.get_instance", "7"}, 1, "", "[ENOENT] None: InitShutdownScript 7 does not exist\n"},
		{[]string{"call", "initshutdownscript.create", `{"type":"COMMAND","when":"POSTINIT"}`}, 1, "", "[EINVAL] init_shutdown_script_create.command: This field is required\n"},
		{[]string{"call", "initshutdownscript.create", `{"type":"command","when":"POSTINIT"}`}, 1, "", "[type] Invalid choice: command\n"},
		{[]string{"call", "initshutdownscript.create", `{"command":"true","when":"POSTINIT"}`}, 1, "", "[type] attribute required\n"},
		{[]string{"call", "system.advanced.update", `{"syslogserver":"[::1]:514"}`}, 1, "", "[EINVAL] advanced_settings_update.syslogserver: Invalid syslog server format\n"},
		{[]string{"call", "system.advanced.update", `{"syslogserver":"log:65536"}`}, 1, "", "[EINVAL] advanced_settings_update.syslogserver: Port must be in the range of 0 to 65535.\n"},
		{[]string{"call", "system.advanced.update", `{"syslogserver":"log","syslog_transport":"TLS"}`}, 1, "", "[EINVAL] advanced_settings_update.syslog_tls_certificate_authority: This is required when using TLS as syslog transport\n[EINVAL] advanced_settings_update.syslog_tls_certificate_authority: Unable to locate specified CA\n"},
		{[]string{"call", "system.advanced.update", `{"syslog_transport":"udp"}`}, 1, "", "[syslog_transport] Invalid choice: udp\n"},
		{[]string{"call", "system.advanced.update", `{"motd":"x"}`}, 1, "", "[EFAULT] lookalike: a change of motd is not built\n"},
		{[]string{"call", "service.restart", "ssh"}, 1, "", "[EFAULT] lookalike: service.restart ssh is not built\n"},
		{[]string{"-q", "call", "nothing"}, 1, "", ""},
		{[]string{"-U", "root", "-P", "wrong", "call", "core.ping"}, 0, "Failed to login:  Invalid username or password\n", ""},
		{nil, 0, "", ""},
		{[]string{"call"}, 2, "", "usage: midclt call"},
		{[]string{"fly"}, 2, "", "usage: midclt"},
		{[]string{"-t", "x", "ping"}, 2, "", "usage: midclt"},
		{[]string{"sql", "SELECT 1"}, 64, "", "midclt: sql is not built"},
	}
	for _, test := range tests {
		code, stdout, stderr := run(t, socket, test.args...)
		if code != test.code || stdout != test.stdout || !strings.HasPrefix(stderr, test.stderr) || (test.stderr == "") != (stderr == "") {
			t.Errorf("midclt %q = %d, %q, %q; want %d, %q, %q", test.args, code, stdout, stderr, test.code, test.stdout, test.stderr)
		}
	}
	if name := kernel(); name != "" {
		t.Errorf("a refused update named the kernel %q", name)
	}
	if _, stdout, _ := run(t, socket, "call", "network.configuration.config"); !strings.Contains(stdout, `"hostname": "truenas", "domain": "local"`) {
		t.Errorf("a refused update changed the configuration: %s", stdout)
	}
}

// The rendered lines are those of the vendor's example (etc_files/syslogd.py).
func TestSyslogIsRenderedAndRead(t *testing.T) {
	root, socket, _ := daemon(t)
	read := func() string {
		b, err := os.ReadFile(filepath.Join(root, "read"))
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	code, stdout, stderr := run(t, socket, "call", "system.advanced.update", `{"syslogserver":"log.example.net:6514","syslog_transport":"TCP","sysloglevel":"F_WARNING","fqdn_syslog":true}`)
	if code != 0 || !strings.Contains(stdout, `"sysloglevel": "F_WARNING", "syslogserver": "log.example.net:6514", "syslog_transport": "TCP", "syslog_tls_certificate": null`) {
		t.Fatalf("update = %d, %q, %q", code, stdout, stderr)
	}
	want := "options { use-fqdn(yes); };\nfilter f_warning { level(warning..emerg); };\n" +
		"destination loghost { tcp(\"log.example.net\" port(6514) localport(514)); };\n" +
		"log { source(src); filter(f_warning);destination(loghost); };\n"
	if got := read(); got != want {
		t.Errorf("syslog-ng.conf is %q, want %q", got, want)
	}
	if err := os.Remove(filepath.Join(root, "read")); err != nil {
		t.Fatal(err)
	}
	if code, _, stderr := run(t, socket, "call", "system.advanced.update", `{"syslogserver":"log.example.net:6514"}`); code != 0 {
		t.Fatalf("the same update = %d, %q", code, stderr)
	}
	if _, err := os.Stat(filepath.Join(root, "read")); err == nil {
		t.Error("an update to the same values restarted syslog-ng")
	}
	if code, stdout, _ := run(t, socket, "call", "service.restart", "syslogd"); code != 0 || stdout != "True\n" || read() != want {
		t.Errorf("service.restart = %d, %q", code, stdout)
	}
	if code, _, _ := run(t, socket, "call", "system.advanced.update", `{"syslogserver":""}`); code != 0 || strings.Contains(read(), "loghost") {
		t.Errorf("taking the server away = %d, left %q", code, read())
	}
}

func TestNumbersAreNames(t *testing.T) {
	_, socket, kernel := daemon(t)
	if code, _, stderr := run(t, socket, "call", "network.configuration.update", `{"hostname":123,"domain":"a b/c"}`); code != 0 {
		t.Fatalf("update = %d, %q", code, stderr)
	}
	if name := kernel(); name != "123.a b/c" { // the domain's pattern lets blanks pass
		t.Errorf("the kernel's name = %q", name)
	}
}

func TestAnswersAsPythonPrintsThem(t *testing.T) {
	_, socket, _ := daemon(t)
	for method, want := range map[string]string{
		"core.ping":                "pong\n",
		"system.version":           "TrueNAS-13.0-U6.1\n",
		"system.product_type":      "CORE\n",
		"dns.sync":                 "null\n",
		"initshutdownscript.query": "[]\n",
	} {
		if code, stdout, stderr := run(t, socket, "call", method); code != 0 || stdout != want {
			t.Errorf("%s = %d, %q, %q", method, code, stdout, stderr)
		}
	}
	if code, _, _ := run(t, socket, "ping"); code != 0 {
		t.Errorf("ping = %d", code)
	}
	if code, stdout, _ := run(t, socket, "call", "initshutdownscript.delete", "1"); code != 0 || stdout != "True\n" {
		t.Errorf("delete of what is not there = %d, %q", code, stdout)
	}
	code, stdout, _ := run(t, socket, "call", "core.get_methods", "network.configuration")
	if code != 0 || !strings.Contains(stdout, `"network.configuration.update": {`) || strings.Contains(stdout, "core.ping") {
		t.Errorf("get_methods = %d, %q", code, stdout)
	}
}

func TestInitTasks(t *testing.T) {
	root, socket, _ := daemon(t)
	out := filepath.Join(root, "out")
	create := func(command string, rest string) {
		t.Helper()
		argument := `{"type":"COMMAND","when":"POSTINIT","command":"` + command + `"` + rest + `}`
		if code, _, stderr := run(t, socket, "call", "initshutdownscript.create", argument); code != 0 {
			t.Fatalf("create = %d, %q", code, stderr)
		}
	}
	create("echo one >> "+out, `,"comment":"first"`)
	create("echo off >> "+out, `,"enabled":false`)
	create("sleep 300; echo late >> "+out, `,"timeout":1`)
	create("echo two >> "+out, "")
	if code, stdout, _ := run(t, socket, "call", "initshutdownscript.query", `[["comment","=","first"]]`); code != 0 || !strings.HasPrefix(stdout, `[{"id": 1, "type": "COMMAND", "command": "echo one`) {
		t.Errorf("query = %d, %q", code, stdout)
	}
	start := time.Now()
	if code, _, stderr := run(t, socket, "call", "-job", "initshutdownscript.execute_init_tasks", "POSTINIT"); code != 0 {
		t.Fatalf("execute_init_tasks = %d, %q", code, stderr)
	}
	if text, err := os.ReadFile(out); err != nil || string(text) != "one\ntwo\n" {
		t.Errorf("the tasks wrote %q, %v", text, err)
	}
	if took := time.Since(start); took < time.Second || took > 2*time.Minute {
		t.Errorf("the tasks took %v; one of them had to be given up after 1 s", took)
	}
	if code, stdout, stderr := run(t, socket, "call", "initshutdownscript.update", "1", `{"enabled":false}`); code != 0 || !strings.Contains(stdout, `"enabled": false`) || !strings.Contains(stdout, "echo one") {
		t.Errorf("update = %d, %q, %q", code, stdout, stderr)
	}
	if code, stdout, _ := run(t, socket, "call", "initshutdownscript.query", `[["enabled","=",true]]`, `{"count":true}`); code != 0 || stdout != "2\n" {
		t.Errorf("count = %d, %q", code, stdout)
	}
}

func TestWithoutDaemon(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "none.sock")
	if code, _, stderr := run(t, socket, "call", "core.ping"); code != 1 || stderr != "Failed to run middleware call. Daemon not running?\n" {
		t.Errorf("call = %d, %q", code, stderr)
	}
	if code, stdout, _ := run(t, socket, "-t", "1", "waitready"); code != 1 || stdout != "Middleware startup is idle for more than 1 seconds\n" {
		t.Errorf("waitready = %d, %q", code, stdout)
	}
}

func TestShow(t *testing.T) {
	for in, want := range map[string]string{
		`"text"`:                       "text",
		`12`:                           "12",
		`true`:                         "True",
		`null`:                         "null",
		`{"b":1,"a":[true,null,"é😀"]}`: `{"b": 1, "a": [true, null, "\u00e9\ud83d\ude00"]}`,
		`[]`:                           "[]",
	} {
		if got, err := show([]byte(in)); err != nil || got != want {
			t.Errorf("show(%s) = %s, %v; want %s", in, got, err, want)
		}
	}
}
