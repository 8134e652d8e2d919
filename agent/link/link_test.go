package link

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io/fs"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nkeys"

	"innkeeper/agent/guest"
	"innkeeper/agent/link/wire"
	"innkeeper/agent/state"
)

// clock is time that passes when the test says so.
type clock struct {
	asked chan time.Duration
	over  chan time.Time
}

func newClock() *clock {
	return &clock{asked: make(chan time.Duration), over: make(chan time.Time)}
}

func (c *clock) After(d time.Duration) (<-chan time.Time, func()) {
	c.asked <- d
	return c.over, func() {}
}

// nobody is a handler of a guest that never hears anything.
type nobody struct{}

func (nobody) Desired(context.Context, state.Desired) error { return nil }
func (nobody) Refuse(uint64, []string)                      {}
func (nobody) Connected(bool)                               {}
func (nobody) Accepted() uint64                             { return 0 }

// unreachable is a Link whose attempts all fail, and what it dials.
func unreachable(t *testing.T, addresses ...string) (*clock, <-chan string, *bytes.Buffer) {
	t.Helper()
	c := newClock()
	dialled := make(chan string, 1000)
	log := &bytes.Buffer{}
	l := New(Options{
		Join:  testJoin(t, addresses...),
		Clock: c, Log: slog.New(slog.NewTextHandler(log, nil)),
		Dial: func(_ context.Context, network, address string) (net.Conn, error) {
			dialled <- address
			return nil, &net.OpError{Op: "dial", Net: network, Err: syscall.ECONNREFUSED}
		},
	})
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := l.Run(ctx, nobody{}); err != nil {
			t.Errorf("the link ended with %v", err)
		}
	})
	t.Cleanup(func() {
		cancel()
		running.Wait()
	})
	return c, dialled, log
}

func TestAttemptsGrowRarerUpToALimitAndNeverEnd(t *testing.T) {
	c, dialled, log := unreachable(t, "one:1")
	for i, most := range []time.Duration{1, 2, 4, 8, 16, 30, 30, 30} {
		most *= time.Second
		if d := <-c.asked; d < most/2 || d > most {
			t.Errorf("wait %d is %s, not from %s to %s", i, d, most/2, most)
		}
		c.over <- time.Time{}
	}
	for range 200 {
		<-c.asked
		c.over <- time.Time{}
	}
	<-c.asked
	if n := len(dialled); n != 209 {
		t.Errorf("it tried %d times", n)
	}
	if lines := strings.Count(log.String(), "\n"); lines != 4 {
		t.Errorf("209 failures of one kind take %d lines of log:\n%s", lines, log)
	}
}

func TestEveryAddressIsTriedBeforeWaiting(t *testing.T) {
	c, dialled, _ := unreachable(t, "one:1", "two:2", "three:3")
	for range 3 {
		<-c.asked
		for _, want := range []string{"one:1", "two:2", "three:3"} {
			if got := <-dialled; got != want {
				t.Fatalf("it dialled %s, not %s", got, want)
			}
		}
		c.over <- time.Time{}
	}
	<-c.asked
}

func TestTheNewestReportTakesThePlaceOfOneThatWaits(t *testing.T) {
	l := New(Options{})
	for revision := range uint64(1000) {
		l.Report(state.Reported{Revision: revision})
	}
	first := l.newest()
	var r state.Reported
	if err := json.Unmarshal(first.body, &r); err != nil || r.Revision != 999 {
		t.Errorf("revision %d waits, %v", r.Revision, err)
	}
	l.Report(state.Reported{Revision: 1000})
	l.delivered(first)
	second := l.newest()
	if second == nil || second.id == first.id {
		t.Fatal("the one that came while another was delivered is lost, or bears its id")
	}
	l.delivered(second)
	if l.newest() != nil {
		t.Error("a delivered one waits")
	}
}

func TestTwoProcessesDoNotUseTheSameReportIds(t *testing.T) {
	one, other := New(Options{}), New(Options{})
	one.Report(state.Reported{})
	other.Report(state.Reported{})
	if one.newest().id == other.newest().id {
		t.Error("they do")
	}
}

