package lab

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"
)

func TestSyslogTransports(t *testing.T) {
	l := newTestLab(t, Options{})
	g := attach(t, l, 0)
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(l.Syslog().CA()) {
		t.Fatal("the CA is not PEM")
	}
	const record = `<165>1 2026-03-01T10:20:30.5+01:00 inn-1 guestd 42 ID7 - over `
	for _, c := range []struct{ transport, address string }{
		{"udp", "198.51.100.14:514"},
		{"tcp", "198.51.100.14:601"},
		{"tls", "198.51.100.14:6514"},
		{"udp", "[2001:db8:77::14]:514"},
	} {
		t.Run(c.transport+" "+c.address, func(t *testing.T) {
			text := record + c.address
			var w io.Writer
			switch c.transport {
			case "udp":
				w = g.mustDial(t, "udp", c.address)
			case "tcp":
				w = g.mustDial(t, "tcp", c.address)
				text += "\n"
			case "tls":
				w = tls.Client(g.mustDial(t, "tcp", c.address), &tls.Config{RootCAs: roots, ServerName: "log.lab.test"})
				text = fmt.Sprintf("%d %s", len(text), text)
			}
			if _, err := io.WriteString(w, text); err != nil {
				t.Fatal(err)
			}
			seen, err := l.Syslog().WaitRecord(testContext(t), func(r SyslogRecord) bool { return r.Message == "over "+c.address })
			if err != nil {
				t.Fatal(err)
			}
			if seen.Transport != c.transport || seen.Raw != record+c.address || seen.Hostname != "inn-1" || !seen.From.IsValid() {
				t.Errorf("record %+v", seen)
			}
			if c.address[0] != '[' && seen.From.Addr() != l.GuestAddr() {
				t.Errorf("from %s", seen.From)
			}
		})
	}
}

