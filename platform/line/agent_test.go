package line_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"innkeeper/agent/link"
	"innkeeper/agent/link/wire"
	"innkeeper/agent/state"
	"innkeeper/platform/identity"
)

// agent is the real link with a handler that notes what it is told.
type agent struct {
	accepted uint64
	desired  chan state.Desired
	refused  chan state.Refusal
	up       chan bool
}

func (a *agent) Desired(_ context.Context, d state.Desired) error { a.desired <- d; return nil }
func (a *agent) Refuse(revision uint64, reasons []string) {
	a.refused <- state.Refusal{Revision: revision, Reasons: reasons}
}
func (a *agent) Connected(up bool) { a.up <- up }
func (a *agent) Accepted() uint64  { return a.accepted }

// run keeps an agent on the line until the test ends.
func run(t *testing.T, j wire.Join, accepted uint64) (*agent, *book) {
	t.Helper()
	return runWith(t, j, accepted, nil)
}

func runWith(t *testing.T, j wire.Join, accepted uint64, c link.Clock) (*agent, *book) {
	t.Helper()
	log := &book{}
	a, _ := runLink(t, accepted, link.Options{Join: j, Clock: c, Log: slog.New(slog.NewTextHandler(log, nil))})
	return a, log
}

// runLink keeps a link with an agent of its own until the test ends.
func runLink(t *testing.T, accepted uint64, o link.Options) (*agent, *link.Link) {
	t.Helper()
	a := &agent{accepted: accepted, desired: make(chan state.Desired, 10), refused: make(chan state.Refusal, 10), up: make(chan bool, 10)}
	l := link.New(o)
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = l.Run(ctx, a) })
	t.Cleanup(func() {
		cancel()
		running.Wait()
	})
	return a, l
}

type book struct {
	mu  sync.Mutex
	buf bytes.Buffer
	new chan struct{}
}

func (b *book) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.new != nil {
		close(b.new)
		b.new = nil
	}
	return b.buf.Write(p)
}

func (b *book) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

func (b *book) await(t *testing.T, text string) {
	t.Helper()
	over := time.After(patience)
	for {
		b.mu.Lock()
		got := b.buf.String()
		news := b.new
		if news == nil {
			news = make(chan struct{})
			b.new = news
		}
		b.mu.Unlock()
		if strings.Contains(got, text) {
			return
		}
		select {
		case <-news:
		case <-over:
			t.Fatalf("the log does not say %q:\n%s", text, got)
		}
	}
}

func document(t *testing.T, guest string, revision uint64, sections string) []byte {
	t.Helper()
	return fmt.Appendf(nil, `{"revision":%d,"guest":%q,"sections":%s}`, revision, guest, sections)
}

func seal(t *testing.T, key ed25519.PrivateKey, document []byte) []byte {
	t.Helper()
	sealed, err := wire.Seal(key, document)
	if err != nil {
		t.Fatal(err)
	}
	return sealed
}

