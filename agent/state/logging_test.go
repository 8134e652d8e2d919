package state_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"innkeeper/agent/state"
)

// authority makes a certificate that can vouch for others, in PEM.
func authority(t testing.TB) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority"},
		NotBefore: time.Unix(0, 0), NotAfter: time.Unix(1<<32, 0), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

func TestLoggingValidate(t *testing.T) {
	ca := authority(t)
	tls := func(change func(*state.LogTarget)) state.Logging {
		target := state.LogTarget{Host: "log.example", Protocol: "tls", CA: ca}
		change(&target)
		return state.Logging{Targets: []state.LogTarget{target}}
	}
	udp := func(change func(*state.LogTarget)) state.Logging {
		target := state.LogTarget{Host: "log.example", Protocol: "udp"}
		change(&target)
		return state.Logging{Targets: []state.LogTarget{target}}
	}
	for name, good := range map[string]state.Logging{
		"nothing":      {},
		"plain":        udp(func(*state.LogTarget) {}),
		"IPv6":         udp(func(l *state.LogTarget) { l.Host = "2001:db8::1" }),
		"all fields":   udp(func(l *state.LogTarget) { l.Port, l.Severity, l.Format = 65535, "info", "rfc3164" }),
		"facilities":   udp(func(l *state.LogTarget) { l.Facilities = []string{"kern", "local7"} }),
		"tls":          tls(func(*state.LogTarget) {}),
		"two CAs":      tls(func(l *state.LogTarget) { l.CA += "\n" + l.CA }),
		"address, tls": tls(func(l *state.LogTarget) { l.Host, l.Name = "192.0.2.1", "log.example" }),
		"two ports": {Targets: []state.LogTarget{
			{Host: "a", Protocol: "tcp"}, {Host: "a", Protocol: "tcp", Port: 514},
		}},
		"bounds": {BufferMiB: 10240, Retention: &state.LogRetention{Days: 3650, MiB: 16}},
	} {
		if err := good.Validate(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for want, bad := range map[string]state.Logging{
		"logging.targets[0].host: is missing":                                        udp(func(l *state.LogTarget) { l.Host = "" }),
		`logging.targets[0].host: "10.0.0.300" is neither an address nor a DNS name`: udp(func(l *state.LogTarget) { l.Host = "10.0.0.300" }),
		`logging.targets[0].host: "a\" b" has a character`:                           udp(func(l *state.LogTarget) { l.Host = `a" b` }),
		`logging.targets[0].host: "a..b" has an empty part`:                          udp(func(l *state.LogTarget) { l.Host = "a..b" }),
		`logging.targets[0].host: "fe80::1%eth0" has a zone`:                         udp(func(l *state.LogTarget) { l.Host = "fe80::1%eth0" }),
		`logging.targets[0].host: "0.0.0.0" is not one machine's address`:            udp(func(l *state.LogTarget) { l.Host = "0.0.0.0" }),
		"logging.targets[0].port: 65536 is not from 1 to 65535":                      udp(func(l *state.LogTarget) { l.Port = 65536 }),
		"logging.targets[0].protocol: is missing":                                    udp(func(l *state.LogTarget) { l.Protocol = "" }),
		`logging.targets[0].protocol: "TCP" is not udp, tcp or tls`:                  udp(func(l *state.LogTarget) { l.Protocol = "TCP" }),
		"logging.targets[0].ca: is for the protocol tls only":                        udp(func(l *state.LogTarget) { l.CA = ca }),
		"logging.targets[0].name: is for the protocol tls only":                      udp(func(l *state.LogTarget) { l.Name = "x" }),
		`logging.targets[0].facilities[1]: "local8" is not a facility; they are kern`: udp(func(l *state.LogTarget) {
			l.Facilities = []string{"kern", "local8"}
		}),
		`logging.targets[0].facilities[0]: "" is not a facility`:  udp(func(l *state.LogTarget) { l.Facilities = []string{""} }),
		`logging.targets[0].facilities[1]: "kern" is there twice`: udp(func(l *state.LogTarget) { l.Facilities = []string{"kern", "kern"} }),
		`logging.targets[0].severity: "warn" is not a severity`:   udp(func(l *state.LogTarget) { l.Severity = "warn" }),
		`logging.targets[0].format: "gelf" is not rfc5424`:        udp(func(l *state.LogTarget) { l.Format = "gelf" }),
		"logging.targets[0].ca: is missing":                       tls(func(l *state.LogTarget) { l.CA = "" }),
		"logging.targets[0].ca: does not have a PEM block":        tls(func(l *state.LogTarget) { l.CA = "x" }),
		"logging.targets[0].ca: does not have a PEM block CERT":   tls(func(l *state.LogTarget) { l.CA += "$IncludeConfig /x" }),
		"logging.targets[0].ca: has a PEM block that cannot":      tls(func(l *state.LogTarget) { l.CA = "-----BEGIN CERTIFICATE-----\nAA" }),
		"logging.targets[0].ca: has a certificate that cannot":    tls(func(l *state.LogTarget) { l.CA = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n" }),
		"logging.targets[0].ca: has a PEM block that cannot be read": tls(func(l *state.LogTarget) {
			l.CA = "-----BEGIN CERTIFICATE-----\n$\n-----END CERTIFICATE-----\n" + l.CA
		}),
		"logging.targets[0].name: is missing: the host is an addr":  tls(func(l *state.LogTarget) { l.Host = "192.0.2.1" }),
		`logging.targets[0].name: "*" has a character`:              tls(func(l *state.LogTarget) { l.Name = "*.x" }),
		"logging.targets[1]: is the same target as logging.targets": {Targets: []state.LogTarget{{Host: "A", Protocol: "udp"}, {Host: "a", Protocol: "udp", Port: 514}}},
		"logging.targets: has 17 targets; at most 16 are allowed":   {Targets: make([]state.LogTarget, 17)},
		"logging.buffer_mib: 10241 is more than 10240":              {BufferMiB: 10241},
		"logging.retention: bounds nothing":                         {Retention: &state.LogRetention{}},
		"logging.retention.days: 3651 is more than 3650":            {Retention: &state.LogRetention{Days: 3651}},
		"logging.retention.mib: 15 is not from 16 to 1048576":       {Retention: &state.LogRetention{MiB: 15}},
	} {
		err := bad.Validate()
		var invalid *state.InvalidError
		if !errors.As(err, &invalid) || !slices.ContainsFunc(invalid.Reasons(), func(s string) bool { return strings.HasPrefix(s, want) }) {
			t.Errorf("got %v, want a reason that begins with %q", err, want)
		}
	}
}

// A document is judged by the same rules, field by field.
func TestParseDesiredJudgesLogging(t *testing.T) {
	_, err := state.ParseDesired([]byte(`{"revision":1,"guest":"g","sections":{"logging":{"targets":[{"host":"a","protocol":"udp","prot":1}],"retention":{"days":-1}}}}`))
	var invalid *state.InvalidError
	want := []string{
		"logging.targets[0].prot: is not a known field; known are ca, facilities, format, host, name, port, protocol, severity",
		"logging.retention.days: -1 is not a whole number from 0 to 4294967295",
	}
	if !errors.As(err, &invalid) || !slices.Equal(invalid.Reasons(), want) {
		t.Errorf("got %v, want %q", err, want)
	}
}

func TestLogTargetDefaults(t *testing.T) {
	for protocol, port := range map[string]uint16{"udp": 514, "tcp": 601, "tls": 6514} {
		target := state.LogTarget{Host: "h", Protocol: protocol}
		if got := target.PortOrDefault(); got != port {
			t.Errorf("%s: got port %d, want %d", protocol, got, port)
		}
		if target.PeerName() != "h" || target.FormatOrDefault() != "rfc5424" || target.SeverityOrDefault() != "debug" {
			t.Errorf("got name %q, format %q, severity %q", target.PeerName(), target.FormatOrDefault(), target.SeverityOrDefault())
		}
	}
}

// Nothing that is accepted can break out of a line or a quoted string of a
// log daemon's configuration.
func FuzzLogging(f *testing.F) {
	ca := authority(f)
	f.Add([]byte(`{"targets":[{"host":"log.example","port":1,"protocol":"tcp","facilities":["kern"],"severity":"err"}],"buffer_mib":1}`))
	f.Add([]byte(`{"targets":[{"host":"::1","protocol":"tls","name":"a.b","ca":"` + strings.ReplaceAll(ca, "\n", `\n`) + `"}]}`))
	f.Add([]byte(`{"retention":{"days":1,"mib":16}}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		var l state.Logging
		if state.DecodeSection("logging", json.RawMessage(raw), &l) != nil || l.Validate() != nil {
			return
		}
		for _, target := range l.Targets {
			for _, word := range append([]string{target.Host, target.Name, target.Protocol, target.Severity, target.Format}, target.Facilities...) {
				if strings.ContainsAny(word, " \t\r\n\"'\\;$&|<>(){}[]%") {
					t.Fatalf("%q was accepted", word)
				}
			}
			if strings.ContainsAny(target.CA, "\"'$;{}") {
				t.Fatalf("the CA %q was accepted", target.CA)
			}
		}
	})
}
