package clock_test

import (
	"cmp"
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"innkeeper/agent/guest"
	"innkeeper/agent/state"
	"innkeeper/agent/systems/section"
	"innkeeper/agent/systems/sectiontest"
)

var machines = map[string]func(*testing.T) *machine{
	"ubuntu":             ubuntu,
	"ubuntu with chrony": ubuntuWithChrony,
	"centos":             centos,
	"openfiler":          openfiler,
	"pfsense":            pfsense,
	"freenas":            freenas,
	"windows":            windows,
}

func plan(t *testing.T, m *machine, desired state.Time) section.Plan {
	t.Helper()
	return sectiontest.Plan(t, m.section, m.fake, desired)
}

func apply(t *testing.T, m *machine, desired state.Time, p section.Plan) {
	t.Helper()
	sectiontest.Apply(t, m.section, m.fake, desired, p)
}

func each(t *testing.T, do func(t *testing.T, m *machine)) {
	for name, make := range machines {
		t.Run(name, func(t *testing.T) { do(t, make(t)) })
	}
}

// eachWithServers leaves the systems out whose NTP servers are not set.
func eachWithServers(t *testing.T, do func(t *testing.T, m *machine)) {
	each(t, func(t *testing.T, m *machine) {
		if m.service != "" {
			do(t, m)
		}
	})
}

func actual(t *testing.T, p section.Plan) state.TimeActual {
	t.Helper()
	var a state.TimeActual
	if err := json.Unmarshal(p.Actual, &a); err != nil {
		t.Fatal(err)
	}
	return a
}

// What was applied is there, is read back as it was chosen, and is not written
// again; without servers the system's own are followed again.
func TestPlanApplyPlan(t *testing.T) {
	each(t, func(t *testing.T, m *machine) {
		live := m.live
		first := plan(t, m, m.wants)
		if len(first.Changes) == 0 || len(first.Checkpoint) == 0 {
			t.Fatalf("too little to change: %+v", first)
		}
		if writes := m.fake.Writes(); len(writes) > 0 {
			t.Fatalf("the plan wrote %v", writes)
		}
		apply(t, m, m.wants, first)
		if m.service != "" && !strings.Contains(m.live, "ntp.example") {
			t.Errorf("the daemon has read %q", m.live)
		}
		second := plan(t, m, m.wants)
		if len(second.Changes) > 0 || len(second.Checkpoint) > 0 {
			t.Errorf("after it was applied there is left: %+v", second.Changes)
		}
		if a := actual(t, second); !reflect.DeepEqual(a, m.reports) {
			t.Errorf("it reports %+v, want %+v", a, m.reports)
		}
		m.fake.Forget()
		apply(t, m, m.wants, second)
		if writes := m.fake.Writes(); len(writes) > 0 {
			t.Errorf("the same again wrote %v", writes)
		}
		apply(t, m, state.Time{}, plan(t, m, state.Time{}))
		last := plan(t, m, state.Time{})
		if a := actual(t, last); len(last.Changes) > 0 || a.Zone != m.wants.Zone || len(a.Servers) > 0 || a.Correction != "" {
			t.Errorf("after nothing was chosen there is %+v, and left %+v", a, last.Changes)
		}
		if strings.TrimSpace(m.live) != strings.TrimSpace(live) {
			t.Errorf("the daemon has read\n%s\nwant\n%s", m.live, live)
		}
	})
}

func TestRestoreAfterAPowerCutAtEveryCall(t *testing.T) {
	each(t, func(t *testing.T, m *machine) {
		subject := sectiontest.Subject{Section: m.section, Machine: m.fake, Show: m.show, Dying: &m.dying}
		subject.RestoresAtEveryCall(t, m.wants, 2)
	})
}

func TestAZoneAloneLeavesTheDaemonAlone(t *testing.T) {
	eachWithServers(t, func(t *testing.T, m *machine) {
		m.stopped = true
		zone := state.Time{Zone: "Asia/Kolkata"}
		apply(t, m, zone, plan(t, m, zone))
		if !m.stopped && !m.always {
			t.Error("the daemon was started")
		}
		m.stopped = true
		a := actual(t, plan(t, m, zone))
		if a.Zone != "Asia/Kolkata" || a.Source != "" || a.OffsetSeconds != nil {
			t.Errorf("it reports %+v", a)
		}
	})
}

