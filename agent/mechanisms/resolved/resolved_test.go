package resolved_test

import (
	"reflect"
	"testing"

	"innkeeper/agent/guest"
	"innkeeper/agent/guest/guesttest"
	"innkeeper/agent/mechanisms/resolved"
)

// The answers are those of systemd 257.
func TestLinkTellsServersAndSearchDomains(t *testing.T) {
	f := guesttest.New(nil).OnOutput("resolvectl dns eth0", "Link 2 (eth0): 192.0.2.53 2001:db8::53\n").
		OnOutput("resolvectl domain eth0", "Link 2 (eth0): a.test ~b.test\n               c.test\n").
		OnOutput("resolvectl * eth1", "").OnOutput("resolvectl dns eth2", "Link 3 (eth2):\n").OnOutput("resolvectl domain eth2", "Link 3 (eth2):\n")
	got, err := resolved.Link(t.Context(), f, "eth0")
	want := resolved.Settings{Servers: []string{"192.0.2.53", "2001:db8::53"}, Domains: []string{"a.test", "c.test"}}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v", got, err)
	}
	if none, err := resolved.Link(t.Context(), f, "eth2"); err != nil || len(none.Servers)+len(none.Domains) > 0 {
		t.Errorf("got %+v, %v", none, err)
	}
	f.OnOutput("resolvectl dns eth1", "Failed to resolve interface\n")
	if _, err := resolved.Link(t.Context(), f, "eth1"); err == nil {
		t.Error("what is not understood was taken")
	}
	f.On("resolvectl dns eth1", guest.Result{ExitCode: 1, Stderr: []byte("Failed to resolve interface \"eth1\": No such device")})
	if _, err := resolved.Link(t.Context(), f, "eth1"); err == nil {
		t.Error("a failure was taken for an answer")
	}
}
