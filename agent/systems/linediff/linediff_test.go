package linediff

import "testing"

func TestText(t *testing.T) {
	for _, c := range []struct{ from, to, want string }{
		{"a\n", "a\n", ""},
		{"", "a\n", "+a\n"},
		{"a\n", "", "-a\n"},
		{"1\n2\n3\nold\n5\n6\n7\n", "1\n2\n3\nnew\n5\n6\n7\n", " 2\n 3\n-old\n+new\n 5\n 6\n"},
		{"a", "a\n", "-a (no newline at the end)\n+a\n"},
		{"x\nx\n", "x\n", " x\n-x\n"},
	} {
		if got := Text(c.from, c.to); got != c.want {
			t.Errorf("Text(%q, %q) = %q, want %q", c.from, c.to, got, c.want)
		}
	}
}
