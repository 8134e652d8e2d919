package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestBadCommandLinesAreUsageErrors(t *testing.T) {
	for line, want := range map[string]string{
		"fly":                                `unknown command "fly"`,
		"run beos":                           "ubuntu, centos",
		"run ubuntu ubuntu":                  "named twice",
		"run --nonsense":                     "--nonsense",
		"run --fidelity real":                "lookalike or vendor",
		"run --fidelity vendor ubuntu":       "--image",
		"run --labels ((":                    "Mismatched '('",
		"run --json /no/such/report.json":    "--json",
		"run --json /":                       "folder",
		"run --out /dev/null/out":            "--out",
		"run ubuntu --image ubuntu=main.go":  "not a qcow2 file",
		"run --image pfsense":                "SYSTEM=FILE",
		"run --image beos=x":                 "not among the systems",
		"run --image pfsense=/no/such/f":     "no such file",
		"run ubuntu --image pfsense=main.go": "not among the systems",
		"run --timeout 0s":                   "more than 0",
		"list ubuntu":                        "no arguments",
		"doctor ubuntu":                      "no arguments",
		"shell":                              "say which",
		"shell beos":                         "ubuntu, centos",
		"down beos":                          "ubuntu, centos",
		"images beos":                        "ubuntu, centos",
	} {
		var said bytes.Buffer
		status := exit(dispatch(t.Context(), strings.Fields(line)), &said)
		if status != exitUsage || !strings.Contains(said.String(), want) {
			t.Errorf("matrix %s: status %d, said %q; want 2 and %q", line, status, said.String(), want)
		}
	}
}

func TestHelpIsNoError(t *testing.T) {
	for _, c := range commands {
		var said bytes.Buffer
		if status := exit(dispatch(t.Context(), []string{c.name, "--help"}), &said); status != exitPassed {
			t.Errorf("matrix %s --help: status %d, said %q", c.name, status, said.String())
		}
	}
}

func TestAGuestThatWasNotKeptHasNoShell(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	var said bytes.Buffer
	if status := exit(dispatch(t.Context(), []string{"shell", "pfsense"}), &said); status != exitFailed || !strings.Contains(said.String(), "matrix run --keep pfsense") {
		t.Errorf("status %d, said %q", status, said.String())
	}
}

func TestDownClearsAwayWhatAKilledRunLeft(t *testing.T) {
	tmp := t.TempDir()
	t.Setenv("TMPDIR", tmp)
	left := filepath.Join(tmp, "innkeeper-run-1")
	if err := os.MkdirAll(filepath.Join(left, "ubuntu"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(left, "lock"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := dispatch(t.Context(), []string{"down"}); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(left); !os.IsNotExist(err) {
		t.Errorf("%s is still there", left)
	}
}

func TestSoakSpecsRunOnlyIfNamed(t *testing.T) {
	for given, want := range map[string]string{
		"":                 "!soak",
		"hostname || link": "(hostname || link) && !soak",
		"soak && hostname": "soak && hostname",
		"fault && !soak":   "fault && !soak",
	} {
		if got := filter(given); got != want {
			t.Errorf("filter(%q) = %q, want %q", given, got, want)
		}
	}
}
