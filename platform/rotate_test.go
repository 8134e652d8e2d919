package platform_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"innkeeper/agent/link"
	"innkeeper/platform"
)

func TestAGuestFollowsItsPlatformsNewKey(t *testing.T) {
	endsAll(t)
	o := platform.Options{Dir: folder(t)}
	p := start(t, o)
	j := enrol(t, p, "web-1")
	g, leave := join(t, j)
	g.await(t, true)
	awaitRevision(t, p, "web-1", set(t, p, "web-1", "alpha"))

	rotate(t, p)
	awaitRevision(t, p, "web-1", set(t, p, "web-1", "beta"))
	if !strings.Contains(g.log.String(), "has a new key") {
		t.Errorf("the guest does not tell of it:\n%s", g.log.String())
	}

	// Away during two more, with only what the join file says.
	leave()
	rotate(t, p)
	rotate(t, p)
	newest := set(t, p, "web-1", "gamma")
	join(t, j)
	awaitRevision(t, p, "web-1", newest)
	if err := link.New(link.Options{Join: j}).Confirm(patient(t)); err != nil {
		t.Errorf("a confirmation: %v", err)
	}
}

func TestADocumentSignedBeforeARotationIsStillDelivered(t *testing.T) {
	endsAll(t)
	o := platform.Options{Dir: folder(t)}
	p := start(t, o)
	j := enrol(t, p, "web-1")
	revision := set(t, p, "web-1", "alpha")
	rotate(t, p)
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	p = start(t, o)
	j.Addresses = []string{p.Addr().String()}
	join(t, j)
	awaitRevision(t, p, "web-1", revision)
	if d, ok, err := p.Desired(patient(t), "web-1"); !ok || err != nil || d.Revision != revision {
		t.Errorf("the platform itself reads %v, %t, %v", d, ok, err)
	}
}

func TestTheOldKeyIsForgotten(t *testing.T) {
	endsAll(t)
	o := platform.Options{Dir: folder(t)}
	p := start(t, o)
	before := seed(t, o.Dir)
	rotate(t, p)
	raw, err := os.ReadFile(filepath.Join(o.Dir, "identity.json"))
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(raw), before) || seed(t, o.Dir) == before {
		t.Error("the old key is still in the platform's folder")
	}
}

func rotate(t *testing.T, p *platform.Platform) {
	t.Helper()
	if err := p.RotateKey(); err != nil {
		t.Fatal(err)
	}
}

// seed is the platform's secret as it is written in its file.
func seed(t *testing.T, dir string) string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(dir, "identity.json"))
	if err != nil {
		t.Fatal(err)
	}
	var f struct {
		Seed string `json:"signing_seed"`
	}
	if err := json.Unmarshal(raw, &f); err != nil || f.Seed == "" {
		t.Fatalf("its seed: %v", err)
	}
	return f.Seed
}
