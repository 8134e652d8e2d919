package middleware

import (
	"context"
	"encoding/json"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"innkeeper/agent/mechanisms/middleware/middlewaretest"
)

func TestCall(t *testing.T) {
	s := middlewaretest.Start(t)
	s.Noise = `{"msg":"added","collection":"core.get_jobs","id":1}`
	c, err := Connect(t.Context(), s.Socket)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	n, pair, err := c.NetworkConfig(t.Context())
	if err != nil || pair || n != (Network{"truenas", "local"}) {
		t.Fatalf("got %+v, %v, %v", n, pair, err)
	}
	if err := c.SetNetwork(t.Context(), Network{"nas1", "lab.test"}); err != nil {
		t.Fatal(err)
	}
	if s.Get("hostname") != "nas1" || s.Get("domain") != "lab.test" || s.Get("nameserver1") != "192.0.2.53" {
		t.Errorf("the configuration has %v.%v", s.Get("hostname"), s.Get("domain"))
	}
	s.Set("hostname_b", "nas2")
	if _, pair, err = c.NetworkConfig(t.Context()); err != nil || !pair {
		t.Errorf("a pair is not told: %v, %v", pair, err)
	}
}

func TestRefusals(t *testing.T) {
	s := middlewaretest.Start(t)
	c, err := Connect(t.Context(), s.Socket)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	var refused *CallError
	err = c.SetNetwork(t.Context(), Network{"nas1", ""})
	if !errors.As(err, &refused) || refused.Type != "VALIDATION" || len(refused.Fields) != 1 || refused.Fields[0].Name() != "domain" {
		t.Errorf("got %#v", err)
	}
	if got := err.Error(); !strings.Contains(got, "network.configuration.update: domain: Does not match") {
		t.Errorf("the error says %q", got)
	}
	err = c.Call(t.Context(), nil, "no.such")
	if !errors.As(err, &refused) || refused.Number != 201 || !strings.Contains(err.Error(), "ENOMETHOD") {
		t.Errorf("got %v", err)
	}
}

func TestErrorObjectsOfOddForm(t *testing.T) {
	for text, want := range map[string]string{
		`{"error":14,"type":null,"reason":"a\nlast line\n","extra":null}`:             "last line",
		`{"error":11,"type":"VALIDATION","reason":"r","extra":[["x.y","m"],[1],"s"]}`: "r",
		`{"error":11,"type":"VALIDATION","reason":"r","extra":[["x.y","m"],[1]]}`:     "y: m",
		`{"error":5,"reason":null,"extra":{"a":1}}`:                                   "error 5",
	} {
		var e CallError
		if err := json.Unmarshal([]byte(text), &e); err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		e.Method = "m"
		if got := e.Error(); got != "middlewared refused m: "+want {
			t.Errorf("%s says %q, want %q", text, got, want)
		}
	}
}

func TestAnotherVersionIsToldAtOnce(t *testing.T) {
	s := middlewaretest.Start(t)
	s.Version = "2"
	if _, err := Connect(t.Context(), s.Socket); err == nil || !strings.Contains(err.Error(), `version "2"`) {
		t.Errorf("got %v", err)
	}
}

func TestConnectWaitsForAMiddlewareThatStarts(t *testing.T) {
	none := filepath.Join(t.TempDir(), "s")
	_, err := connect(t.Context(), none, 100*time.Millisecond)
	if err == nil || !strings.Contains(err.Error(), "does not answer on "+none) {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Connect(ctx, none); err == nil {
		t.Error("an ended context did not end the wait")
	}
}

func TestABrokenConnectionIsAnError(t *testing.T) {
	s := middlewaretest.Start(t)
	s.Before = func(string) error { return errors.New("gone") }
	c, err := Connect(t.Context(), s.Socket)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, _, err := c.NetworkConfig(t.Context()); err == nil || !strings.Contains(err.Error(), "ended the connection") {
		t.Errorf("got %v", err)
	}
}

func TestInitTask(t *testing.T) {
	s := middlewaretest.Start(t)
	c, err := Connect(t.Context(), s.Socket)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	task := InitTask{Type: "COMMAND", Command: "/usr/sbin/daemon x", When: "POSTINIT", Enabled: true, Timeout: 10, Comment: "guestd"}
	put := func(want bool) {
		t.Helper()
		if changed, err := c.PutInitTask(t.Context(), task); err != nil || changed != want {
			t.Errorf("PutInitTask gave %v, %v, want %v", changed, err, want)
		}
		if n := len(s.Tasks()); n != 1 {
			t.Errorf("there are %d tasks, want 1", n)
		}
	}
	put(true)
	put(false)
	task.Command = "/usr/sbin/daemon y"
	put(true)
	if got := s.Tasks()[0]["command"]; got != task.Command {
		t.Errorf("the command is %v", got)
	}
	if err := c.Call(t.Context(), nil, "initshutdownscript.create", task); err != nil {
		t.Fatal(err)
	}
	put(true) // the second one goes
	if err := c.RemoveInitTasks(t.Context(), "guestd"); err != nil || len(s.Tasks()) != 0 {
		t.Errorf("%v, left %v", err, s.Tasks())
	}
	task.Command = strings.Repeat("x", 301)
	if _, err := c.PutInitTask(t.Context(), task); err == nil || !strings.Contains(err.Error(), "301 characters") {
		t.Errorf("got %v", err)
	}
}

func FuzzCallError(f *testing.F) {
	f.Add([]byte(`{"error":11,"type":"VALIDATION","reason":"r","extra":[["x.y","m",22]]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		var e CallError
		if json.Unmarshal(b, &e) == nil && !strings.HasPrefix(e.Error(), "middlewared refused") {
			t.Fatal(e.Error())
		}
	})
}
