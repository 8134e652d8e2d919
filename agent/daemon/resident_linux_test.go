package daemon

import (
	"os"
	"regexp"
	"strconv"
	"testing"
)

func TestProgramIsReleased(t *testing.T) {
	touched := resident(t)
	if err := releaseProgram(); err != nil {
		t.Fatal(err)
	}
	if left := resident(t); left > touched*2/3 {
		t.Errorf("%d KiB of files are resident, before it was released %d", left, touched)
	}
}

// resident is how much of files this process has in memory, in KiB.
func resident(t *testing.T) int {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`RssFile:\s+(\d+) kB`).FindSubmatch(status)
	if m == nil {
		t.Fatalf("the kernel does not tell:\n%s", status)
	}
	n, err := strconv.Atoi(string(m[1]))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestOnlyTheProgramsConstantsAreReleased(t *testing.T) {
	const program = "/usr/local/sbin/guestd"
	for _, tt := range []struct {
		line string
		ok   bool
	}{
		{"00400000-008b3000 r-xp 00000000 fe:00 1234 /usr/local/sbin/guestd", true},
		{"008b4000-00d74000 r--p 004b4000 fe:00 1234 /usr/local/sbin/guestd", true},
		{"00d74000-00dd4000 rw-p 00974000 fe:00 1234 /usr/local/sbin/guestd", false}, // variables
		{"7f0000000000-7f0000001000 r-xp 00000000 fe:00 99 /usr/lib/libc.so.6", false},
		{"7f0000000000-7f0000001000 r--p 00000000 fe:00 99 /srv/usr/local/sbin/guestd", false},
		{"c000000000-c000400000 rw-p 00000000 00:00 0", false},
		{"7ffd00000000-7ffd00002000 r-xp 00000000 00:00 0 [vdso]", false},
		{"nonsense r-xp 00000000 fe:00 1234 /usr/local/sbin/guestd", false},
		{"", false},
	} {
		from, to, ok := readOnlyOf(tt.line, program)
		if ok != tt.ok || ok && from >= to {
			t.Errorf("%q: %x-%x, %t", tt.line, from, to, ok)
		}
	}
}
