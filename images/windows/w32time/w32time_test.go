package w32time

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func text(s *string) string {
	if s == nil {
		return "-"
	}
	return *s
}

func TestParse(t *testing.T) {
	for line, want := range map[string]string{
		"/config|/manualpeerlist:a.example,0x8 b.example|/syncfromflags:manual|/update": "config a.example,0x8 b.example NTP update",
		"/Config|/SyncFromFlags:DOMHIER":                                                "config - NT5DS",
		"/config|/manualpeerlist:":                                                      "config  -",
		"/config|/update":                                                               "config - - update",
		"/query|/source":                                                                "query - - source",
		"/query|/status|/verbose":                                                       "query - - status verbose",
		"/resync":                                                                       "resync - -",
		"/tz":                                                                           "tz - -",
	} {
		r, err := Parse(strings.Split(line, "|"))
		got := r.Command + " " + text(r.Peers) + " " + text(r.Type)
		for word, on := range map[string]bool{"update": r.Update, "source": r.Source, "status": r.Status} {
			if on {
				got += " " + word
			}
		}
		if r.Verbose {
			got += " verbose"
		}
		if err != nil || got != want {
			t.Errorf("%s: %q, %v; want %q", line, got, err, want)
		}
	}
	for line, says := range map[string]string{
		"":                                     "is not provided",
		"/stripchart|/computer:a":              "/stripchart is not provided",
		"/config":                              "needs something to set",
		"/config|/computer:a":                  "/computer:a is not provided",
		"/config|/syncfromflags:ntp":           `"ntp" is none of`,
		"/config|/manualpeerlist:a.example,8x": "flags of the peer",
		"/query":                               "needs one of",
		"/query|/source|/status":               "needs one of",
		"/query|/source|/verbose":              "goes with",
		"/tz|/update":                          "is not provided",
	} {
		if _, err := Parse(strings.Split(line, "|")); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v, want %q", line, err, says)
		}
	}
}

func TestShow(t *testing.T) {
	s := Status{Source: "ntp.example,0x8", Address: "198.51.100.124", Offset: -1500 * time.Microsecond, At: time.Now()}
	for _, want := range []string{
		"\r\nSource: ntp.example,0x8\r\n", "(source IP:  198.51.100.124)\r\n", "0xC633647C", "\r\nPhase Offset: -0.0015000s\r\n", "State Machine: 2 (Sync)",
	} {
		if got := Show(Request{Status: true, Verbose: true}, s); !strings.Contains(got, want) {
			t.Errorf("%q is not in\n%s", want, got)
		}
	}
	if got := Show(Request{Source: true}, s); got != "ntp.example,0x8\r\n" {
		t.Errorf("got %q", got)
	}
	if got := Show(Request{Source: true}, Status{}); got != "Local CMOS Clock\r\n" {
		t.Errorf("got %q", got)
	}
	file := filepath.Join(t.TempDir(), "status")
	if err := s.Write(file); err != nil {
		t.Fatal(err)
	}
	if back, err := ReadStatus(file); err != nil || !back.At.Equal(s.At) || back.Offset != s.Offset || back.Source != s.Source {
		t.Errorf("kept as %+v, %v", back, err)
	}
}

func TestAsk(t *testing.T) {
	const ahead = 90 * time.Second
	answers := func(host string, request []byte) ([]byte, string, error) {
		if host == "away.example" {
			return nil, "", errors.New("no answer")
		}
		b := slices.Clone(request)
		copy(b[24:], b[40:48])
		b[0], b[1] = 3<<3|4, 1
		putTime(b[32:], time.Now().Add(ahead))
		putTime(b[40:], time.Now().Add(ahead))
		return b, "198.51.100.124", nil
	}
	s, err := Ask("ntp.example,0x8", answers, time.Now)
	if err != nil || s.Source != "ntp.example,0x8" || s.Address != "198.51.100.124" || (s.Offset-ahead).Abs() > time.Second {
		t.Errorf("got %+v, %v", s, err)
	}
	if _, err := Ask("away.example", answers, time.Now); err == nil || err.Error() != "ask away.example: no answer" {
		t.Errorf("got %v", err)
	}
}

func FuzzOffset(f *testing.F) {
	f.Add(make([]byte, 48))
	f.Fuzz(func(t *testing.T, b []byte) {
		sent := time.Unix(1795455488, 0)
		if _, err := offsetOf(b, sent, sent); err == nil && len(b) < 48 {
			t.Fatal("a short answer counts")
		}
	})
}

// The clock is set by the first peer that answers, left where it is right or
// too wrong, and the configuration is read anew when told so.
func TestService(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex // of what follows
		kind, peers := "NTP", "away.example,0x8 ntp.example,0x8"
		offset := time.Minute
		var did []string
		change := func(do func()) {
			mu.Lock()
			defer mu.Unlock()
			do()
		}
		s := Service{
			Configured: func() (string, string, error) {
				mu.Lock()
				defer mu.Unlock()
				return kind, peers, nil
			},
			Ask: func(peer string) (Status, error) {
				mu.Lock()
				defer mu.Unlock()
				did = append(did, "ask "+peer)
				if strings.HasPrefix(peer, "away") {
					return Status{}, errors.New("no answer")
				}
				return Status{Source: peer, Offset: offset}, nil
			},
			Move: func(by time.Duration) error {
				change(func() { did = append(did, "move "+by.String()) })
				return nil
			},
			Keep: func(s Status) error { change(func() { did = append(did, "keep "+s.Source) }); return nil },
			Log:  func(error) {},
		}
		ctx, cancel := context.WithCancel(t.Context())
		anew, ended := make(chan struct{}), make(chan struct{})
		go func() { defer close(ended); s.Run(ctx, anew) }()
		expect := func(what string, want ...string) {
			t.Helper()
			synctest.Wait()
			mu.Lock()
			defer mu.Unlock()
			if !slices.Equal(did, want) {
				t.Errorf("%s it did %q, want %q", what, did, want)
			}
			did = nil
		}
		expect("first", "ask away.example,0x8", "ask ntp.example,0x8", "move 1m0s", "keep ntp.example,0x8")
		change(func() { offset = 20 * time.Hour })
		time.Sleep(poll)
		expect("with a clock too wrong", "ask away.example,0x8", "ask ntp.example,0x8", "keep ntp.example,0x8")
		change(func() { peers = "away.example" })
		anew <- struct{}{}
		expect("told anew", "ask away.example", "keep ")
		change(func() { kind = "NoSync" })
		time.Sleep(retry)
		expect("told to follow nobody", "keep ")
		cancel()
		<-ended
	})
}