func TestAZoneSetByHandIsFound(t *testing.T) {
	eachWithServers(t, func(t *testing.T, m *machine) {
		apply(t, m, m.wants, plan(t, m, m.wants))
		if m.setZone == nil {
			m.fake.PutLink("/etc/localtime", "/usr/share/zoneinfo/Europe/Rome")
		} else {
			m.setZone("Europe/Rome")
		}
		p := plan(t, m, m.wants)
		if len(p.Changes) == 0 || !strings.Contains(p.Changes[0].Summary, cmp.Or(m.handSays, "zone from Europe/Rome to Asia/Kolkata")) {
			t.Fatalf("got %+v", p.Changes)
		}
		if a := actual(t, p); a.Zone != cmp.Or(m.alike, "Europe/Rome") {
			t.Errorf("it reports %+v", a)
		}
	})
}

func TestACopiedZoneSetByHandIsFound(t *testing.T) {
	m := openfiler(t)
	apply(t, m, m.wants, plan(t, m, m.wants))
	m.fake.Put("/etc/localtime", "TZif of Europe/Rome")
	p := plan(t, m, m.wants)
	if len(p.Changes) != 1 || actual(t, p).Zone != "" {
		t.Fatalf("got %+v, %s", p.Changes, p.Actual)
	}
	m.fake.PutLink("/etc/localtime", "/usr/share/zoneinfo/Asia/Kolkata")
	if p := plan(t, m, m.wants); len(p.Changes) != 0 || actual(t, p).Zone != "Asia/Kolkata" {
		t.Errorf("a link: got %+v, %s", p.Changes, p.Actual)
	}
	if clock := m.fake.Content("/etc/sysconfig/clock"); clock != "ZONE=\"Asia/Kolkata\"\nUTC=true\nARC=false\n" {
		t.Errorf("the other lines: %q", clock)
	}
}

func TestAStoppedDaemonIsStarted(t *testing.T) {
	eachWithServers(t, func(t *testing.T, m *machine) {
		apply(t, m, m.wants, plan(t, m, m.wants))
		m.stopped = true
		p := plan(t, m, m.wants)
		if len(p.Changes) != 1 || p.Changes[0].Summary != "start "+m.service {
			t.Fatalf("got %+v", p.Changes)
		}
		apply(t, m, m.wants, p)
		if m.stopped {
			t.Error("it was not started")
		}
	})
}

func TestSomeoneElsesChangeIsBusy(t *testing.T) {
	m := centos(t)
	p := plan(t, m, m.wants)
	m.fake.PutLink("/etc/localtime", "/usr/share/zoneinfo/Europe/Rome")
	err := m.section.Apply(t.Context(), m.fake, sectiontest.Encode(t, m.wants), p)
	sectiontest.ExpectError(t, err, section.Busy, "time", "/etc/localtime was changed")
}

func TestADaemonThatDoesNotTakeItsConfigurationFailsTheChange(t *testing.T) {
	m := centos(t)
	p := plan(t, m, m.wants)
	m.fake.On("systemctl restart chronyd.service", guest.Result{ExitCode: 1, Stderr: []byte("Job for chronyd.service failed\n")})
	err := m.section.Apply(t.Context(), m.fake, sectiontest.Encode(t, m.wants), p)
	if err == nil || !strings.Contains(err.Error(), "Job for chronyd.service failed") {
		t.Errorf("got %v", err)
	}
}

func TestAZoneTheMachineDoesNotKnowIsSaidBefore(t *testing.T) {
	each(t, func(t *testing.T, m *machine) {
		_, err := m.section.Plan(t.Context(), m.fake, sectiontest.Encode(t, state.Time{Zone: "Mars/Olympus"}))
		sectiontest.ExpectError(t, err, section.Invalid, "time.zone", `"Mars/Olympus" is not a zone that this machine knows`)
	})
}

func TestWhatAMachineCannotDoIsSaidBefore(t *testing.T) {
	m := ubuntu(t)
	for where, m := range map[string]*machine{"pfSense has no setting": pfsense(t)} {
		_, err := m.section.Plan(t.Context(), m.fake, sectiontest.Encode(t, state.Time{Servers: []string{"a"}, Correction: "step"}))
		sectiontest.ExpectError(t, err, section.Unsupported, "time.correction", where)
	}
	_, err := m.section.Plan(t.Context(), m.fake, sectiontest.Encode(t, state.Time{Servers: []string{"a"}, Correction: "slew"}))
	sectiontest.ExpectError(t, err, section.Unsupported, "time.correction", "install the package chrony")
	if err := m.fake.Remove("/usr/lib/systemd/systemd-timesyncd"); err != nil {
		t.Fatal(err)
	}
	_, err = m.section.Plan(t.Context(), m.fake, sectiontest.Encode(t, state.Time{Servers: []string{"a"}}))
	sectiontest.ExpectError(t, err, section.Unsupported, "time.servers", "install the package chrony")
	zone := state.Time{Zone: "Asia/Kolkata"}
	apply(t, m, zone, plan(t, m, zone))
}
