package resolvconf_test

import (
	"reflect"
	"testing"

	"innkeeper/agent/guest/guesttest"
	"innkeeper/agent/mechanisms/resolvconf"
)

func TestSetReplacesOnlyWhatItHas(t *testing.T) {
	const before = "# mine\ndomain old.test\nnameserver 192.0.2.1\noptions timeout:1"
	for _, c := range []struct {
		set  resolvconf.Servers
		want string
	}{
		{
			resolvconf.Servers{Addresses: []string{"192.0.2.53"}, Search: []string{"a.test", "b.test"}},
			"# mine\noptions timeout:1\nsearch a.test b.test\nnameserver 192.0.2.53\n",
		},
		{resolvconf.Servers{Addresses: []string{"192.0.2.53"}}, "# mine\noptions timeout:1\nsearch old.test\nnameserver 192.0.2.53\n"},
		{resolvconf.Servers{Search: []string{"a.test"}}, "# mine\noptions timeout:1\nsearch a.test\nnameserver 192.0.2.1\n"},
	} {
		got := c.set.Set(before)
		if got != c.want {
			t.Errorf("%+v: got %q, want %q", c.set, got, c.want)
		}
		if again := c.set.Set(got); again != got {
			t.Errorf("%+v: a second time gives %q", c.set, again)
		}
	}
}

func TestReadFollowsTheManualPage(t *testing.T) {
	f := guesttest.New(map[string]string{"/etc/resolv.conf": "search a.test\nsearch b.test c.test\nnameserver 192.0.2.1\n nameserver 2001:db8::1 # two\nnameserver\n"})
	got, err := resolvconf.Read(f, resolvconf.Path)
	want := resolvconf.Servers{Addresses: []string{"192.0.2.1", "2001:db8::1"}, Search: []string{"b.test", "c.test"}}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v; want %+v", got, err, want)
	}
	if none, err := resolvconf.Read(guesttest.New(nil), resolvconf.Path); err != nil || len(none.Addresses) > 0 {
		t.Errorf("without a file: %+v, %v", none, err)
	}
}

func FuzzSet(f *testing.F) {
	f.Add("domain a\nnameserver 192.0.2.1\n")
	f.Fuzz(func(t *testing.T, text string) {
		s := resolvconf.Servers{Addresses: []string{"192.0.2.53"}, Search: []string{"a.test"}}
		once := s.Set(text)
		if got := resolvconf.Parse(once); !reflect.DeepEqual(got, s) {
			t.Fatalf("set in %q, it reads as %+v", text, got)
		}
		if twice := s.Set(once); twice != once {
			t.Fatalf("a second time changes %q to %q", once, twice)
		}
	})
}
