package lab

import (
	"context"
	"fmt"
	"slices"
	"sync"
)

// journalEntries bounds a journal: a guest gone wild must not use up our
// memory. The oldest entries go first.
const journalEntries = 100_000

// journal keeps what a service has seen, in order, and lets others wait for more.
type journal[T any] struct {
	what string // plural, for errors

	mu      sync.Mutex
	entries []T
	gone    int           // number of entries dropped before the first
	grown   chan struct{} // closed by the next add
}

func newJournal[T any](what string) *journal[T] {
	return &journal[T]{what: what, grown: make(chan struct{})}
}

func (j *journal[T]) add(entry T) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(j.entries) == journalEntries {
		half := journalEntries / 2
		j.entries = append(make([]T, 0, journalEntries), j.entries[half:]...)
		j.gone += half
	}
	j.entries = append(j.entries, entry)
	close(j.grown)
	j.grown = make(chan struct{})
}

func (j *journal[T]) all() []T {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Clone(j.entries)
}

// wait returns the first entry that matches, one already there or one to come.
func (j *journal[T]) wait(ctx context.Context, match func(T) bool) (T, error) {
	next := 0 // number of the first entry not looked at yet
	for {
		j.mu.Lock()
		next = max(next, j.gone)
		fresh := slices.Clone(j.entries[next-j.gone:])
		next += len(fresh)
		grown := j.grown
		j.mu.Unlock()
		if i := slices.IndexFunc(fresh, match); i >= 0 {
			return fresh[i], nil
		}
		select {
		case <-ctx.Done():
			return *new(T), j.missing(ctx, next)
		case <-grown:
		}
	}
}

func (j *journal[T]) missing(ctx context.Context, seen int) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if seen == 0 || len(j.entries) == 0 {
		return fmt.Errorf("lab: no %s at all: %w", j.what, context.Cause(ctx))
	}
	last := j.entries[len(j.entries)-1]
	return fmt.Errorf("lab: none of the %d %s is the awaited one, the last is %+v: %w",
		seen, j.what, last, context.Cause(ctx))
}
