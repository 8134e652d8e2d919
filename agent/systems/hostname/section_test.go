package hostname_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"innkeeper/agent/state"
	"innkeeper/agent/systems/hostname"
	"innkeeper/agent/systems/section"
)

var inn = json.RawMessage(`{"name":"inn","domain":"lab.test"}`)

func plan(t *testing.T, m *machine) section.Plan {
	t.Helper()
	p, err := m.section.Plan(t.Context(), m.fake, inn)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestApplyRestoreAndAgain(t *testing.T) {
	for name, make := range systems {
		t.Run(name, func(t *testing.T) {
			m := make(t)
			before := m.show()
			p := plan(t, m)
			if len(p.Changes) == 0 || p.Checkpoint == nil {
				t.Fatalf("nothing is planned: %+v", p)
			}
			if m.show() != before {
				t.Fatalf("the plan changed the machine:\n%s\nwas\n%s", m.show(), before)
			}
			if err := m.section.Apply(t.Context(), m.fake, inn, p); err != nil {
				t.Fatal(err)
			}
			if m.live() != m.want {
				t.Errorf("it goes by %q, want %q", m.live(), m.want)
			}
			m.fake.Forget()
			writes := m.writes()
			second := plan(t, m)
			if len(second.Changes) != 0 || second.Checkpoint != nil {
				t.Errorf("a second plan has %+v", second.Changes)
			}
			var is hostname.Actual
			if err := json.Unmarshal(second.Actual, &is); err != nil || is.Name != "inn" || is.Domain != "lab.test" {
				t.Errorf("reported is %s (%v)", second.Actual, err)
			}
			m.fake.Forget()
			if err := m.section.Apply(t.Context(), m.fake, inn, second); err != nil {
				t.Fatal(err)
			}
			if reads := len(m.fake.Ran()); m.writes()-writes > reads {
				t.Errorf("an unchanged section wrote: %v", m.fake.Writes())
			}
			for range 2 {
				if err := m.section.Restore(t.Context(), m.fake, p.Checkpoint); err != nil {
					t.Fatal(err)
				}
				if m.show() != before {
					t.Fatalf("restored is\n%s\nwas\n%s", m.show(), before)
				}
			}
			if again := plan(t, m); len(again.Changes) != len(p.Changes) {
				t.Errorf("after the restore %d changes are planned, before it were %d", len(again.Changes), len(p.Changes))
			}
		})
	}
}

// Whatever call of an apply fails, before or after it had its effect, and
// whatever call of the restore after it, a restore to the end brings all back.
func TestPowerLossAtEachCall(t *testing.T) {
	for name, make := range systems {
		t.Run(name, func(t *testing.T) {
			for _, after := range []bool{false, true} {
				for at := 1; ; at++ {
					m := make(t)
					before := m.show()
					p := plan(t, m)
					m.faults.set(at, after)
					err := m.section.Apply(t.Context(), faulty{m.fake, m.faults}, inn, p)
					ended := !m.faults.hit()
					if (err == nil) != ended {
						t.Fatalf("call %d: apply gave %v", at, err)
					}
					for second := 1; ; second++ {
						m.faults.set(second, after)
						err := m.section.Restore(t.Context(), faulty{m.fake, m.faults}, p.Checkpoint)
						if !m.faults.hit() {
							if err != nil {
								t.Fatalf("call %d: restore gave %v", at, err)
							}
							break
						}
					}
					m.faults.set(0, false)
					if m.show() != before {
						t.Fatalf("after a loss at call %d (after %v) restored is\n%s\nwas\n%s", at, after, m.show(), before)
					}
					if ended {
						break
					}
				}
			}
		})
	}
}

func TestInvalidIsRefusedOnEverySystem(t *testing.T) {
	for name, make := range systems {
		t.Run(name, func(t *testing.T) {
			m := make(t)
			before := m.show()
			for desired, path := range map[string]string{
				`{"name":"under_score"}`:       "hostname.name",
				`{"name":"a","domain":"b..c"}`: "hostname.domain",
				`{"name":"a","colour":1}`:      "hostname.colour",
				`{}`:                           "hostname.name",
			} {
				_, err := m.section.Plan(t.Context(), m.fake, json.RawMessage(desired))
				expect(t, err, section.Invalid, path)
				err = m.section.Apply(t.Context(), m.fake, json.RawMessage(desired), section.Plan{})
				expect(t, err, section.Invalid, path)
			}
			if m.show() != before {
				t.Errorf("a refused value changed the machine to\n%s", m.show())
			}
		})
	}
}

func expect(t *testing.T, err error, code section.Code, path string) {
	t.Helper()
	var typed *section.Error
	if !errors.As(err, &typed) || typed.Code != code || typed.Path != path {
		t.Errorf("got %v (%#v), want %s of %s", err, err, code, path)
	}
}

func TestLimits(t *testing.T) {
	long := strings.Repeat("a", 16)
	deep := strings.TrimSuffix(strings.Repeat(strings.Repeat("b", 20)+".", 4), ".")
	for name, c := range map[string]struct {
		system  string
		desired state.Hostname
		path    string
	}{
		"more than NetBIOS holds":  {"windows", state.Hostname{Name: long}, "hostname.name"},
		"digits only":              {"windows", state.Hostname{Name: "2025"}, "hostname.name"},
		"no domain on TrueNAS":     {"freenas", state.Hostname{Name: "a"}, "hostname.domain"},
		"no domain on pfSense":     {"pfsense", state.Hostname{Name: "a"}, "hostname.domain"},
		"more than Linux holds":    {"centos", state.Hostname{Name: "a", Domain: deep}, "hostname.domain"},
		"more than openfiler sees": {"openfiler", state.Hostname{Name: "a", Domain: deep}, "hostname.domain"},
	} {
		t.Run(name, func(t *testing.T) {
			m := systems[c.system](t)
			desired, err := json.Marshal(c.desired)
			if err != nil {
				t.Fatal(err)
			}
			_, err = m.section.Plan(t.Context(), m.fake, desired)
			expect(t, err, section.Unsupported, c.path)
		})
	}
	m := ubuntu(t)
	desired, err := json.Marshal(state.Hostname{Name: strings.Repeat("a", 63), Domain: deep})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.section.Plan(t.Context(), m.fake, desired); err != nil {
		t.Errorf("ubuntu gives the kernel the short name, but: %v", err)
	}
}

func TestWhatAnotherChangedBetweenIsNotOverwritten(t *testing.T) {
	m := ubuntu(t)
	p := plan(t, m)
	m.fake.Put("/etc/hostname", "admin\n")
	expect(t, m.section.Apply(t.Context(), m.fake, inn, p), section.Busy, "hostname")
	if got := m.fake.Content("/etc/hostname"); got != "admin\n" {
		t.Errorf("the file holds %q", got)
	}
}

func TestUbuntuFiles(t *testing.T) {
	m := ubuntu(t)
	if err := m.section.Apply(t.Context(), m.fake, inn, plan(t, m)); err != nil {
		t.Fatal(err)
	}
	if got := m.fake.Content("/etc/hosts"); !strings.Contains(got, "\n127.0.1.1 inn.lab.test inn\n") ||
		strings.Contains(got, "old") || !strings.Contains(got, "192.0.2.7 printer\n") {
		t.Errorf("/etc/hosts is\n%s", got)
	}
	if got := m.fake.Content("/etc/cloud/cloud.cfg.d/99-guestd-hostname.cfg"); !strings.Contains(got, "preserve_hostname: true") {
		t.Errorf("cloud-init is told %q", got)
	}
	none := ubuntuWithoutName(t)
	if err := none.section.Apply(t.Context(), none.fake, inn, plan(t, none)); err != nil {
		t.Fatal(err)
	}
	if none.fake.Exists("/etc/cloud/cloud.cfg.d/99-guestd-hostname.cfg") {
		t.Error("a drop-in was written for a cloud-init that is not there")
	}
}

func TestAKernelNameOfItsOwnIsFound(t *testing.T) {
	m := centos(t)
	if err := m.section.Apply(t.Context(), m.fake, inn, plan(t, m)); err != nil {
		t.Fatal(err)
	}
	m.fake.Put(kernelFile, "drifted\n")
	p := plan(t, m)
	if len(p.Changes) != 1 || p.Changes[0].Command != "/bin/hostname inn.lab.test" {
		t.Fatalf("planned is %+v", p.Changes)
	}
	if err := m.section.Apply(t.Context(), m.fake, inn, p); err != nil || m.live() != "inn.lab.test" {
		t.Errorf("%v, it goes by %q", err, m.live())
	}
}

func TestPfSenseWaitsForAnAdministrator(t *testing.T) {
	m, p := pfsenseWith(t)
	p.dirty = []string{"interfaces"}
	_, err := m.section.Plan(t.Context(), m.fake, inn)
	expect(t, err, section.Busy, "hostname")
	if err == nil || !strings.Contains(err.Error(), "interfaces") {
		t.Errorf("what waits is not named: %v", err)
	}
	p.dirty = nil
	pl := plan(t, m)
	p.dirty = []string{"filter"}
	expect(t, m.section.Apply(t.Context(), m.fake, inn, pl), section.Busy, "hostname")
	p.dirty = nil
	p.fail = "write_config gave -1"
	if err := m.section.Apply(t.Context(), m.fake, inn, pl); err == nil || !strings.Contains(err.Error(), "write_config gave -1") {
		t.Errorf("got %v", err)
	}
	p.fail = ""
	if err := m.section.Apply(t.Context(), m.fake, inn, pl); err != nil {
		t.Fatal(err)
	}
	p.dirty = []string{"filter"}
	if err := m.section.Restore(t.Context(), m.fake, pl.Checkpoint); err != nil {
		t.Errorf("an undo must not wait: %v", err)
	}
	p.dirty = nil
	if err := m.section.Apply(t.Context(), m.fake, inn, plan(t, m)); err != nil {
		t.Fatal(err)
	}
	p.dirty = []string{"filter"}
	if got := plan(t, m); len(got.Changes) != 0 {
		t.Errorf("in sync, whatever waits: %+v", got)
	}
}

func TestWindowsTellsThatARestartIsNeeded(t *testing.T) {
	r := newRegistry("NV ")
	m := windowsWith(r)
	if err := m.section.Apply(t.Context(), m.fake, inn, plan(t, m)); err != nil {
		t.Fatal(err)
	}
	pending := func() bool {
		var is hostname.Actual
		if err := json.Unmarshal(plan(t, m).Actual, &is); err != nil {
			t.Fatal(err)
		}
		return is.RebootPending
	}
	if !pending() {
		t.Error("no restart is pending after the change")
	}
	r.values[parameters+`\Hostname`], r.values[parameters+`\Domain`] = "inn", "lab.test"
	r.values[computer+`ActiveComputerName\ComputerName`] = "INN"
	if pending() {
		t.Error("a restart is pending after the restart")
	}
	r.lie = true
	p, err := m.section.Plan(t.Context(), m.fake, json.RawMessage(`{"name":"other"}`))
	if err != nil {
		t.Fatal(err)
	}
	if err := m.section.Apply(t.Context(), m.fake, json.RawMessage(`{"name":"other"}`), p); err == nil || !strings.Contains(err.Error(), "registry holds") {
		t.Errorf("a false success was believed: %v", err)
	}
}

func TestForeignCheckpoints(t *testing.T) {
	m := ubuntu(t)
	before := m.show()
	for raw, want := range map[string]string{
		``: "read the checkpoint", `{"format":2}`: "format 2", `{"format":1,"places":{"elsewhere":"x"}}`: "1 places, of which this version of guestd knows 0",
	} {
		if err := m.section.Restore(t.Context(), m.fake, json.RawMessage(raw)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q gave %v, want %q", raw, err, want)
		}
	}
	if m.show() != before {
		t.Error("a checkpoint that cannot be read changed the machine")
	}
}

func TestRestoreGoesOnPastAFailure(t *testing.T) {
	m := ubuntu(t)
	before := m.show()
	p := plan(t, m)
	if err := m.section.Apply(t.Context(), m.fake, inn, p); err != nil {
		t.Fatal(err)
	}
	m.fake.Before = func(call, on string) error {
		if call == "Run" && strings.HasPrefix(on, "hostnamectl") {
			return errPower // hostnamed does not run this early
		}
		return nil
	}
	if err := m.section.Restore(t.Context(), m.fake, p.Checkpoint); err != nil {
		t.Errorf("without hostnamed: %v", err)
	}
	if m.show() != before {
		t.Errorf("restored without hostnamed is\n%s\nwas\n%s", m.show(), before)
	}
}

func TestDescribe(t *testing.T) {
	for name, make := range systems {
		d := make(t).section.Describe()
		if len(d.Sections) != 1 || d.Sections[0] != "hostname" || !json.Valid(d.Schema) || d.MayCutOff {
			t.Errorf("%s: %+v", name, d)
		}
	}
}

func FuzzRestore(f *testing.F) {
	f.Add([]byte(`{"format":1,"places":{"/etc/hosts":null,"kernel":"a"}}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		m := linux(hostname.SystemdShort(), "", map[string]string{kernelFile: "a\n", "/etc/hosts": "x\n"})
		_ = m.section.Restore(t.Context(), m.fake, raw)
	})
}
