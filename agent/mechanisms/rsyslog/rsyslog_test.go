package rsyslog_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"innkeeper/agent/guest"
	"innkeeper/agent/guest/guesttest"
	"innkeeper/agent/mechanisms/rsyslog"
)

var targets = []rsyslog.Target{
	{Host: "log.example", Port: 514, Transport: rsyslog.UDP, Selector: "*.*", RFC3164: true},
	{Host: "2001:db8::1", Port: 601, Transport: rsyslog.TCP, Selector: "auth,authpriv.info", BufferMiB: 16},
	{Host: "192.0.2.1", Port: 6514, Transport: rsyslog.TLS, Selector: "*.err", Driver: "gtls", CAFile: "/etc/ca.pem", Peer: "log.example", BufferMiB: 16},
}

func TestRender(t *testing.T) {
	const want = `# Written by guestd, which undoes changes made here.
template(name="guestdRFC5424" type="string" string="<%PRI%>1 %TIMESTAMP:::date-rfc3339% %HOSTNAME% %APP-NAME% %PROCID% %MSGID% %STRUCTURED-DATA%%msg:::sp-if-no-1st-sp%%msg%")
*.* action(type="omfwd" name="guestd-1" target="log.example" port="514" template="RSYSLOG_TraditionalForwardFormat"
  protocol="udp"
  action.resumeRetryCount="-1" action.resumeInterval="5"
  queue.type="LinkedList" queue.size="20000" queue.timeoutEnqueue="0")
auth,authpriv.info action(type="omfwd" name="guestd-2" target="2001:db8::1" port="601" template="guestdRFC5424"
  protocol="tcp" TCP_Framing="octet-counted"
  action.resumeRetryCount="-1" action.resumeInterval="5"
  queue.type="LinkedList" queue.size="20000" queue.timeoutEnqueue="0" queue.filename="guestd-2" queue.maxDiskSpace="16m" queue.saveOnShutdown="on")
*.err action(type="omfwd" name="guestd-3" target="192.0.2.1" port="6514" template="guestdRFC5424"
  protocol="tcp" TCP_Framing="octet-counted"
  StreamDriver="gtls" StreamDriverMode="1" StreamDriverAuthMode="x509/name" StreamDriverPermittedPeers="log.example" StreamDriver.CAFile="/etc/ca.pem"
  action.resumeRetryCount="-1" action.resumeInterval="5"
  queue.type="LinkedList" queue.size="20000" queue.timeoutEnqueue="0" queue.filename="guestd-3" queue.maxDiskSpace="16m" queue.saveOnShutdown="on")
`
	if got := rsyslog.Render(targets); got != want {
		t.Errorf("got\n%s", got)
	}
	if got := rsyslog.Render(nil); got != "" {
		t.Errorf("got %q for no targets", got)
	}
}

func TestParseReadsWhatWasRendered(t *testing.T) {
	if got := rsyslog.Parse(rsyslog.Render(targets)); !reflect.DeepEqual(got, targets) {
		t.Errorf("got %+v", got)
	}
	plain := targets[:2]
	if got := rsyslog.ParseLegacy(rsyslog.RenderLegacy(plain)); !reflect.DeepEqual(got, plain) {
		t.Errorf("got %+v", got)
	}
}

func TestRenderLegacy(t *testing.T) {
	got := rsyslog.RenderLegacy(targets[:2])
	for _, want := range []string{
		"$template guestdRFC5424,\"<%PRI%>1 ",
		"*.* @log.example:514;RSYSLOG_TraditionalForwardFormat\n",
		"$ActionQueueFileName guestd-2\n$ActionQueueMaxDiskSpace 16m\n$ActionQueueSaveOnShutdown on\nauth,authpriv.info @@(o)[2001:db8::1]:601;guestdRFC5424\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in\n%s", want, got)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(rsyslog.Render(targets))
	f.Add(rsyslog.RenderLegacy(targets[:2]))
	f.Add("*.* action(type=\"omfwd\" port=\"99999\")")
	f.Fuzz(func(t *testing.T, text string) {
		for _, target := range append(rsyslog.Parse(text), rsyslog.ParseLegacy(text)...) {
			if target.Selector == "" {
				t.Fatalf("a target without a selector: %+v", target)
			}
		}
	})
}

