//go:build unix

package middleware

import "testing"

// The lines are those of busybox 1.37's ip route show.
func TestParseRoute(t *testing.T) {
	for line, want := range map[string]string{
		"default via 198.51.100.1 dev vtnet0 ":        "0.0.0.0/0 198.51.100.1 vtnet0",
		"192.0.2.128/26 via 192.0.2.2 dev vtnet1 ":    "192.0.2.128/26 192.0.2.2 vtnet1",
		"10.0.0.9 via 192.0.2.2 dev vtnet1 ":          "10.0.0.9/32 192.0.2.2 vtnet1",
		"192.0.2.0/26 dev vtnet1 scope link  src x":   "",
		"unreachable default dev lo  metric -1 error": "",
		"default via router dev vtnet0":               "",
	} {
		got := ""
		if r, ok := parseRoute(line, "0.0.0.0/0"); ok {
			got = r.To.String() + " " + r.Via.String() + " " + r.Dev
		}
		if got != want {
			t.Errorf("%q is %q, want %q", line, got, want)
		}
	}
}

func FuzzParseRoute(f *testing.F) {
	f.Add("2001:db8:2::/64 via 2001:db8::2 dev vtnet1  metric 1024")
	f.Fuzz(func(t *testing.T, line string) {
		if r, ok := parseRoute(line, "::/0"); ok && (!r.To.IsValid() || !r.Via.IsValid() || r.Dev == "") {
			t.Fatalf("%q is %+v", line, r)
		}
	})
}
