package zoneinfo_test

import (
	"testing"

	"innkeeper/agent/guest/guesttest"
	"innkeeper/agent/mechanisms/zoneinfo"
)

func TestName(t *testing.T) {
	for localtime, want := range map[string]string{
		"":                                    "",
		"copy:VFppZg==":                       "",
		"link:/etc/other":                     "",
		"link:/usr/share/zoneinfo/Asia/Kabul": "Asia/Kabul",
		"link:../usr/share/zoneinfo/UTC":      "UTC",
		"link:../../usr/share/zoneinfo/UTC":   "UTC",
	} {
		if got := zoneinfo.Name(localtime); got != want {
			t.Errorf("%q: got %q, want %q", localtime, got, want)
		}
	}
	if got := zoneinfo.Name(zoneinfo.Link("Asia/Kabul")); got != "Asia/Kabul" {
		t.Errorf("a link of ours is read as %q", got)
	}
}

func TestKnown(t *testing.T) {
	m := guesttest.New(map[string]string{
		"/usr/share/zoneinfo/Asia/Kabul": "TZif2...", "/usr/share/zoneinfo/zone.tab": "# codes",
	})
	for name, want := range map[string]bool{"Asia/Kabul": true, "Asia": false, "zone.tab": false, "Mars/Olympus": false} {
		if got, err := zoneinfo.Known(m, name); err != nil || got != want {
			t.Errorf("%s: got %v, %v", name, got, err)
		}
	}
}

// Whatever Localtime was, it is that again.
func TestWriteBringsBackWhatWasRead(t *testing.T) {
	states := map[string]func(*guesttest.Fake){
		"absent": func(*guesttest.Fake) {},
		"link":   func(m *guesttest.Fake) { m.PutLink("/etc/localtime", "/usr/share/zoneinfo/UTC") },
		"copy":   func(m *guesttest.Fake) { m.Put("/etc/localtime", "TZif\x00\xff") },
	}
	for from, put := range states {
		for to, other := range states {
			m := guesttest.New(map[string]string{"/usr/share/zoneinfo/UTC": "TZif of UTC"})
			put(m)
			was, err := zoneinfo.Read(m)
			if err != nil {
				t.Fatal(err)
			}
			_ = zoneinfo.Write(m, "")
			other(m)
			if err := zoneinfo.Write(m, was); err != nil {
				t.Fatalf("%s to %s: %v", to, from, err)
			}
			if is, err := zoneinfo.Read(m); err != nil || is != was {
				t.Errorf("%s to %s: got %q, %v, want %q", to, from, is, err, was)
			}
			if m.Content("/usr/share/zoneinfo/UTC") != "TZif of UTC" {
				t.Errorf("%s to %s: the zone's own file was written", to, from)
			}
		}
	}
	if err := zoneinfo.Write(guesttest.New(nil), "copy:!"); err == nil {
		t.Error("what cannot be read was written")
	}
}
