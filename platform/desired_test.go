package platform_test

import (
	"testing"

	"innkeeper/agent/state"
	"innkeeper/platform"
)

func TestADocumentKeepsWhatItSaysBesideItsSections(t *testing.T) {
	p := start(t, platform.Options{})
	enrol(t, p, "web-1")
	revision, err := p.SetDocument(patient(t), "web-1", state.Desired{
		Revision: 99, Guest: "another", Sections: hostname("alpha"), ConfirmSeconds: 12,
		Drift: map[string]state.DriftPolicy{"hostname": state.ReportDrift},
	})
	if err != nil {
		t.Fatal(err)
	}
	d, found, err := p.Desired(patient(t), "web-1")
	if err != nil || !found {
		t.Fatal(found, err)
	}
	if revision != 1 || d.Revision != 1 || d.Guest != "web-1" || d.ConfirmSeconds != 12 ||
		d.Drift["hostname"] != state.ReportDrift || string(d.Sections["hostname"]) != `{"name":"alpha"}` {
		t.Errorf("revision %d is %+v", revision, d)
	}
}
