package system_test

import (
	"slices"
	"testing"

	"innkeeper/images/system"
)

func TestRecord(t *testing.T) {
	l := system.Logging{Write: system.Logger()}
	got := l.Record("local3", "warning", "inn", "a {{tag}} b")
	want := []string{"logger", "-p", "local3.warning", "-t", "inn", "--", "a {{tag}} b"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
