package guest

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"innkeeper/images/system"
)

func newGuest(t *testing.T, s system.System) (*Guest, *sshd) {
	t.Helper()
	server, client := newSSHD(t)
	g := New(Options{System: s, Signer: client, Dial: server.dial})
	t.Cleanup(g.Disconnect)
	return g, server
}

func TestCommandsShareOneConnection(t *testing.T) {
	g, server := newGuest(t, system.System{Name: "ubuntu"})
	for range 3 {
		out, err := g.Raw(t.Context(), "printf", "%s|", "a b", "it's", "$HOME", "")
		if err != nil {
			t.Fatal(err)
		}
		if want := "a b|it's|$HOME||"; out.Stdout != want {
			t.Errorf("got %q, want %q", out.Stdout, want)
		}
	}
	if server.dials != 1 {
		t.Errorf("%d connections for three commands", server.dials)
	}
}

func TestAStatusOtherThanZeroIsToldWithWhatWasSaid(t *testing.T) {
	g, _ := newGuest(t, system.System{Name: "ubuntu"})
	_, err := g.Script(t.Context(), "echo out; echo no such name >&2; exit 7")
	var status *ExitError
	if !errors.As(err, &status) || status.Output.ExitCode != 7 || status.Output.Stdout != "out\n" {
		t.Fatalf("got %v", err)
	}
	if !strings.Contains(err.Error(), "no such name") || !strings.Contains(err.Error(), "ubuntu") {
		t.Errorf("the error says %q", err)
	}
}

func TestExecIsPutBeforeTheSystemsOwnPrograms(t *testing.T) {
	g, _ := newGuest(t, system.System{Name: "windows", Tools: system.Tools{Exec: []string{"echo", "winrun"}, Drive: "/srv/c"}})
	out, err := g.Run(t.Context(), "hostname")
	if err != nil || out.Stdout != "winrun hostname\n" {
		t.Errorf("got %q, %v", out.Stdout, err)
	}
	if got := g.FilePath(`C:\Program Files\guestd\guestd.exe`); got != "/srv/c/Program Files/guestd/guestd.exe" {
		t.Errorf("the file is at %s", got)
	}
}

func TestADeadlineEndsACommand(t *testing.T) {
	g, _ := newGuest(t, system.System{Name: "ubuntu"})
	ctx, cancel := context.WithTimeoutCause(t.Context(), 100*time.Millisecond, errors.New("long enough"))
	defer cancel()
	begun := time.Now()
	_, err := g.Script(ctx, "echo begun; exec sleep 300")
	if err == nil || !strings.Contains(err.Error(), "long enough") {
		t.Errorf("got %v", err)
	}
	if took := time.Since(begun); took > 2*time.Minute {
		t.Errorf("ended after %s", took)
	}
	if _, err := g.Script(t.Context(), "true"); err != nil {
		t.Errorf("the next command: %v", err)
	}
}

func TestABrokenConnectionIsMadeAgain(t *testing.T) {
	g, server := newGuest(t, system.System{Name: "ubuntu"})
	if err := g.Connect(t.Context()); err != nil {
		t.Fatal(err)
	}
	gone := g.Gone()
	server.hangUp()
	<-gone
	if _, err := g.Script(t.Context(), "true"); err != nil {
		t.Fatal(err)
	}
	if server.dials != 2 {
		t.Errorf("%d connections, want 2", server.dials)
	}
}

func TestAGuestThatNeverAnswersIsToldApart(t *testing.T) {
	refused := errors.New("connection refused")
	g := New(Options{System: system.System{Name: "pfsense"}, Signer: signer(t), Dial: func(context.Context) (net.Conn, error) { return nil, refused }})
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	err := g.Connect(ctx)
	if !errors.Is(err, refused) || !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "pfsense") {
		t.Errorf("got %v", err)
	}
}

