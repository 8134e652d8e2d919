package daemon

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestTheLogIsBounded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log", "guestd.log")
	l := &logFile{path: path, limit: 1000}
	for i := range 500 {
		if _, err := l.Write([]byte(strings.Repeat("x", i%90) + "\n")); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != 2 {
		t.Errorf("there are %v", entries)
	}
	for _, e := range entries {
		if info, err := e.Info(); err != nil || info.Size() > 1000 || info.Size() < 1 {
			t.Errorf("%s has %d bytes, %v", e.Name(), info.Size(), err)
		}
	}
	// It goes on where it was.
	l = &logFile{path: path, limit: 1000}
	before, _ := os.Stat(path)
	if _, err := l.Write([]byte("again\n")); err != nil {
		t.Fatal(err)
	}
	if after, _ := os.Stat(path); after.Size() != before.Size()+6 {
		t.Errorf("%d bytes became %d", before.Size(), after.Size())
	}
}

func TestALogThatCannotBeOpenedIsDoneWithout(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	var stderr bytes.Buffer
	log, closer := OpenLog(filepath.Join(file, "guestd.log"), &stderr, slog.LevelInfo)
	log.Info("hello")
	if err := closer.Close(); err != nil {
		t.Error(err)
	}
	if s := stderr.String(); !strings.Contains(s, "the log goes to standard error only") || !strings.Contains(s, "msg=hello") {
		t.Errorf("got %s", s)
	}
}

func FuzzStatus(f *testing.F) {
	f.Add([]byte(`{"running":true,"reported":{"revision":1}}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if s, err := parseStatus(raw); err == nil {
			if _, err := parseStatus(raw); err != nil {
				t.Fatalf("%+v: %v", s, err)
			}
		}
	})
}
