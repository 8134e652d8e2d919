package update

import (
	"bytes"
	"context"
	"io"
	"os"
	"strings"
	"testing"
	"time"
)

// tried, in the environment, makes this test's program a guestd that is tried.
const tried = "GUESTD_TEST_TRIED"

func TestMain(m *testing.M) {
	if os.Getenv(tried) != "" {
		os.Exit(beTried())
	}
	os.Exit(m.Run())
}

func beTried() int {
	seat, err := TakeSeat(os.Stdin, os.Stdout)
	if err != nil {
		return 4
	}
	ctx := seat.Until(context.Background())
	if _, err := io.WriteString(os.Stdout, "something else\n"); err != nil {
		return 5
	}
	if err := seat.Prove(append([]byte("signed "), seat.Nonce...)); err != nil {
		return 6
	}
	<-ctx.Done()
	return 7
}

func TestTheOldAndTheNewOneUnderstandEachOther(t *testing.T) {
	t.Setenv(tried, "well")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	nonce := bytes.Repeat([]byte{9}, nonceSize)
	c, err := Launch(self, nil, nonce, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	select {
	case answer := <-c.Proof():
		if string(answer) != "signed "+string(nonce) {
			t.Errorf("it answers %q", answer)
		}
	case <-c.Done():
		t.Errorf("it ended with %s", c.End())
	case <-time.After(time.Minute):
		t.Error("it says nothing")
	}
	c.Stop()
	if c.End() != "exit status 7" {
		t.Errorf("it ended with %s", c.End())
	}
}

func TestAGuestdThatNobodyTriesSaysSo(t *testing.T) {
	for _, in := range []string{"", "\n", nonceWord + "\n", nonceWord + "AAAA\n", strings.Repeat("x", 2*maxWords)} {
		if _, err := TakeSeat(strings.NewReader(in), io.Discard); err == nil || !strings.Contains(err.Error(), "without --trial") {
			t.Errorf("%.20q: %v", in, err)
		}
	}
	if _, err := Launch("/no/such/guestd", nil, nil, io.Discard); err == nil {
		t.Error("what is not there was started")
	}
}

func FuzzHearing(f *testing.F) {
	f.Add([]byte("log\n"+proofWord+"YQ==\n"), 3)
	f.Add([]byte(strings.Repeat("x", maxWords+1)+"\n"+proofWord+"YQ==\n"), 100)
	f.Fuzz(func(t *testing.T, said []byte, at int) {
		h := &hearing{proof: make(chan []byte, 1)}
		at = min(max(at, 0), len(said))
		for _, part := range [][]byte{said[:at], said[at:]} {
			if n, err := h.Write(part); n != len(part) || err != nil {
				t.Fatal(n, err)
			}
		}
		if len(h.line) > maxWords+1 {
			t.Errorf("it keeps %d bytes", len(h.line))
		}
		select {
		case answer := <-h.proof:
			if !bytes.Contains(said, []byte(proofWord)) {
				t.Errorf("%q is heard of nothing", answer)
			}
		default:
		}
	})
}

func FuzzRecord(f *testing.F) {
	good, err := Record{ID: "a", Version: "2", Size: 1, SHA256: make([]byte, 32), Window: 1, Stage: Ready}.encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte(header + "\n{}"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		r, err := parse(raw)
		if err != nil {
			return
		}
		again, err := r.encode()
		if err != nil || r.ID == "" || len(r.SHA256) != 32 {
			t.Errorf("%q is taken: %v", raw, err)
		}
		if _, err := parse(again); err != nil {
			t.Errorf("%q is not read again: %v", again, err)
		}
	})
}
