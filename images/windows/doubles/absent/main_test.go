package main

import (
	"bytes"
	"strings"
	"testing"
)

func TestRefuse(t *testing.T) {
	for program, want := range map[string]string{
		`C:\windows\system32\netsh.exe`: "netsh: not provided",
		`DISM.EXE`:                      "DISM: not provided",
		`wevtutil`:                      "wevtutil: not provided",
	} {
		var out bytes.Buffer
		if code := refuse(program, &out); code == 0 {
			t.Errorf("%s: refused with success", program)
		}
		if !strings.HasPrefix(out.String(), want) {
			t.Errorf("%s says %q, want it to begin with %q", program, out.String(), want)
		}
	}
}
