package plugin

import (
	"strings"
	"testing"

	"golang.org/x/sys/windows"
)

func TestAccessListsAreJudged(t *testing.T) {
	own, err := windows.StringToSid("S-1-5-21-1-2-3-1000")
	if err != nil {
		t.Fatal(err)
	}
	const program = "O:SYG:SYD:PAI(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)(A;OICI;0x1200a9;;;BU)"
	for _, c := range []struct {
		what, sddl string
		rights     windows.ACCESS_MASK
		says       string
	}{
		{"Program Files", "O:" + trustedInstaller + "D:PAI(A;CIIO;GA;;;" + trustedInstaller + ")(A;;0x1301bf;;;SY)(A;OICIIO;GA;;;SY)(A;;0x1301bf;;;BA)(A;;0x1200a9;;;BU)(A;OICIIO;GA;;;CO)", replacing, ""},
		{"the root of a drive", "O:" + trustedInstaller + "D:PAI(A;OICIIO;SDGXGWGR;;;AU)(A;;LC;;;AU)(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)(A;OICI;0x1200a9;;;BU)", replacing, ""},
		{"a directory of plugins", program, writing, ""},
		{"the agent's own user", "O:S-1-5-21-1-2-3-1000D:(A;;FA;;;S-1-5-21-1-2-3-1000)(A;;0x1200a9;;;WD)", writing, ""},
		{"users may add files", program + "(A;;0x2;;;BU)", writing, "can be written by"},
		{"users may add files above", program + "(A;;0x2;;;BU)", replacing, ""},
		{"users may delete above", program + "(A;;0x40;;;BU)", replacing, "S-1-5-32-545"},
		{"a user may take it", program + "(A;;WO;;;S-1-5-21-1-2-3-1001)", writing, "S-1-5-21-1-2-3-1001"},
		{"a user may write under a condition", program + `(XA;;FA;;;BU;(Member_of {SID(BG)}))`, writing, "can be written by"},
		{"everybody", "O:SYD:(A;;FA;;;WD)", writing, "S-1-1-0"},
		{"another owner", "O:S-1-5-21-1-2-3-1001D:(A;;FA;;;SY)", writing, "belongs to S-1-5-21-1-2-3-1001 and not to administrators"},
		{"nobody may", "O:SYD:", writing, ""},
		{"no list", "O:SY", writing, "has no access list"},
	} {
		sd, err := windows.SecurityDescriptorFromString(c.sddl)
		if err != nil {
			t.Errorf("%s: %v", c.what, err)
			continue
		}
		err = judge(`C:\x`, sd, own, c.rights)
		if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: got %v, want %q", c.what, err, c.says)
		}
	}
}
