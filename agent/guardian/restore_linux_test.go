package guardian

import (
	"testing"
	"testing/synctest"
	"time"

	"innkeeper/agent/plugin"
	"innkeeper/agent/systems/section"
)

func TestARestoreIsTriedAgain(t *testing.T) {
	busy := section.Errorf(section.Busy, "", "held")
	for name, c := range map[string]struct {
		errs  []error
		times int
		fails bool
		takes time.Duration
	}{
		"at once":     {nil, 1, false, 0},
		"third time":  {[]error{busy, busy}, 3, false, 3 * time.Second},
		"never":       {[]error{busy, busy, busy, busy, busy}, 4, true, 7 * time.Second},
		"unsupported": {[]error{section.Errorf(section.Unsupported, "", "no")}, 1, true, 0},
		"stuck":       {[]error{&plugin.StuckError{}}, 1, true, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			caller, begun := &calls{errs: c.errs}, time.Now()
			err := restore(t.Context(), caller, Order{Section: "value"})
			if len(caller.ran) != c.times || (err != nil) != c.fails || time.Since(begun) != c.takes {
				t.Errorf("%s: %d times, %v, %s", name, len(caller.ran), err, time.Since(begun))
			}
		})
	}
}
