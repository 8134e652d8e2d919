// Package sectiontest holds a section to what section.Section promises, on a
// machine in memory.
package sectiontest

import (
	"encoding/json"
	"errors"
	"strings"
	"sync/atomic"
	"testing"

	"innkeeper/agent/guest"
	"innkeeper/agent/guest/guesttest"
	"innkeeper/agent/systems/section"
)

// Encode is a section's desired value as it stands in a document. What is
// encoded already stays as it is.
func Encode(t testing.TB, desired any) json.RawMessage {
	t.Helper()
	b, err := json.Marshal(desired)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Plan is s's plan; the test ends if it makes none.
func Plan(t testing.TB, s section.Section, m guest.Machine, desired any) section.Plan {
	t.Helper()
	p, err := s.Plan(t.Context(), m, Encode(t, desired))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// Apply has s make the changes of a plan; the test ends if it fails.
func Apply(t testing.TB, s section.Section, m guest.Machine, desired any, p section.Plan) {
	t.Helper()
	if err := s.Apply(t.Context(), m, Encode(t, desired), p); err != nil {
		t.Fatal(err)
	}
}

// ExpectError checks that err is a section.Error of that code and path which
// says something.
func ExpectError(t testing.TB, err error, code section.Code, path, says string) {
	t.Helper()
	var typed *section.Error
	if !errors.As(err, &typed) || typed.Code != code || typed.Path != path || !strings.Contains(typed.Message, says) {
		t.Errorf("got %#v, want %s at %s that says %q", err, code, path, says)
	}
}

// Subject is a section and the machine that it is tried on.
type Subject struct {
	Section section.Section
	Machine *guesttest.Fake
	// Show is all that the section may touch, files or not.
	Show func() string
	// Dying, if there is one, is where doubles look for the machine that dies,
	// for calls that do not go through guest.Machine.
	Dying *atomic.Pointer[guesttest.Dying]
}

// endless is a number of calls that no apply has.
const endless = 500

// RestoresAtEveryCall checks that a checkpoint brings back what was there,
// whatever changing call of an apply the power goes at, before the call or
// after it, and that it does after a restore was cut short as well. An apply of
// fewer changing calls than least is an error: nothing would have been tried.
func (s Subject) RestoresAtEveryCall(t *testing.T, desired any, least int) {
	t.Helper()
	p := Plan(t, s.Section, s.Machine, desired)
	if err := s.Section.Restore(t.Context(), s.Machine, p.Checkpoint); err != nil {
		t.Fatal(err)
	}
	was := s.Show()
	for at := 1; at < endless; at++ {
		before, after := s.cut(t, desired, p, was, at, false), s.cut(t, desired, p, was, at, true)
		if before != nil || after != nil {
			continue
		}
		if at < least {
			t.Fatalf("an apply has %d calls only", at)
		}
		return
	}
	t.Fatalf("an apply still fails when the power goes at its call %d", endless)
}

// cut lets the power go in an apply and in the restore after it, restores, and
// returns the apply's error.
func (s Subject) cut(t *testing.T, desired any, p section.Plan, was string, at int, after bool) error {
	t.Helper()
	applied := s.Section.Apply(t.Context(), s.dying(at, after), Encode(t, desired), p)
	_ = s.Section.Restore(t.Context(), s.dying((at+1)/2, after), p.Checkpoint)
	s.alive()
	if err := s.Section.Restore(t.Context(), s.Machine, p.Checkpoint); err != nil {
		t.Fatalf("call %d: restore: %v", at, err)
	}
	if is := s.Show(); is != was {
		t.Fatalf("the power went at call %d (after it: %v):\n%s\nwant\n%s", at, after, is, was)
	}
	return applied
}

func (s Subject) dying(at int, after bool) *guesttest.Dying {
	m := &guesttest.Dying{Machine: s.Machine, At: at, After: after}
	if s.Dying != nil {
		s.Dying.Store(m)
	}
	return m
}

func (s Subject) alive() {
	if s.Dying != nil {
		s.Dying.Store(nil)
	}
}
