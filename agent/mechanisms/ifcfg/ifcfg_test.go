package ifcfg_test

import (
	"strings"
	"testing"

	"innkeeper/agent/guest"
	"innkeeper/agent/guest/guesttest"
	"innkeeper/agent/mechanisms/ifcfg"
)

func TestSetLeavesTheOwnersLines(t *testing.T) {
	const before = `# by hand
TYPE=Ethernet
DEVICE=eth0
BOOTPROTO=dhcp
 IPADDR0=192.0.2.9
PREFIX0=24
DNS1=192.0.2.53
NM_CONTROLLED=no
ETHTOOL_OPTS="speed 100"`
	settings := []ifcfg.Setting{{"DEVICE", "eth0"}, {"BOOTPROTO", "static"}}
	const want = `# by hand
TYPE=Ethernet
NM_CONTROLLED=no
ETHTOOL_OPTS="speed 100"
DEVICE=eth0
BOOTPROTO=static
`
	got := ifcfg.Set(before, settings)
	if got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if again := ifcfg.Set(got, settings); again != got {
		t.Errorf("a second time gives %q", again)
	}
}

func TestCheckHasTheShellReadIt(t *testing.T) {
	f := guesttest.New(nil).OnDo("sh -n", func(c guest.Command) (guest.Result, error) {
		if strings.Contains(string(c.Stdin), `"`) {
			return guest.Result{ExitCode: 2, Stderr: []byte("sh: 1: Syntax error: Unterminated quoted string")}, nil
		}
		return guest.Result{}, nil
	})
	if err := ifcfg.Check(t.Context(), f, "A=b\n"); err != nil {
		t.Error(err)
	}
	if err := ifcfg.Check(t.Context(), f, "A=\"b\n"); err == nil {
		t.Error("an open quote passed")
	}
}

func FuzzSet(f *testing.F) {
	f.Add("DEVICE=eth0\nexport IPADDR=1\n#x\n")
	f.Fuzz(func(t *testing.T, text string) {
		s := []ifcfg.Setting{{"DEVICE", "eth0"}}
		once := ifcfg.Set(text, s)
		if twice := ifcfg.Set(once, s); twice != once {
			t.Fatalf("a second time changes %q to %q", once, twice)
		}
	})
}
