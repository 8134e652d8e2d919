package plugin_test

import (
	"testing"
	"time"

	"innkeeper/agent/plugin"
)

func TestBackoffGrowsToItsBound(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	var b plugin.Backoff
	for i, want := range []time.Duration{5 * time.Second, 10 * time.Second, 20 * time.Second, 40 * time.Second, 80 * time.Second, 160 * time.Second, 320 * time.Second, 10 * time.Minute, 10 * time.Minute} {
		wait := b.Fail(now).Sub(now)
		if wait < want*4/5 || wait > want*6/5 {
			t.Errorf("failure %d: the next try is after %s, want about %s", i+1, wait, want)
		}
	}
	b.Failures = 1 << 40
	if wait := b.Fail(now).Sub(now); wait > 12*time.Minute {
		t.Errorf("after very many failures the next try is after %s", wait)
	}
	b.Reset()
	if !b.Next().IsZero() || b.Failures != 0 {
		t.Errorf("not forgotten: %+v", b)
	}
}
