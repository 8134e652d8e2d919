package artifact

import (
	"os"
	"strings"
	"testing"
)

func TestEqualSourcesGiveEqualBytes(t *testing.T) {
	target := Target{"linux", "amd64"}
	var bytes [2]string
	for i := range bytes {
		file, err := Build(t.Context(), "innkeeper/harness/artifact/testdata/hello", target, t.TempDir(), "hello")
		if err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		bytes[i] = string(data)
	}
	if bytes[0] != bytes[1] {
		t.Error("two builds differ")
	}
}

func TestACompilerErrorIsShown(t *testing.T) {
	_, err := Build(t.Context(), "innkeeper/no/such/package", Target{"linux", "amd64"}, t.TempDir(), "x")
	if err == nil || !strings.Contains(err.Error(), "innkeeper/no/such/package") {
		t.Errorf("got %v", err)
	}
}

func TestWindowsProgramsEndInExe(t *testing.T) {
	if got := (Target{"windows", "amd64"}).Suffix(); got != ".exe" {
		t.Errorf("suffix %q", got)
	}
}