func TestWithDropIn(t *testing.T) {
	m := guesttest.New(map[string]string{
		"/etc/rsyslog.d/05-a.conf": "", "/etc/rsyslog.d/50-b.conf": "", rsyslog.DropIn: "old", "/etc/rsyslog.d/x.txt": "",
	})
	for _, line := range []string{
		"$IncludeConfig /etc/rsyslog.d/*.conf", "  $IncludeConfig /etc/rsyslog.d/", `include(file="/etc/rsyslog.d/*.conf" mode="optional")`,
	} {
		got, err := rsyslog.WithDropIn(m, "before\n"+line+"\nafter\n", "new\n")
		want := "before\n$IncludeConfig /etc/rsyslog.d/05-a.conf\nnew\n$IncludeConfig /etc/rsyslog.d/50-b.conf\nafter\n"
		if err != nil || got != want {
			t.Errorf("%s: got %q, %v", line, got, err)
		}
	}
	for _, line := range []string{"# $IncludeConfig /etc/rsyslog.d/*.conf", "$IncludeConfig /etc/rsyslog.d/one.conf", ""} {
		if rsyslog.ReadsDropIns(line + "\n") {
			t.Errorf("%q was taken for a line that reads drop-ins", line)
		}
	}
}

func TestCheck(t *testing.T) {
	const line = "/usr/sbin/rsyslogd -N1 -f /etc/rsyslog.d/guestd.candidate"
	m := guesttest.New(nil)
	m.OnDo(line, func(guest.Command) (guest.Result, error) {
		if got := m.Content("/etc/rsyslog.d/guestd.candidate"); got != "text" {
			t.Errorf("it was asked about %q", got)
		}
		return guest.Result{}, nil
	})
	if err := rsyslog.Check(t.Context(), m, "text"); err != nil {
		t.Error(err)
	}
	// As rsyslogd 8.2302 says it.
	m.On(line, guest.Result{ExitCode: 1, Stderr: []byte("rsyslogd: version 8.2302.0, config validation run (level 1), master config bad.conf\n" +
		"rsyslogd: error during parsing file bad.conf, on or before line 1: warnings occurred in file 'bad.conf' around line 1 [v8.2302.0 try https://www.rsyslog.com/e/2207 ]\n" +
		"rsyslogd: error during parsing file bad.conf, on or before line 1: invalid character '(' - is there an invalid escape sequence somewhere?\n")})
	err := rsyslog.Check(t.Context(), m, "text")
	var refused *rsyslog.RefusedError
	if !errors.As(err, &refused) || !strings.Contains(refused.Message, "invalid character '('") {
		t.Errorf("got %v", err)
	}
	if m.Exists("/etc/rsyslog.d/guestd.candidate") {
		t.Error("the candidate is left")
	}
}

func TestCAPerTarget(t *testing.T) {
	for said, want := range map[string]bool{
		"rsyslogd 8.24.0-57.el7_9.3, compiled with:\n":             false,
		"rsyslogd  8.2102.0 (aka 2021.02) compiled with:\n":        false,
		"rsyslogd  8.2108.0 (aka 2021.08) compiled with:\n":        true,
		"rsyslogd  9.1.0 compiled with:\n":                         true,
		"rsyslogd 5.8.10, compiled with:\n":                        false,
		"rsyslogd  8.2302.0 (aka 2023.02) compiled with:\n\tx:1\n": true,
	} {
		m := guesttest.New(nil).OnOutput("/usr/sbin/rsyslogd -v", said)
		if got, _, err := rsyslog.CAPerTarget(t.Context(), m); err != nil || got != want {
			t.Errorf("%q: got %v, %v", said, got, err)
		}
	}
	if _, _, err := rsyslog.CAPerTarget(t.Context(), guesttest.New(nil).OnOutput("/usr/sbin/rsyslogd -v", "?")); err == nil {
		t.Error("no version was taken")
	}
}
