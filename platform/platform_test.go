package platform_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"innkeeper/agent/state"
	"innkeeper/platform"
)

func TestWhatIsDesiredGoesOutAndComesBackReported(t *testing.T) {
	endsAll(t)
	p := start(t, platform.Options{})
	j := enrol(t, p, "web-1")
	g, _ := join(t, j)
	g.await(t, true)

	first := set(t, p, "web-1", "alpha")
	awaitRevision(t, p, "web-1", first)
	second := set(t, p, "web-1", "beta")
	r := awaitRevision(t, p, "web-1", second)

	if first != 1 || second != 2 {
		t.Errorf("the revisions are %d and %d, not 1 and 2", first, second)
	}
	if got := string(r.Sections["hostname"].Actual); got != `{"name":"beta"}` {
		t.Errorf("the guest got %s", got)
	}
	if strings.Contains(g.log.String(), j.Seed) {
		t.Error("the guest's log has its seed")
	}
}

func TestADocumentSetWhileTheGuestIsAwayIsCaughtUpOn(t *testing.T) {
	endsAll(t)
	p := start(t, platform.Options{})
	j := enrol(t, p, "web-1")
	g, leave := join(t, j)
	g.await(t, true)
	leave()
	set(t, p, "web-1", "alpha")
	newest := set(t, p, "web-1", "beta")

	join(t, j)
	awaitRevision(t, p, "web-1", newest)
}

func TestADocumentThatTheGuestHadNoRoomForIsAskedForAgain(t *testing.T) {
	endsAll(t)
	p := start(t, platform.Options{})
	g, _ := join(t, enrol(t, p, "web-1"))
	g.await(t, true)
	g.mu.Lock()
	g.full = 2
	g.mu.Unlock()
	awaitRevision(t, p, "web-1", set(t, p, "web-1", "alpha"))
}

func TestThePlatformGoneAndBack(t *testing.T) {
	endsAll(t)
	p := start(t, platform.Options{})
	g, _ := join(t, enrol(t, p, "web-1"))
	g.await(t, true)
	before := p.Addr().String()
	if err := p.Pause(); err != nil {
		t.Fatal(err)
	}
	g.await(t, false)
	missed := set(t, p, "web-1", "alpha")
	if p.Addr().String() != before {
		t.Errorf("the address was %s and is %s", before, p.Addr())
	}
	if err := p.Pause(); err == nil {
		t.Error("a paused platform was paused again")
	}

	if err := p.Resume(patient(t)); err != nil {
		t.Fatal(err)
	}
	awaitRevision(t, p, "web-1", missed)
	if p.Addr().String() != before {
		t.Errorf("the address was %s and is %s", before, p.Addr())
	}
	if err := p.Resume(patient(t)); err == nil {
		t.Error("a running platform was resumed")
	}
}

func TestARestartKeepsIdentityRevisionsAndReports(t *testing.T) {
	endsAll(t)
	dir := folder(t)
	p := start(t, platform.Options{Dir: dir})
	listen := p.Addr().String()
	g, _ := join(t, enrol(t, p, "web-1"))
	awaitRevision(t, p, "web-1", set(t, p, "web-1", "alpha"))
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	g.await(t, false)

	p = start(t, platform.Options{Dir: dir, Listen: listen})
	if r, ok := p.Reported("web-1"); !ok || r.Revision != 1 {
		t.Errorf("the report is forgotten: %+v", r)
	}
	if d, ok, err := p.Desired(patient(t), "web-1"); err != nil || !ok || d.Revision != 1 {
		t.Errorf("the document is forgotten: %+v, %v", d, err)
	}
	next := set(t, p, "web-1", "beta")
	if next != 2 {
		t.Errorf("the revision after 1 is %d", next)
	}
	awaitRevision(t, p, "web-1", next)
}

func TestAPlatformRestoredFromABackupCountsOnFromWhatGuestsKnow(t *testing.T) {
	dir := folder(t)
	p := start(t, platform.Options{Dir: dir})
	j := enrol(t, p, "web-1")
	g, _ := join(t, j)
	g.mu.Lock()
	g.accepted = state.Desired{Revision: 57, Guest: "web-1"}
	g.mu.Unlock()
	g.report()
	awaitRevision(t, p, "web-1", 57)

	revision := set(t, p, "web-1", "alpha")
	if revision != 58 {
		t.Errorf("the revision is %d", revision)
	}
	awaitRevision(t, p, "web-1", 58)
}

