package hostsfile

import (
	"strings"
	"testing"
)

const region1 = begin + "\n127.0.1.1 web.lab.test web\n" + end + "\n"

func TestSet(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"an empty file":               {"", region1},
		"Debian's installer":          {"127.0.0.1\tlocalhost\n127.0.1.1\told.test old\n\n::1 ip6-localhost\n", "127.0.0.1\tlocalhost\n" + region1 + "\n::1 ip6-localhost\n"},
		"no entry yet":                {"# hosts\n127.0.0.1 localhost\n192.0.2.1 gw", "# hosts\n127.0.0.1 localhost\n" + region1 + "192.0.2.1 gw\n"},
		"localhost bears the name":    {"127.0.0.1 localhost web\n", region1 + "127.0.0.1 localhost web\n"},
		"the owner's line comes late": {"127.0.0.1 localhost\n192.0.2.9 WEB.lab.test\n", "127.0.0.1 localhost\n" + region1 + "192.0.2.9 WEB.lab.test\n"},
		"an earlier region":           {"a b\n" + begin + "\n127.0.1.1 old\n" + end + "\nc d\n", "a b\n" + region1 + "c d\n"},
		"two regions":                 {region1 + "127.0.0.1 localhost\n" + region1, region1 + "127.0.0.1 localhost\n"},
		"a begin without an end":      {begin + "\n192.0.2.1 gw\n", begin + "\n192.0.2.1 gw\n" + region1},
		"a region with foreign lines": {begin + "\n192.0.2.1 gw\n192.0.2.2 x\n" + end + "\n", begin + "\n192.0.2.1 gw\n192.0.2.2 x\n" + end + "\n" + region1},
		"a comment with the name":     {"127.0.0.1 localhost # web\n", "127.0.0.1 localhost # web\n" + region1},
	} {
		t.Run(name, func(t *testing.T) {
			got := Set(c.text, "web.lab.test", "web")
			if got != c.want {
				t.Fatalf("got\n%s\nwant\n%s", got, c.want)
			}
			if again := Set(got, "web.lab.test", "web"); again != got {
				t.Errorf("a second Set gives\n%s", again)
			}
			if first := Canonical(got, "web"); first != "web.lab.test" {
				t.Errorf("the canonical name is %q", first)
			}
		})
	}
}

func TestSetWithoutDomain(t *testing.T) {
	if got := Set("", "web", "web"); got != begin+"\n127.0.1.1 web\n"+end+"\n" {
		t.Errorf("got %q", got)
	}
}

func FuzzSet(f *testing.F) {
	f.Add("127.0.0.1 localhost\n" + region1)
	f.Add(begin)
	f.Add(begin + "\n192.0.2.7 theirs\n" + end)
	f.Add("\n\n" + end + "\n127.0.1.1")
	f.Fuzz(func(t *testing.T, text string) {
		once := Set(text, "web.lab.test", "web")
		if twice := Set(once, "web.lab.test", "web"); twice != once {
			t.Fatalf("%q\nonce  %q\ntwice %q", text, once, twice)
		}
		if got := Canonical(once, "web"); got != "web.lab.test" {
			t.Fatalf("the canonical name of %q is %q", once, got)
		}
		for line := range strings.Lines(text) {
			address, _ := fields(strings.TrimSuffix(line, "\n"))
			if address != "" && address != ownAddress && !strings.Contains(once, strings.TrimSuffix(line, "\n")) {
				t.Fatalf("the line %q of %q is lost in %q", line, text, once)
			}
		}
	})
}
