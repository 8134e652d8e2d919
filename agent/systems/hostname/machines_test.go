package hostname_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"innkeeper/agent/guest"
	"innkeeper/agent/guest/guesttest"
	"innkeeper/agent/mechanisms/computername"
	"innkeeper/agent/mechanisms/middleware/middlewaretest"
	"innkeeper/agent/systems/hostname"
	"innkeeper/agent/systems/section"
)

// machine is one system in memory.
type machine struct {
	section section.Section
	fake    *guesttest.Fake
	// show is all that the section may touch, as text.
	show func() string
	// live is the name that the running system goes by.
	live func() string
	// want is what live should be for inn.lab.test.
	want string
	// faults are taken by what does not go through guest.Machine.
	faults *faults
	// writes counts the changes.
	writes func() int
}

const kernelFile = "/proc/sys/kernel/hostname"

// linux is a Linux machine with these files; its kernel's name is a file.
func linux(s section.Section, want string, files map[string]string) *machine {
	f := guesttest.New(files)
	m := &machine{section: s, fake: f, want: want, faults: &faults{}}
	set := func(name string) { f.Put(kernelFile, name+"\n") }
	f.OnDo("/bin/hostname *", func(c guest.Command) (guest.Result, error) {
		set(c.Args[0])
		return guest.Result{}, nil
	})
	f.OnDo("hostnamectl --no-ask-password --static set-hostname *", func(c guest.Command) (guest.Result, error) {
		name := c.Args[3]
		if name == "" {
			_ = f.Remove("/etc/hostname")
			set("localhost")
			return guest.Result{}, nil
		}
		f.Put("/etc/hostname", name+"\n")
		set(name)
		return guest.Result{}, nil
	})
	m.show = func() string {
		var b strings.Builder
		for _, name := range f.Names() {
			fmt.Fprintf(&b, "%s:\n%s", name, f.Content(name))
		}
		return b.String()
	}
	m.live = func() string { return strings.TrimSpace(f.Content(kernelFile)) }
	m.writes = func() int { return len(f.Writes()) + len(f.Ran()) }
	return m
}

func ubuntu(*testing.T) *machine {
	return linux(hostname.SystemdShort(), "inn", map[string]string{
		kernelFile:                           "old\n",
		"/etc/hostname":                      "# mine\nold\n",
		"/etc/hosts":                         "127.0.0.1 localhost\n127.0.1.1 old.test old\n192.0.2.7 printer\n",
		"/etc/cloud/cloud.cfg.d/90_dpkg.cfg": "x: y\n",
	})
}

func ubuntuWithoutName(*testing.T) *machine {
	return linux(hostname.SystemdShort(), "inn", map[string]string{
		kernelFile: "localhost\n", "/etc/passwd": "root\n",
	})
}

func centos(*testing.T) *machine {
	return linux(hostname.SystemdFull(), "inn.lab.test", map[string]string{
		kernelFile:      "from-dhcp\n",
		"/etc/hostname": "localhost.localdomain\n",
		"/etc/hosts":    "127.0.0.1   localhost localhost.localdomain\n::1         localhost\n",
	})
}

func openfiler(*testing.T) *machine {
	return linux(hostname.Sysconfig(), "inn.lab.test", map[string]string{
		kernelFile:               "localhost.localdomain\n",
		"/etc/sysconfig/network": "NETWORKING=yes\nHOSTNAME=localhost.localdomain\nGATEWAY=192.0.2.1\n",
		"/etc/hosts":             "127.0.0.1 filer.test filer localhost\n",
	})
}

func freenas(t *testing.T) *machine {
	s := middlewaretest.Start(t)
	f := guesttest.New(nil)
	live := "truenas.local"
	s.Live = func(fqdn string) { live = fqdn }
	m := &machine{section: hostname.Middleware(s.Socket), fake: f, want: "inn.lab.test", faults: &faults{}}
	s.Before = func(string) error { return m.faults.before() }
	f.OnDo("/bin/hostname", func(guest.Command) (guest.Result, error) {
		return guest.Result{Stdout: []byte(live + "\n")}, nil
	})
	kernel := 0
	f.OnDo("/bin/hostname *", func(c guest.Command) (guest.Result, error) {
		live = c.Args[0]
		kernel++
		return guest.Result{}, nil
	})
	m.live = func() string { return live }
	m.show = func() string { return fmt.Sprintf("%v.%v, live %s", s.Get("hostname"), s.Get("domain"), live) }
	m.writes = func() int { return len(s.Calls()) + kernel + len(f.Writes()) }
	return m
}

// php is pfSense's PHP with what the agent's scripts do to it.
type php struct {
	names struct{ Hostname, Domain string }
	live  string
	dirty []string
	saves int
	fail  string
}

var request = regexp.MustCompile(`base64_decode\('([^']*)'\)`)

