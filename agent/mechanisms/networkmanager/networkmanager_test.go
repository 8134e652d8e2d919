package networkmanager_test

import (
	"io/fs"
	"reflect"
	"strings"
	"testing"

	"innkeeper/agent/guest"
	"innkeeper/agent/guest/guesttest"
	"innkeeper/agent/mechanisms/networkmanager"
)

func TestRunningTellsAMachineWithoutIt(t *testing.T) {
	const ask = "nmcli -t -f RUNNING general"
	for name, c := range map[string]struct {
		f    *guesttest.Fake
		want bool
	}{
		"running": {guesttest.New(nil).OnOutput(ask, "running\n"), true},
		"stopped": {guesttest.New(nil).On(ask, guest.Result{ExitCode: 8, Stderr: []byte("Error: NetworkManager is not running.")}), false},
		"absent": {guesttest.New(nil).OnDo(ask, func(guest.Command) (guest.Result, error) {
			return guest.Result{}, fs.ErrNotExist
		}), false},
	} {
		if got, err := networkmanager.Running(t.Context(), c.f); got != c.want || err != nil {
			t.Errorf("%s: got %v, %v", name, got, err)
		}
	}
}

func TestDevicesReadsTheTerseForm(t *testing.T) {
	f := guesttest.New(nil).OnOutput("nmcli -t -e yes -f DEVICE,STATE,CONNECTION device", "eth0:connected:System eth0\neth1:disconnected:\nlo:connected (externally):lo\neth2:connected:a\\:b\\\\c\n")
	got, err := networkmanager.Devices(t.Context(), f)
	want := map[string]networkmanager.Device{
		"eth0": {State: "connected", Connection: "System eth0"}, "eth1": {State: "disconnected"},
		"lo": {State: "connected (externally)", Connection: "lo"}, "eth2": {State: "connected", Connection: `a:b\c`},
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v", got, err)
	}
	f.OnOutput("nmcli -t -e yes -f DEVICE,STATE,CONNECTION device", "eth0\n")
	if _, err := networkmanager.Devices(t.Context(), f); err == nil {
		t.Error("what is not understood was taken")
	}
}

func TestCheckAsksOnlyAnNmcliThatCan(t *testing.T) {
	const check = "nmcli --offline connection modify connection.autoconnect yes"
	f := guesttest.New(nil).OnOutput("nmcli --version", "nmcli tool, version 1.18.8-2.el7\n")
	if err := networkmanager.Check(t.Context(), f, "x"); err != nil || len(f.Ran()) != 1 {
		t.Errorf("of an old one was asked %q, %v", f.Ran(), err)
	}
	f.OnOutput("nmcli --version", "nmcli tool, version 1.52.1\n")
	f.OnDo(check, func(c guest.Command) (guest.Result, error) {
		if string(c.Stdin) == "good" {
			return guest.Result{}, nil
		}
		return guest.Result{ExitCode: 2, Stderr: []byte("Error: ipv4.addresses: bad.")}, nil
	})
	if err := networkmanager.Check(t.Context(), f, "good"); err != nil {
		t.Error(err)
	}
	if err := networkmanager.Check(t.Context(), f, "bad"); err == nil || !strings.Contains(err.Error(), "ipv4.addresses: bad") {
		t.Errorf("got %v", err)
	}
	f.OnOutput("nmcli --version", "nmcli of some kind\n")
	if err := networkmanager.Check(t.Context(), f, "good"); err == nil {
		t.Error("an unknown version was taken")
	}
}
