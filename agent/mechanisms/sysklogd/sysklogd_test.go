package sysklogd_test

import (
	"reflect"
	"testing"

	"innkeeper/agent/mechanisms/sysklogd"
)

func TestRender(t *testing.T) {
	targets := []sysklogd.Target{{"192.0.2.60", "*.*"}, {"log.example", "auth,authpriv.info"}}
	got := sysklogd.Render(targets)
	if got != "*.*\t@192.0.2.60\nauth,authpriv.info\t@log.example\n" {
		t.Errorf("got %q", got)
	}
	if back := sysklogd.Parse(got); !reflect.DeepEqual(back, targets) {
		t.Errorf("read back as %+v", back)
	}
}

func TestParsePassesOverTheRest(t *testing.T) {
	if got := sysklogd.Parse("# *.* @x\n*.* /var/log/messages\n*.emerg *\n*.* @\n"); got != nil {
		t.Errorf("got %+v", got)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("*.*\t@h\n")
	f.Add(" #\t@h\n")
	f.Fuzz(func(t *testing.T, text string) {
		targets := sysklogd.Parse(text)
		if back := sysklogd.Parse(sysklogd.Render(targets)); !reflect.DeepEqual(back, targets) {
			t.Fatalf("%+v became %+v", targets, back)
		}
	})
}