func (p *php) run(c guest.Command) (guest.Result, error) {
	encoded := request.FindSubmatch(c.Stdin)
	if encoded == nil || !bytes.Contains(c.Stdin, []byte("system_hostname_configure();")) {
		return guest.Result{ExitCode: 255, Stderr: []byte("PHP Parse error")}, nil
	}
	raw, err := base64.StdEncoding.DecodeString(string(encoded[1]))
	if err != nil {
		return guest.Result{}, err
	}
	var r struct {
		Set, Expect  *struct{ Hostname, Domain string }
		DespiteDirty bool `json:"despite_dirty"`
	}
	if err := json.Unmarshal(raw, &r); err != nil {
		return guest.Result{}, err
	}
	answer := func(v any) (guest.Result, error) {
		b, err := json.Marshal(v)
		return guest.Result{Stdout: append([]byte("Loading...\n@guestd@ "), append(b, '\n')...)}, err
	}
	refuse := func(code, message string) (guest.Result, error) {
		return answer(map[string]string{"code": code, "message": message})
	}
	if r.Set != nil {
		switch {
		case len(p.dirty) > 0 && !r.DespiteDirty:
			return refuse("busy", "waiting: "+strings.Join(p.dirty, ", "))
		case r.Expect != nil && *r.Expect != p.names:
			return refuse("busy", "changed meanwhile")
		case p.fail != "":
			return refuse("failed", p.fail)
		}
		if p.names != *r.Set {
			p.names = *r.Set
			p.saves++
		}
		p.live = p.names.Hostname + "." + p.names.Domain
	}
	return answer(map[string]any{
		"names": map[string]string{"hostname": p.names.Hostname, "domain": p.names.Domain}, "dirty": p.dirty,
	})
}

func pfsense(t *testing.T) *machine {
	m, _ := pfsenseWith(t)
	return m
}

func pfsenseWith(*testing.T) (*machine, *php) {
	p := &php{live: "pfSense.home.arpa"}
	p.names.Hostname, p.names.Domain = "pfSense", "home.arpa"
	f := guesttest.New(nil)
	f.OnDo("/usr/local/bin/php", p.run)
	f.OnDo("/bin/hostname", func(guest.Command) (guest.Result, error) {
		return guest.Result{Stdout: []byte(p.live + "\n")}, nil
	})
	f.OnDo("/bin/hostname *", func(c guest.Command) (guest.Result, error) {
		p.live = c.Args[0]
		p.saves++
		return guest.Result{}, nil
	})
	return &machine{
		section: hostname.PFSense(), fake: f, want: "inn.lab.test", faults: &faults{},
		show:   func() string { return fmt.Sprintf("%+v, live %s", p.names, p.live) },
		live:   func() string { return p.live },
		writes: func() int { return p.saves + len(f.Writes()) },
	}, p
}

// registry is a Windows: what is set is used after a restart.
type registry struct {
	values map[string]string
	sets   int
	nv     string // "NV " on Windows, nothing under Wine
	faults *faults
	lie    bool
}

const (
	parameters = `SYSTEM\CurrentControlSet\Services\Tcpip\Parameters`
	computer   = `SYSTEM\CurrentControlSet\Control\ComputerName\`
)

func newRegistry(nv string) *registry {
	r := &registry{nv: nv, values: map[string]string{
		parameters + `\Hostname`: "WIN-OLD", parameters + `\Domain`: "",
		parameters + `\` + nv + `Hostname`: "WIN-OLD", parameters + `\` + nv + `Domain`: "",
		computer + `ComputerName\ComputerName`: "WIN-OLD", computer + `ActiveComputerName\ComputerName`: "WIN-OLD",
	}}
	return r
}

func (r *registry) Set(f computername.Format, name string) error {
	if err := r.faults.before(); err != nil {
		return err
	}
	if r.lie {
		return nil
	}
	r.sets++
	switch f {
	case computername.PhysicalDNSHostname:
		r.values[parameters+`\`+r.nv+"Hostname"] = name
		r.values[computer+`ComputerName\ComputerName`] = strings.ToUpper(name)
	case computername.PhysicalDNSDomain:
		r.values[parameters+`\`+r.nv+"Domain"] = name
	default:
		return errors.New("no such format")
	}
	return r.faults.done()
}

func (r *registry) Value(key, name string) (string, bool, error) {
	v, ok := r.values[key+`\`+name]
	return v, ok, nil
}

func windows(*testing.T) *machine { return windowsWith(newRegistry("NV ")) }

func wine(*testing.T) *machine { return windowsWith(newRegistry("")) }

func windowsWith(r *registry) *machine {
	m := &machine{section: hostname.Windows(r), fake: guesttest.New(nil), want: "inn", faults: &faults{}}
	r.faults = m.faults
	m.show = func() string { return fmt.Sprint(r.values) }
	m.live = func() string { return r.values[parameters+`\`+r.nv+"Hostname"] }
	m.writes = func() int { return r.sets }
	return m
}

var systems = map[string]func(t *testing.T) *machine{
	"ubuntu": ubuntu, "ubuntu without a name": ubuntuWithoutName, "centos": centos, "openfiler": openfiler,
	"freenas": freenas, "pfsense": pfsense, "windows": windows, "wine": wine,
}