func TestSyslogTLSIsTheLabsOwn(t *testing.T) {
	a, b := newTestLab(t, Options{}), newTestLab(t, Options{})
	g := attach(t, a, 0)
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(b.Syslog().CA())
	conn := tls.Client(g.mustDial(t, "tcp", "198.51.100.14:6514"), &tls.Config{RootCAs: roots, ServerName: "log.lab.test"})
	var unknown x509.UnknownAuthorityError
	if err := conn.HandshakeContext(testContext(t)); !errors.As(err, &unknown) {
		t.Errorf("%v, want an unknown authority", err)
	}
	roots = x509.NewCertPool()
	roots.AppendCertsFromPEM(a.Syslog().CA())
	for _, name := range []string{"198.51.100.14", "2001:db8:77::14", "log.lab.test"} {
		conn := tls.Client(g.mustDial(t, "tcp", "198.51.100.14:6514"), &tls.Config{
			RootCAs: roots, ServerName: name, Time: func() time.Time { return time.Date(2011, 1, 1, 0, 0, 0, 0, time.UTC) },
		})
		if err := conn.HandshakeContext(testContext(t)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestWaitRecordSaysWhatItSaw(t *testing.T) {
	l := newTestLab(t, Options{})
	g := attach(t, l, 0)
	if _, err := io.WriteString(g.mustDial(t, "udp", "198.51.100.14:514"), "<13>only this"); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Syslog().WaitRecord(testContext(t), func(SyslogRecord) bool { return true }); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	_, err := l.Syslog().WaitRecord(ctx, func(SyslogRecord) bool { return false })
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "only this") {
		t.Error(err)
	}
}

func TestReadSyslog(t *testing.T) {
	for name, c := range map[string]struct {
		stream string
		want   []string
		broken bool
	}{
		"lines":               {"<1>a\n<2>b\n", []string{"<1>a", "<2>b"}, false},
		"last line not ended": {"<1>a\n<2>b", []string{"<1>a", "<2>b"}, false},
		"counted":             {"4 <1>a5 <2>b\n3 <3>", []string{"<1>a", "<2>b\n", "<3>"}, false},
		"mixed":               {"4 <1>a<2>b\n4 <3>c", []string{"<1>a", "<2>b", "<3>c"}, false},
		"nothing":             {"", nil, false},
		"cut short":           {"9 <1>a", []string{"<1>a"}, true},
		"length only":         {"9", nil, true},
		"no blank":            {"4<1>a", nil, true},
		"leading zero":        {"04 <1>a", nil, true},
		"too long":            {"9999999 <1>a", nil, true},
		"endless digits":      {strings.Repeat("1", 100), nil, true},
		"endless line":        {"<1>" + strings.Repeat("x", maxSyslog), []string{"<1>" + strings.Repeat("x", maxSyslog-3)}, true},
	} {
		t.Run(name, func(t *testing.T) {
			r := bufio.NewReader(strings.NewReader(c.stream))
			var got []string
			var err error
			for err == nil {
				var raw []byte
				if raw, err = readSyslog(r); len(raw) > 0 {
					got = append(got, string(raw))
				}
			}
			if errors.Is(err, errSyslogFrame) != c.broken || !c.broken && !errors.Is(err, io.EOF) {
				t.Errorf("ended with %v", err)
			}
			if fmt.Sprint(got) != fmt.Sprint(c.want) {
				t.Errorf("%.200q, want %.200q", got, c.want)
			}
		})
	}
}

func TestParseSyslog(t *testing.T) {
	arrived := time.Date(2026, 1, 1, 0, 0, 5, 0, time.UTC)
	stamp := func(s string) time.Time {
		at, err := time.Parse(time.RFC3339Nano, s)
		if err != nil {
			t.Fatal(err)
		}
		return at
	}
	unknown := func(facility, severity int, text string) SyslogMessage {
		return SyslogMessage{Format: SyslogUnknown, Facility: facility, Severity: severity, Message: text}
	}
	for raw, want := range map[string]SyslogMessage{
		`<165>1 2026-10-11T22:14:15.003Z mymachine.example.com evntslog - ID47 [ex@32473 iut="3" s="a]b\"c"][two@1] ` + "\ufeffAn entry": {
			SyslogRFC5424, 20, 5, stamp("2026-10-11T22:14:15.003Z"), "mymachine.example.com", "evntslog", "", "ID47",
			`[ex@32473 iut="3" s="a]b\"c"][two@1]`, "An entry",
		},
		"<34>1 - - - - - -":            {Format: SyslogRFC5424, Facility: 4, Severity: 2},
		"<34>1 - h a 1 - - ":           {Format: SyslogRFC5424, Facility: 4, Severity: 2, Hostname: "h", App: "a", ProcID: "1"},
		"<34>1 - h a 1 - -glued":       unknown(4, 2, "1 - h a 1 - -glued"),
		`<34>1 - h a 1 - [id x="1" m`:  unknown(4, 2, `1 - h a 1 - [id x="1" m`),
		"<34>1 yesterday h a 1 - - m":  unknown(4, 2, "1 yesterday h a 1 - - m"),
		"<34>1 - h a":                  unknown(4, 2, "1 - h a"),
		"<13>Feb 29 10:00:00 h su: m":  {SyslogRFC3164, 1, 5, stamp("2026-03-01T10:00:00Z"), "h", "su", "", "", "", "m"},
		"<34>Oct 11 22:14:15 h su: m":  {SyslogRFC3164, 4, 2, stamp("2025-10-11T22:14:15Z"), "h", "su", "", "", "", "m"},
		"<34>Jan  1 00:00:04 su[7]: m": {SyslogRFC3164, 4, 2, stamp("2026-01-01T00:00:04Z"), "", "su", "7", "", "", "m"},
		"<34>Dec 31 23:59:59 h x: \n":  {SyslogRFC3164, 4, 2, stamp("2025-12-31T23:59:59Z"), "h", "x", "", "", "", ""},
		"<34>Jan  1 00:00:04 2001:db8::1 su: a: b": {
			SyslogRFC3164, 4, 2, stamp("2026-01-01T00:00:04Z"), "2001:db8::1", "su", "", "", "", "a: b",
		},
		"<30>2026-01-01T01:00:04.25+01:00 inn guestd[12]: hi": {
			SyslogRFC3164, 3, 6, stamp("2026-01-01T01:00:04.25+01:00"), "inn", "guestd", "12", "", "", "hi",
		},
		"<34>Jan  1 00:00:04 h no tag here": {SyslogRFC3164, 4, 2, stamp("2026-01-01T00:00:04Z"), "h", "", "", "", "", "no tag here"},
		"<34>Jan  1 00:00:04 h x[7 open":    {SyslogRFC3164, 4, 2, stamp("2026-01-01T00:00:04Z"), "h", "x", "", "", "", "[7 open"},
		"<191>x":                            unknown(23, 7, "x"),
		"<192>x":                            unknown(-1, -1, "<192>x"),
		"<01>x":                             unknown(-1, -1, "<01>x"),
		"<>x":                               unknown(-1, -1, "<>x"),
		"<0>":                               unknown(0, 0, ""),
		"<-1>x":                             unknown(-1, -1, "<-1>x"),
		"<+1>x":                             unknown(-1, -1, "<+1>x"),
		"<1":                                unknown(-1, -1, "<1"),
		"":                                  unknown(-1, -1, ""),
		"<34>":                              unknown(4, 2, ""),
		"<34>Oct 11 22:14:15":               unknown(4, 2, "Oct 11 22:14:15"),
	} {
		got := ParseSyslog([]byte(raw), arrived)
		if !got.Timestamp.Equal(want.Timestamp) {
			t.Errorf("%q: at %s, want %s", raw, got.Timestamp, want.Timestamp)
		}
		got.Timestamp = want.Timestamp
		if got != want {
			t.Errorf("%q:\n%+v, want\n%+v", raw, got, want)
		}
	}
}

func FuzzParseSyslog(f *testing.F) {
	f.Add(`<165>1 2026-10-11T22:14:15.003Z m e - ID47 [ex@32473 iut="3" s="a]b\"c"][two@1] m`)
	f.Add("<34>Oct 11 22:14:15 h su[7]: m")
	f.Add("<34>1 - - - - - -")
	arrived := time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, raw string) {
		m := ParseSyslog([]byte(raw), arrived)
		if (m.Facility < 0) != (m.Severity < 0) || m.Facility > 23 || m.Severity > 7 {
			t.Errorf("priority %d.%d", m.Facility, m.Severity)
		}
		if m.Format == SyslogUnknown && !strings.Contains(raw, m.Message) {
			t.Errorf("message %q is not of the record", m.Message)
		}
		for _, part := range []string{m.Hostname, m.App, m.ProcID, m.MsgID, m.Structured, m.Message} {
			if !strings.Contains(raw, part) {
				t.Errorf("%q is not of the record", part)
			}
		}
	})
}

func FuzzReadSyslog(f *testing.F) {
	f.Add("4 <1>a<2>b\n4 <3>c")
	f.Add("04 x")
	f.Fuzz(func(t *testing.T, stream string) {
		r := bufio.NewReader(strings.NewReader(stream))
		total := 0
		for reads := 0; ; reads++ {
			raw, err := readSyslog(r)
			if !strings.Contains(stream, string(raw)) {
				t.Fatalf("%q is not of the stream", raw)
			}
			total += len(raw)
			if total > len(stream) || reads > len(stream) {
				t.Fatal("more than the stream holds")
			}
			if err != nil {
				return
			}
		}
	})
}
