package logging_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"strings"
	"sync/atomic"
	"testing"

	"innkeeper/agent/guest"
	"innkeeper/agent/guest/guesttest"
	"innkeeper/agent/state"
	"innkeeper/agent/systems/logging"
)

// machine is one system in memory.
type machine struct {
	section logging.Section
	fake    *guesttest.Fake
	// live is what the log daemons have read: the text of their files at the
	// time they were started.
	live map[string]string
	// stopped daemons do not run.
	stopped map[string]bool
	// settings are what is not in files, nil for a system without.
	settings func() string
	// dying, if set, is asked before what does not go through guest.Machine.
	dying atomic.Pointer[guesttest.Dying]
	// wants is a value of the section that this system can do.
	wants state.Logging
}

// show is all that the section may touch, and what the daemons have read. It
// passes over a candidate that a cut check left behind: the next check writes
// over it, and nothing reads it.
func (m *machine) show() string {
	var b strings.Builder
	for _, name := range m.fake.Names() {
		if strings.HasSuffix(name, ".candidate") {
			continue
		}
		fmt.Fprintf(&b, "%s:\n%s", name, m.fake.Content(name))
	}
	if m.settings != nil {
		b.WriteString(m.settings())
	}
	return b.String() + fmt.Sprint(m.live)
}

// reads has a command make a daemon read files below dir.
func (m *machine) reads(command, daemon, dir string) {
	read := func(guest.Command) (guest.Result, error) {
		m.live[daemon] = ""
		for _, name := range m.fake.Names() {
			if strings.HasPrefix(name, dir) && !strings.HasSuffix(name, ".candidate") {
				m.live[daemon] += m.fake.Content(name)
			}
		}
		delete(m.stopped, daemon)
		return guest.Result{}, nil
	}
	m.fake.OnDo(command, read)
}

func newMachine(s logging.Section, files map[string]string) *machine {
	m := &machine{section: s, fake: guesttest.New(files), live: map[string]string{}, stopped: map[string]bool{}}
	m.fake.OnOutput("/usr/sbin/rsyslogd -v", "rsyslogd  8.2312.0 (aka 2023.12) compiled with:\n")
	m.fake.On("/usr/sbin/rsyslogd -N1 *", guest.Result{})
	return m
}

func ubuntu(t *testing.T) *machine {
	m := newMachine(logging.WithoutPeers(logging.Systemd()), map[string]string{
		"/usr/sbin/rsyslogd":                                   "",
		"/usr/lib/x86_64-linux-gnu/rsyslog/lmnsd_gtls.so":      "",
		"/etc/rsyslog.conf":                                    "$WorkDirectory /var/spool/rsyslog\n$IncludeConfig /etc/rsyslog.d/*.conf\n",
		"/etc/rsyslog.d/50-default.conf":                       "*.* /var/log/syslog\n",
		"/etc/rsyslog.d/guestd-ca-0000000000000000.pem":        "old\n",
		"/etc/systemd/journald.conf.d/10-theirs.conf":          "[Journal]\nStorage=persistent\n",
		"/etc/rsyslog.d/05-stop-at-nothing.conf":               "# theirs\n",
		"/etc/rsyslog.d/guestd-ca-of-somebody-else.pem.saved":  "theirs",
		"/etc/systemd/journald.conf.d/90-guestd.conf.disabled": "theirs",
	})
	m.reads("systemctl restart rsyslog.service", "rsyslog", "/etc/rsyslog")
	m.reads("systemctl restart systemd-journald.service", "journald", "/etc/systemd")
	m.fake.OnDo("systemctl is-active --quiet rsyslog.service", func(guest.Command) (guest.Result, error) {
		if m.stopped["rsyslog"] {
			return guest.Result{ExitCode: 3}, nil
		}
		return guest.Result{}, nil
	})
	m.wants = state.Logging{
		Targets: []state.LogTarget{
			{Host: "log.example", Protocol: "udp", Facilities: []string{"auth", "authpriv"}, Severity: "info"},
			{Host: "2001:db8::14", Protocol: "tcp", Port: 1514, Format: "rfc3164"},
			{Host: "log.example", Protocol: "tls", CA: authority(t)},
		},
		Retention: &state.LogRetention{Days: 7, MiB: 64},
		BufferMiB: 32,
	}
	return m
}

func openfiler(*testing.T) *machine {
	m := newMachine(logging.WithoutPeers(logging.Sysvinit()), map[string]string{
		"/etc/rsyslog.conf": "$ModLoad imuxsock\n*.info /var/log/messages",
	})
	m.sysvinit("rsyslog", "/etc/rsyslog.conf")
	m.wants = state.Logging{
		Targets: []state.LogTarget{
			{Host: "log.example", Protocol: "udp", Facilities: []string{"auth", "authpriv"}, Severity: "info"},
			{Host: "2001:db8::14", Protocol: "tcp", Port: 1514, Format: "rfc3164"},
		},
		BufferMiB: 32,
	}
	return m
}

func openfilerWithSysklogd(*testing.T) *machine {
	m := newMachine(logging.WithoutPeers(logging.Sysvinit()), map[string]string{
		"/etc/syslog.conf": "*.info\t/var/log/messages\n",
	})
	m.sysvinit("syslog", "/etc/syslog.conf")
	m.wants = state.Logging{Targets: []state.LogTarget{
		{Host: "192.0.2.60", Protocol: "udp", Format: "rfc3164"},
		{Host: "log.example", Protocol: "udp", Format: "rfc3164", Facilities: []string{"kern"}, Severity: "err"},
	}}
	return m
}

// sysvinit has service(8) start a daemon and tell whether it runs.
func (m *machine) sysvinit(daemon, config string) {
	m.reads("/sbin/service "+daemon+" restart", daemon, config)
	m.fake.OnDo("/sbin/service "+daemon+" status", func(guest.Command) (guest.Result, error) {
		if m.stopped[daemon] {
			return guest.Result{ExitCode: 3}, nil
		}
		return guest.Result{}, nil
	})
}

// authority makes a certificate that can vouch for others, in PEM.
func authority(t *testing.T) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}
