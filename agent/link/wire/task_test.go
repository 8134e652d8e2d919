package wire_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"innkeeper/agent/link/wire"
	"innkeeper/agent/state"
)

var nonce = bytes.Repeat([]byte{9}, wire.NonceSize)

func planTask() wire.Task {
	return wire.Task{ID: "one", Guest: "web-1", Nonce: nonce, Plan: &state.Desired{
		Revision: 8, Guest: "web-1", Sections: map[string]json.RawMessage{"hostname": json.RawMessage(`{"name":"beta"}`)},
	}}
}

func TestATaskIsGoodOnceForWhoAsked(t *testing.T) {
	public, private := keys(t, "platform")
	stranger, _ := keys(t, "another")
	sealed, err := wire.SealTask(private, planTask())
	if err != nil {
		t.Fatal(err)
	}
	if got, err := wire.OpenTask(public, "web-1", nonce, sealed); err != nil || got.Plan == nil || got.ID != "one" {
		t.Errorf("its own: %+v, %v", got, err)
	}
	if _, err := wire.OpenTask(stranger, "web-1", nonce, sealed); !errors.Is(err, wire.ErrForged) {
		t.Errorf("another key: %v", err)
	}
	if _, err := wire.OpenTask(public, "web-2", nonce, sealed); err == nil || !strings.Contains(err.Error(), "another question") {
		t.Errorf("another guest: %v", err)
	}
	if _, err := wire.OpenTask(public, "web-1", make([]byte, wire.NonceSize), sealed); err == nil || !strings.Contains(err.Error(), "another question") {
		t.Errorf("replayed: %v", err)
	}
}

func TestATaskIsNeverADesiredDocumentNorTheOtherWayRound(t *testing.T) {
	public, private := keys(t, "platform")
	task, err := wire.SealTask(private, planTask())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := wire.Open(public, task); !errors.Is(err, wire.ErrForged) {
		t.Errorf("a task taken for a document: %v", err)
	}
	raw, err := json.Marshal(planTask())
	if err != nil {
		t.Fatal(err)
	}
	document, err := wire.Seal(private, raw)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := wire.OpenTask(public, "web-1", nonce, document); !errors.Is(err, wire.ErrForged) {
		t.Errorf("a document taken for a task: %v", err)
	}
}

func TestATaskSaysOneThing(t *testing.T) {
	public, private := keys(t, "platform")
	good := wire.Update{Version: "2", Target: "linux/amd64", Size: 5, SHA256: make([]byte, 32)}
	for want, change := range map[string]func(*wire.Task){
		"its id has 0 bytes":                  func(t *wire.Task) { t.ID = "" },
		"neither a plan nor an update":        func(t *wire.Task) { t.Plan = nil },
		"neither a plan nor":                  func(t *wire.Task) { t.Update = &good },
		"the update has 67108865 bytes":       func(t *wire.Task) { u := good; u.Size = wire.MaxBinary + 1; t.Plan, t.Update = nil, &u },
		"the update has 0 bytes":              func(t *wire.Task) { u := good; u.Size = 0; t.Plan, t.Update = nil, &u },
		"the update has no SHA-256":           func(t *wire.Task) { u := good; u.SHA256 = nil; t.Plan, t.Update = nil, &u },
		"the update's window has -1 seconds":  func(t *wire.Task) { u := good; u.WindowSeconds = -1; t.Plan, t.Update = nil, &u },
		"up to 3600 are taken":                func(t *wire.Task) { u := good; u.WindowSeconds = 3601; t.Plan, t.Update = nil, &u },
		"the update's version has 0 bytes":    func(t *wire.Task) { u := good; u.Version = ""; t.Plan, t.Update = nil, &u },
		"it is an answer to another question": func(t *wire.Task) { t.Nonce = nil },
	} {
		task := planTask()
		change(&task)
		sealed, err := wire.SealTask(private, task)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := wire.OpenTask(public, "web-1", nonce, sealed); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}

// FuzzTask is about tasks that the platform signed.
func FuzzTask(f *testing.F) {
	public, private := keys(f, "platform")
	for _, task := range []wire.Task{planTask(), {ID: "a", Guest: "web-1", Nonce: nonce, Update: &wire.Update{Version: "2", Size: 1, SHA256: make([]byte, 32)}}} {
		raw, err := json.Marshal(task)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		sealed, err := wire.SealRaw(private, raw)
		if err != nil {
			t.Fatal(err)
		}
		got, err := wire.OpenTask(public, "web-1", nonce, sealed)
		if err == nil && (got.Guest != "web-1" || got.ID == "" || (got.Plan == nil) == (got.Update == nil)) {
			t.Errorf("it is taken: %+v", got)
		}
	})
}

func FuzzParseOutcome(f *testing.F) {
	f.Add([]byte(`{"id":"a","plan":{"guest":"web-1","sections":{"hostname":{"changes":[{"summary":"x"}]}}}}`))
	f.Add([]byte(`{"id":"a","error":"no"}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if o, err := wire.ParseOutcome(raw); err == nil && o.ID == "" {
			t.Error("an outcome of nothing is taken")
		}
	})
}

func FuzzParseChunkRequest(f *testing.F) {
	f.Add([]byte(`{"protocol":1,"id":"a","offset":262144}`))
	f.Add([]byte(`{"offset":-1}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if r, err := wire.ParseChunkRequest(raw); err == nil && (r.Offset < 0 || r.Offset >= wire.MaxBinary) {
			t.Errorf("offset %d is taken", r.Offset)
		}
	})
}