func TestAnOldKeyIsWorthNothingAfterEnrollingAgain(t *testing.T) {
	endsAll(t)
	p := start(t, platform.Options{})
	old := enrol(t, p, "web-1")
	g, _ := join(t, old)
	g.await(t, true)

	fresh := enrol(t, p, "web-1")
	g.await(t, false)
	g2, _ := join(t, fresh)
	g2.await(t, true)
	awaitRevision(t, p, "web-1", set(t, p, "web-1", "alpha"))
	if g.Accepted() != 0 {
		t.Error("the guest with the old key got the document")
	}
}

func TestOnlyOnePlatformRunsOnAFolder(t *testing.T) {
	dir := folder(t)
	start(t, platform.Options{Dir: dir})
	_, err := platform.Start(patient(t), platform.Options{Dir: dir, Listen: "127.0.0.1:0"})
	if err == nil || !strings.Contains(err.Error(), "another platform is running") {
		t.Errorf("a second one: %v", err)
	}
}

func TestAnIdentityThatCannotBeReadIsNotReplaced(t *testing.T) {
	dir := folder(t)
	file := filepath.Join(dir, "identity.json")
	if err := os.WriteFile(file, []byte(`{"ca":`), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := platform.Start(patient(t), platform.Options{Dir: dir, Listen: "127.0.0.1:0"})
	if err == nil || !strings.Contains(err.Error(), file) {
		t.Errorf("the error is %v", err)
	}
	if raw, _ := os.ReadFile(file); string(raw) != `{"ca":` {
		t.Errorf("the file is now %q", raw)
	}
}

func TestAFolderThatIsOpenToOthersIsRefused(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("modes say nothing on Windows")
	}
	dir := folder(t)
	if err := os.Chmod(dir, 0o750); err != nil {
		t.Fatal(err)
	}
	_, err := platform.Start(patient(t), platform.Options{Dir: dir, Listen: "127.0.0.1:0"})
	if err == nil || !strings.Contains(err.Error(), "chmod 700 "+dir) {
		t.Errorf("the error is %v", err)
	}
	if left, _ := os.ReadDir(dir); len(left) != 0 {
		t.Errorf("it holds %v", left)
	}
}

func TestAPortThatIsTakenIsSaidAtOnce(t *testing.T) {
	p := start(t, platform.Options{})
	begun := time.Now()
	_, err := platform.Start(patient(t), platform.Options{Dir: folder(t), Listen: p.Addr().String()})
	if err == nil || !strings.Contains(err.Error(), p.Addr().String()) {
		t.Errorf("the error is %v", err)
	}
	if took := time.Since(begun); took > patience/2 {
		t.Errorf("it took %s", took)
	}
}

func TestWhatCannotBeSetIsRefused(t *testing.T) {
	p := start(t, platform.Options{})
	enrol(t, p, "web-1")
	for name, c := range map[string]struct {
		guest    string
		sections map[string]json.RawMessage
	}{
		"unknown guest": {"web-2", hostname("alpha")},
		"not JSON":      {"web-1", map[string]json.RawMessage{"hostname": json.RawMessage(`{"name":`)}},
		"too large":     {"web-1", hostname(strings.Repeat("a", state.MaxDocument))},
	} {
		if _, err := p.SetDesired(patient(t), c.guest, c.sections); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if revision := set(t, p, "web-1", "alpha"); revision != 1 {
		t.Errorf("the refused ones were counted: the first revision is %d", revision)
	}
	for _, id := range []string{"", "a.b", "a b", "*", ">", strings.Repeat("a", 65)} {
		if _, err := p.Enrol(id); err == nil {
			t.Errorf("enrolled %q", id)
		}
	}
}

func TestWaitingSaysWhatWasAwaitedAndSeen(t *testing.T) {
	p := start(t, platform.Options{})
	enrol(t, p, "web-1")
	gone := errors.New("patience is over")
	ctx, cancel := context.WithTimeoutCause(t.Context(), time.Millisecond, gone)
	defer cancel()
	_, err := p.WaitReported(ctx, "web-1", "a name in sync", func(state.Reported) bool { return true })
	if !errors.Is(err, gone) || !strings.Contains(err.Error(), "a name in sync") || !strings.Contains(err.Error(), "never reported") {
		t.Errorf("the error is %v", err)
	}
}