func TestAnAgentRefusesWhatIsNotItsNextDocument(t *testing.T) {
	p := open(t)
	key := p.id.Signing
	_, foreign, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	good := document(t, "web-1", 8, `{"hostname":{"name":"alpha"}}`)
	swapped := func(document []byte) []byte {
		var e struct {
			Document  []byte `json:"document"`
			Signature []byte `json:"signature"`
		}
		if err := json.Unmarshal(seal(t, key, good), &e); err != nil {
			t.Fatal(err)
		}
		e.Document = document
		raw, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	for name, c := range map[string]struct {
		sealed   []byte
		revision uint64
		reason   string
	}{
		"forged":             {seal(t, foreign, good), 0, "signature is not the platform's"},
		"unsigned":           {[]byte(`{"document":"` + "e30=" + `","signature":""}`), 0, "signature is not the platform's"},
		"altered":            {swapped(document(t, "web-1", 9, `{}`)), 0, "signature is not the platform's"},
		"signed without use": {bareSigned(t, key, good), 0, "signature is not the platform's"},
		"replayed":           {seal(t, key, document(t, "web-1", 6, `{}`)), 6, "6 is older than 7"},
		"revision 0":         {seal(t, key, document(t, "web-1", 0, `{}`)), 0, "0 is older than 7"},
		"another guest's":    {seal(t, key, document(t, "web-2", 8, `{}`)), 8, `"web-2" is another guest`},
		"truncated":          {seal(t, key, good)[:60], 0, "ends too early"},
		"document truncated": {seal(t, key, good[:30]), 0, "ends too early"},
		"not JSON":           {[]byte("hello"), 0, "is not a signed document"},
		"more after it":      {append(seal(t, key, good), "{}"...), 0, "something after its end"},
		"too large":          {seal(t, key, document(t, "web-1", 8, `{"x":{"y":"`+strings.Repeat("a", state.MaxDocument+2000)+`"}}`)), 0, "at most"},
		"a little too large": {seal(t, key, append(good, bytes.Repeat([]byte(" "), state.MaxDocument-len(good)+1)...)), 8, "at most 1048576 are read"},
		"too deep":           {seal(t, key, document(t, "web-1", 8, `{"x":`+strings.Repeat(`{"y":`, 40)+`{}`+strings.Repeat("}", 40)+`}`)), 8, "deeper than 32"},
		"bad value":          {seal(t, key, document(t, "web-1", 8, `{"hostname":{"name":"-no-"}}`)), 8, "hostname.name"},
		"key twice":          {seal(t, key, []byte(`{"revision":8,"guest":"web-1","sections":{},"sections":{}}`)), 8, "sections: is there twice"},
	} {
		t.Run(name, func(t *testing.T) {
			p.mu.Lock()
			p.sealed["web-1"] = c.sealed
			p.mu.Unlock()
			a, _ := run(t, p.enrol(t, "web-1"), 7)
			select {
			case r := <-a.refused:
				if r.Revision != c.revision || !strings.Contains(strings.Join(r.Reasons, "; "), c.reason) {
					t.Errorf("refused revision %d: %.300q", r.Revision, r.Reasons)
				}
			case d := <-a.desired:
				t.Errorf("it was accepted: %.300v", d)
			case <-time.After(patience):
				t.Error("nothing happened")
			}
		})
	}
}

// bareSigned is signed by the right key, and not as a desired document.
func bareSigned(t *testing.T, key ed25519.PrivateKey, document []byte) []byte {
	t.Helper()
	raw, err := json.Marshal(map[string][]byte{"document": document, "signature": ed25519.Sign(key, document)})
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func TestAnAgentTakesTheNextDocumentAndTheOneInForce(t *testing.T) {
	p := open(t)
	for _, revision := range []uint64{7, 8, 900} {
		p.mu.Lock()
		p.sealed["web-1"] = seal(t, p.id.Signing, document(t, "web-1", revision, `{"hostname":{"name":"alpha"}}`))
		p.mu.Unlock()
		a, _ := run(t, p.enrol(t, "web-1"), 7)
		select {
		case d := <-a.desired:
			if d.Revision != revision || string(d.Sections["hostname"]) != `{"name":"alpha"}` {
				t.Errorf("it got %v", d)
			}
		case r := <-a.refused:
			t.Errorf("%d was refused: %q", revision, r.Reasons)
		case <-time.After(patience):
			t.Errorf("%d: nothing happened", revision)
		}
	}
}

func TestAnAgentDoesNotSpeakToAPlatformOfAnotherAuthority(t *testing.T) {
	p := open(t)
	j := p.enrol(t, "web-1")
	other, err := identity.Load(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	j.CA = other.CA
	a, log := run(t, j, 0)
	log.await(t, "certificate signed by unknown authority")
	select {
	case <-a.up:
		t.Error("the line is up")
	case guest := <-p.asked:
		t.Errorf("%s asked for its document", guest)
	default:
	}
	if strings.Contains(log.String(), j.Seed) {
		t.Error("the log has the seed")
	}
}

func TestAnAgentTriesItsOtherAddresses(t *testing.T) {
	p := open(t)
	j := p.enrol(t, "web-1")
	j.Addresses = append([]string{"127.0.0.1:1", "no-such-host.invalid:4222"}, j.Addresses...)
	a, _ := run(t, j, 0)
	select {
	case up := <-a.up:
		if !up {
			t.Error("the line is down")
		}
	case <-time.After(patience):
		t.Error("the line did not come up")
	}
}

func TestAnAgentFetchesWhenTheDoorbellRings(t *testing.T) {
	p := open(t)
	a, _ := run(t, p.enrol(t, "web-1"), 7)
	<-a.up
	<-p.asked // on connecting
	if err := p.line.Ring("web-1", 7); err != nil {
		t.Fatal(err)
	}
	if err := p.line.Ring("web-1", 8); err != nil {
		t.Fatal(err)
	}
	select {
	case <-p.asked:
	case <-time.After(patience):
		t.Fatal("it did not ask")
	}
	select {
	case <-p.asked:
		t.Error("it asked for what is in force")
	default:
	}
}

// clock is time that passes when the test says so.
type clock struct {
	asked chan time.Duration
	over  chan time.Time
}

func (c clock) After(d time.Duration) (<-chan time.Time, func()) {
	select {
	case c.asked <- d:
	default: // the test is over
	}
	return c.over, func() {}
}

func TestAnAgentFetchesNowAndThenWithoutBeingRungFor(t *testing.T) {
	p := open(t)
	c := clock{asked: make(chan time.Duration, 100), over: make(chan time.Time)}
	runWith(t, p.enrol(t, "web-1"), 7, c)
	<-p.asked // on connecting
	seen := map[time.Duration]bool{}
	for range 20 {
		d := <-c.asked
		if d < 9*time.Minute || d > 11*time.Minute {
			t.Fatalf("it waits %s", d)
		}
		seen[d] = true
		c.over <- time.Time{}
		<-p.asked
	}
	if len(seen) < 2 {
		t.Error("every wait is the same: guests that start together would stay together")
	}
}

func TestAnAgentAsksAgainSoonWhenThePlatformCannotAnswer(t *testing.T) {
	p := open(t)
	p.broken = true
	c := clock{asked: make(chan time.Duration, 100), over: make(chan time.Time)}
	a, _ := runWith(t, p.enrol(t, "web-1"), 7, c)
	for _, most := range []time.Duration{1, 2, 4, 8} {
		<-p.asked
		if d := <-c.asked; d < most*time.Second/2 || d > most*time.Second {
			t.Fatalf("it waits %s, not up to %d s", d, most)
		}
		c.over <- time.Time{}
	}
	select {
	case r := <-a.refused:
		t.Errorf("it refused %+v", r)
	case d := <-a.desired:
		t.Errorf("it took %+v", d)
	default:
	}
}