func TestAReportThatIsTooLargeLosesWhatMadeItSo(t *testing.T) {
	huge := json.RawMessage(`"` + strings.Repeat("a", wire.MaxReport) + `"`)
	given := state.Reported{Guest: "web-1", Revision: 3, Sections: map[string]state.Section{
		"x": {Status: state.Failed, Message: "why", Actual: huge, Changes: []string{"a"}},
	}}
	body, err := encode(given)
	if err != nil || len(body) > wire.MaxReport {
		t.Fatalf("%d bytes, %v", len(body), err)
	}
	var r state.Reported
	if err := json.Unmarshal(body, &r); err != nil {
		t.Fatal(err)
	}
	if s := r.Sections["x"]; s.Status != state.Failed || s.Message != "why" || s.Actual != nil || len(r.Agent.Notes) != 1 {
		t.Errorf("it says %+v", r)
	}
	if given.Sections["x"].Actual == nil || given.Agent.Notes != nil {
		t.Error("the report that was given is altered")
	}
}

func TestAJoinFileThatOthersCanReadIsRefused(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("modes say nothing on Windows")
	}
	file := filepath.Join(t.TempDir(), "join.json")
	if _, err := Load(guest.Local(), file); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	raw, err := testJoin(t, "one:1").Encode()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	for mode, good := range map[fs.FileMode]bool{0o600: true, 0o400: true, 0o640: false, 0o604: false, 0o660: false, 0o601: false} {
		if err := os.Chmod(file, mode); err != nil {
			t.Fatal(err)
		}
		j, err := Load(guest.Local(), file)
		if good && (err != nil || j.Guest != "web-1") {
			t.Errorf("%04o: %v", mode, err)
		}
		if !good && (err == nil || !strings.Contains(err.Error(), "chmod 600 "+file)) {
			t.Errorf("%04o: %v", mode, err)
		}
	}
}

func TestAJoinFileOfAnotherUserIsRefused(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can give a file away")
	}
	file := filepath.Join(t.TempDir(), "join.json")
	raw, err := testJoin(t, "one:1").Encode()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(file, 4321, 0); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(guest.Local(), file); err == nil || !strings.Contains(err.Error(), "belongs to user 4321 and not to root") {
		t.Errorf("got %v", err)
	}
}

// FuzzRead is about documents that the platform signed.
func FuzzRead(f *testing.F) {
	f.Add([]byte(`{"revision":8,"guest":"web-1","sections":{"hostname":{"name":"alpha"}}}`), uint64(7))
	f.Add([]byte(`{"revision":6,"guest":"web-1","sections":{}}`), uint64(7))
	f.Add([]byte(`{"Revision":8,"GUEST":"web-1","guest":"web-2","sections":{}}`), uint64(7))
	f.Fuzz(func(t *testing.T, document []byte, accepted uint64) {
		d, refusal := read("web-1", accepted, document)
		if refusal != nil {
			if len(refusal.Reasons) == 0 {
				t.Error("it is refused without a reason")
			}
			return
		}
		if d.Guest != "web-1" || d.Revision < accepted || d.Revision == 0 {
			t.Errorf("it is taken: %+v", d)
		}
	})
}

func FuzzDoorbell(f *testing.F) {
	f.Add([]byte(`{"revision":7}`), uint64(7))
	f.Add([]byte(``), uint64(0))
	f.Fuzz(func(t *testing.T, body []byte, accepted uint64) {
		if !worthy(body, accepted) && !json.Valid(body) {
			t.Errorf("%q does not ring", body)
		}
	})
}

// testJoin is a join file with keys made for this test.
func testJoin(t *testing.T, addresses ...string) wire.Join {
	t.Helper()
	pair, err := nkeys.CreateUser()
	if err != nil {
		t.Fatal(err)
	}
	seed, err := pair.Seed()
	if err != nil {
		t.Fatal(err)
	}
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, public, private)
	if err != nil {
		t.Fatal(err)
	}
	return wire.Join{
		Guest: "web-1", Addresses: addresses, Seed: string(seed), PlatformKey: public,
		CA: string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})),
	}
}
