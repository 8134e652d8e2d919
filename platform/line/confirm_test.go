package line_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"innkeeper/agent/link"
	"innkeeper/agent/link/wire"
)

// confirm has a guest of p ask for a sign of life.
func confirm(t *testing.T, j wire.Join, window time.Duration, o link.Options) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), window)
	defer cancel()
	o.Join = j
	return link.New(o).Confirm(ctx)
}

func TestAPlatformConfirmsThatItIsReached(t *testing.T) {
	p := open(t)
	j := p.enrol(t, "web-1")
	j.Addresses = append([]string{"127.0.0.1:1"}, j.Addresses...)
	var dialled atomic.Int32
	o := link.Options{Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
		dialled.Add(1)
		return (&net.Dialer{}).DialContext(ctx, network, address)
	}}
	for range 2 {
		if err := confirm(t, j, patience, o); err != nil {
			t.Error(err)
		}
	}
	if n := dialled.Load(); n != 4 {
		t.Errorf("two confirmations dialled %d times: each needs a connection of its own", n)
	}
}

func TestOnlyThePlatformsOwnAnswerToThisNonceConfirms(t *testing.T) {
	p := open(t)
	j := p.enrol(t, "web-1")
	_, foreign, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	var before []byte
	for name, answer := range map[string]func(guest string, nonce []byte) ([]byte, error){
		"another's key": func(guest string, nonce []byte) ([]byte, error) { return wire.SignConfirm(foreign, guest, nonce) },
		"another guest": func(_ string, nonce []byte) ([]byte, error) {
			return wire.SignConfirm(p.id.Signing, "web-2", nonce)
		},
		"replayed": func(guest string, nonce []byte) ([]byte, error) {
			if before == nil {
				before, _ = wire.SignConfirm(p.id.Signing, guest, make([]byte, wire.NonceSize))
			}
			return before, nil
		},
		"signed for something else": func(_ string, nonce []byte) ([]byte, error) { return wire.Seal(p.id.Signing, nonce) },
		"empty":                     func(string, []byte) ([]byte, error) { return nil, nil },
		"broken":                    func(string, []byte) ([]byte, error) { return nil, errors.New("no") },
	} {
		p.mu.Lock()
		p.confirm = answer
		p.mu.Unlock()
		ctx, cancel := context.WithCancel(t.Context())
		c := clock{asked: make(chan time.Duration, 100), over: make(chan time.Time)}
		ended := make(chan error, 1)
		go func() { ended <- link.New(link.Options{Join: j, Clock: c}).Confirm(ctx) }()
		select {
		case <-c.asked: // it was answered and is about to try again
		case err := <-ended:
			ended <- err
		case <-time.After(patience):
			t.Errorf("%s: nothing happened", name)
		}
		cancel()
		if err := <-ended; err == nil {
			t.Errorf("%s confirms", name)
		}
	}
}

func TestAConfirmationThatDoesNotComeTellsWhy(t *testing.T) {
	p := open(t)
	j := p.enrol(t, "web-1")
	p.line.Close()
	err := confirm(t, j, time.Second, link.Options{})
	if err == nil || !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), j.Addresses[0]) || !strings.Contains(err.Error(), "refused") {
		t.Errorf("got %v", err)
	}
}

// After a change of the network the old connection may be dead without a word.
func TestAConfirmationMakesASilentLineAnew(t *testing.T) {
	p := open(t)
	var first atomic.Pointer[mute]
	dial := func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
		m := &mute{Conn: conn}
		first.CompareAndSwap(nil, m)
		return m, err
	}
	a, l := runLink(t, 0, link.Options{Join: p.enrol(t, "web-1"), Dial: dial})
	if !<-a.up || !l.Up() {
		t.Fatal("the line is not up")
	}
	<-p.asked
	first.Load().silent.Store(true)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := l.Confirm(ctx); err != nil {
		t.Fatal(err)
	}
	for _, want := range []bool{false, true} {
		select {
		case up := <-a.up:
			if up != want {
				t.Errorf("the line is up: %t", up)
			}
		case <-time.After(patience):
			t.Fatalf("the line did not become %t", want)
		}
	}
}

// mute is a connection that swallows what is written once it is silent.
type mute struct {
	net.Conn
	silent atomic.Bool
}

func (m *mute) Write(b []byte) (int, error) {
	if m.silent.Load() {
		return len(b), nil
	}
	return m.Conn.Write(b)
}
