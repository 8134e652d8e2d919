package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

func TestService(t *testing.T) {
	dir := t.TempDir()
	script := "#!/bin/sh\necho \"$1 ${SECRET:-clean} $2\"\n[ \"$1\" != status ] || exit 3\n"
	if err := os.WriteFile(filepath.Join(dir, "guestd"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("SECRET", "leaks")
	for _, tt := range []struct {
		args     []string
		status   int
		out, err string
	}{
		{nil, 1, "", usage + "\n"},
		{[]string{"--help"}, 0, "", usage + "\n"},
		{[]string{"--version"}, 0, "", version + "\n"},
		{[]string{"nothing", "start"}, 1, "", "nothing: unrecognized service\n"},
		{[]string{"", "start"}, 1, "", ": unrecognized service\n"},
		{[]string{"guestd", "start", "now"}, 0, "start clean now\n", ""},
		{[]string{"guestd", "status"}, 3, "status clean \n", ""},
		{[]string{"guestd", "--full-restart"}, 0, "stop clean \nstart clean \n", ""},
		{[]string{"--status-all"}, 0, "status clean \n", ""},
	} {
		var out, said bytes.Buffer
		status := tool{dir: dir, out: &out, err: &said}.run(tt.args)
		if status != tt.status || out.String() != tt.out || said.String() != tt.err {
			t.Errorf("%q: %d, %q, %q", tt.args, status, out.String(), said.String())
		}
	}
}