func TestDeploySendsOnlyWhatDiffers(t *testing.T) {
	g, _ := newGuest(t, system.System{Name: "ubuntu"})
	dst := filepath.Join(t.TempDir(), "deep", "guestd")
	local := tempFile(t, "program one")
	for i, want := range []bool{true, false} {
		sent, err := g.Deploy(t.Context(), local, dst)
		if err != nil {
			t.Fatal(err)
		}
		if sent != want {
			t.Errorf("time %d: sent is %v", i+1, sent)
		}
	}
	if sent, err := g.Deploy(t.Context(), tempFile(t, "program two"), dst); err != nil || !sent {
		t.Errorf("another program: sent is %v, %v", sent, err)
	}
	data, err := os.ReadFile(dst)
	if err != nil || string(data) != "program two" {
		t.Errorf("deployed %q, %v", data, err)
	}
	if info, err := os.Stat(dst); err != nil || info.Mode().Perm() != 0o755 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if left, _ := filepath.Glob(dst + ".*"); len(left) > 0 {
		t.Errorf("left behind %v", left)
	}
}

func TestPutSetsTheMode(t *testing.T) {
	g, _ := newGuest(t, system.System{Name: "ubuntu"})
	dst := filepath.Join(t.TempDir(), "a b", "join.json")
	if err := g.Put(t.Context(), []byte("secret"), dst, 0o600); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(dst)
	if err != nil || info.Mode().Perm() != 0o600 || info.Size() != 6 {
		t.Errorf("%v, %v", info, err)
	}
	got, err := g.Fetch(t.Context(), dst, 3)
	if err != nil || string(got) != "ret" {
		t.Errorf("the last 3 bytes are %q, %v", got, err)
	}
}

func TestObserveQuotesTheAnswer(t *testing.T) {
	g, _ := newGuest(t, system.System{Name: "ubuntu"})
	names := Names{Name: "web1", Domain: "example.net"}
	check := system.Check{Title: "full name", Command: []string{"echo", "web1.example.net"}, Want: `^{{fqdn}}$`}
	if err := g.Observe(t.Context(), check, names); err != nil {
		t.Error(err)
	}
	check.Command = []string{"echo", "web1xexample.net"} // the dot is a dot
	if err := g.Observe(t.Context(), check, names); err == nil || !strings.Contains(err.Error(), "web1xexample.net") {
		t.Errorf("got %v", err)
	}
	check.Want = "("
	if err := g.Observe(t.Context(), check, names); err == nil || !strings.Contains(err.Error(), "catalogue") {
		t.Errorf("a bad pattern gives %v", err)
	}
}

func TestSeveralToolsAreAskedAtOnce(t *testing.T) {
	g, _ := newGuest(t, system.System{Name: "windows", Tools: system.Tools{Exec: []string{"echo", "run"}}})
	file := tempFile(t, "")
	checks := []system.Check{
		{Title: "counted", Command: []string{"sh", "-c", "echo x >> " + file + "; wc -l < " + file}, Raw: true, Want: `^\s*1$`},
		{Title: "no end of line", Command: []string{"printf", "web1"}, Raw: true, Want: `^{{name}}$`},
		{Title: "counted once", Command: []string{"sh", "-c", "echo x >> " + file + "; wc -l < " + file}, Raw: true, Want: `^\s*1$`},
		{Title: "by exec", Command: []string{"hostname"}, Want: `^run hostname$`},
		{Title: "ends badly", Command: []string{"sh", "-c", "echo web1; echo oh >&2; exit 3"}, Raw: true, Want: `^{{name}}$`},
	}
	if err := g.ObserveAll(t.Context(), checks, Names{Name: "web1"}); err != nil {
		t.Error(err)
	}
	err := g.ObserveAll(t.Context(), checks[1:], Names{Name: "web2"})
	for _, want := range []string{"no end of line", `"web1"`, "ends badly", "exit status 3", `"oh\n"`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("the error does not say %s: %v", want, err)
		}
	}
	checks[0].Command = []string{"exit", "0"}
	if err := g.ObserveAll(t.Context(), checks, Names{Name: "web1"}); err == nil || !strings.Contains(err.Error(), "answers") {
		t.Errorf("a command that ends the shell gives %v", err)
	}
}

func TestStampsTellAWrite(t *testing.T) {
	g, _ := newGuest(t, system.System{Name: "ubuntu"})
	file := tempFile(t, "one")
	stamps := func() string {
		s, err := g.Stamps(t.Context(), []string{file, "/no/such/file"})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	before := stamps()
	if before != stamps() || !strings.Contains(before, "/no/such/file absent") {
		t.Errorf("two looks differ, or the absent file is not told: %q", before)
	}
	if err := os.WriteFile(file, []byte("one"), 0o600); err != nil {
		t.Fatal(err)
	}
	if stamps() == before {
		t.Error("the same bytes written again go unnoticed")
	}
}
