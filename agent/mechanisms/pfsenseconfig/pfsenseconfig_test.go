package pfsenseconfig

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"innkeeper/agent/guest"
	"innkeeper/agent/guest/guesttest"
)

// appliance runs the scripts in a real PHP over the few functions in testdata.
type appliance struct {
	guest.Machine
	t           *testing.T
	php, config string
	paths       string
	write       string
}

func (a *appliance) Run(ctx context.Context, c guest.Command) (guest.Result, error) {
	inc, err := filepath.Abs("testdata/inc")
	if err != nil {
		a.t.Fatal(err)
	}
	if c.Path != PHP || len(c.Args) > 0 {
		a.t.Fatalf("ran %s", c)
	}
	c.Path, c.Args = a.php, []string{"-d", "include_path=" + inc, "-d", "display_errors=1", "-d", "error_reporting=-1"}
	c.Env = []string{"CONFIG=" + a.config, "PATHS=" + a.paths, "WRITE=" + a.write}
	return a.Machine.Run(ctx, c)
}

func (a *appliance) has(t *testing.T, want string) {
	t.Helper()
	b, err := os.ReadFile(a.config)
	if err != nil || string(b) != want {
		t.Errorf("the configuration is %s (%v), want %s", b, err, want)
	}
}

// log is what was done since the last call.
func (a *appliance) log() string {
	b, err := os.ReadFile(a.config + ".log")
	if err != nil {
		return ""
	}
	if err := os.Remove(a.config + ".log"); err != nil {
		a.t.Fatal(err)
	}
	return strings.ReplaceAll(strings.TrimSpace(string(b)), "\n", ", ")
}

// each runs a test on the three generations of pfSense's functions.
func each(t *testing.T, config string, test func(t *testing.T, a *appliance)) {
	php, err := exec.LookPath("php")
	if err != nil {
		t.Fatal("no php here: apt-get install php-cli php-xml, or 'matrix doctor --fix'")
	}
	for release, paths := range map[string]string{"2.6": "0", "2.7": "1", "2.8": "2"} {
		t.Run(release, func(t *testing.T) {
			a := &appliance{Machine: guest.Local(), t: t, php: php, paths: paths, config: filepath.Join(t.TempDir(), "config")}
			if err := os.WriteFile(a.config, []byte(config), 0o600); err != nil {
				t.Fatal(err)
			}
			test(t, a)
		})
	}
}

const before = `{"system":{"hostname":"pfSense","domain":"home.arpa","timezone":"Etc\/UTC"},"unbound":{"enable":""}}`

func TestNames(t *testing.T) {
	each(t, before, func(t *testing.T, a *appliance) {
		n, _, err := ReadNames(t.Context(), a)
		if err != nil || n != (Names{"pfSense", "home.arpa"}) {
			t.Fatalf("got %+v, %v", n, err)
		}
		if log := a.log(); log != "" {
			t.Errorf("reading did %s", log)
		}
		want := Names{"fw1", "lab.test"}
		if err := SetNames(t.Context(), a, want, &n, true); err != nil {
			t.Fatal(err)
		}
		a.has(t, strings.NewReplacer("pfSense", "fw1", "home.arpa", "lab.test").Replace(before))
		applied := "system_hostname_configure, system_hosts_generate, system_resolvconf_generate, services_unbound_configure, filter_configure, system_syslogd_start sighup"
		if log := a.log(); log != "write_config guestd: host name fw1.lab.test, "+applied {
			t.Errorf("it did %s", log)
		}
		if err := SetNames(t.Context(), a, want, nil, true); err != nil {
			t.Fatal(err)
		}
		if log := a.log(); log != applied {
			t.Errorf("the same names again did %s", log)
		}
	})
}

func TestNamesRefused(t *testing.T) {
	each(t, before, func(t *testing.T, a *appliance) {
		refused := func(err error, code, text string) {
			t.Helper()
			var r *Refusal
			if !errors.As(err, &r) || r.Code != code || !strings.Contains(r.Message, text) {
				t.Errorf("got %v, want %s with %q", err, code, text)
			}
			a.has(t, before)
		}
		refused(SetNames(t.Context(), a, Names{"a.b", "c"}, nil, true), "hostname", `"a.b"`)
		refused(SetNames(t.Context(), a, Names{"a", "b c"}, nil, true), "domain", `"b c"`)
		refused(SetNames(t.Context(), a, Names{"a", "b"}, &Names{"other", "name"}, true), "busy", "changed to pfSense.home.arpa")
		if log := a.log(); log != "" {
			t.Errorf("a refusal did %s", log)
		}
		a.write = "false"
		refused(SetNames(t.Context(), a, Names{"a", "b"}, nil, true), "failed", "gave false")
		a.write = "-1"
		refused(SetNames(t.Context(), a, Names{"a", "b"}, nil, true), "failed", "gave -1")
		if log := a.log(); strings.Contains(log, "configure") {
			t.Errorf("what was not saved was applied: %s", log)
		}
	})
}

func TestShellcmd(t *testing.T) {
	each(t, `{"system":{"hostname":"x","shellcmd":["echo hello","\/x\/guestd old"]}}`, func(t *testing.T, a *appliance) {
		set := func(command string, changed bool, want string) {
			t.Helper()
			got, err := SetShellcmd(t.Context(), a, "/x/guestd", command)
			if err != nil || got != changed {
				t.Errorf("got %v, %v, want %v", got, err, changed)
			}
			a.has(t, `{"system":{"hostname":"x","shellcmd":[`+want+`]}}`)
			if log := a.log(); (log != "") != changed {
				t.Errorf("it did %q", log)
			}
		}
		set("/x/guestd new", true, `"echo hello","\/x\/guestd new"`)
		set("/x/guestd new", false, `"echo hello","\/x\/guestd new"`)
		set("", true, `"echo hello"`)
		set("", false, `"echo hello"`)
	})
}

func TestPHPThatFails(t *testing.T) {
	for name, c := range map[string]struct {
		result guest.Result
		want   string
	}{
		"a fatal error":  {guest.Result{ExitCode: 255, Stdout: []byte("\nPHP Fatal error:  Uncaught Error in config.inc\n")}, "exit status 255: PHP Fatal error"},
		"no answer":      {guest.Result{Stdout: []byte("Config.xml is corrupted")}, `last output was "Config.xml is corrupted"`},
		"half an answer": {guest.Result{Stdout: []byte(mark + `{"names":`)}, "read the answer"},
	} {
		t.Run(name, func(t *testing.T) {
			m := guesttest.New(nil).On(PHP, c.result)
			if _, _, err := ReadNames(t.Context(), m); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func FuzzFind(f *testing.F) {
	f.Add([]byte("x\n" + mark + "{}\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if answer, err := find(b); err == nil && !strings.Contains(string(b), mark+string(answer)) {
			t.Fatalf("%q gives %q", b, answer)
		}
	})
}
