package lab

import (
	"context"
	"slices"
	"strings"
	"testing"
)

func TestJournalWaitsAndForgets(t *testing.T) {
	j := newJournal[int]("numbers")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := j.wait(ctx, func(int) bool { return true }); err == nil || !strings.Contains(err.Error(), "no numbers at all") {
		t.Error(err)
	}
	got := make(chan int)
	go func() {
		n, _ := j.wait(testContext(t), func(n int) bool { return n == journalEntries+3 })
		got <- n
	}()
	for n := range journalEntries + 4 {
		j.add(n)
	}
	if n := <-got; n != journalEntries+3 {
		t.Errorf("waited for %d", n)
	}
	all := j.all()
	if len(all) > journalEntries || all[len(all)-1] != journalEntries+3 || !slices.IsSorted(all) {
		t.Errorf("%d entries kept, the last is %d", len(all), all[len(all)-1])
	}
	if _, err := j.wait(ctx, func(n int) bool { return n < 0 }); err == nil || !strings.Contains(err.Error(), "the last is 100003") {
		t.Error(err)
	}
}
