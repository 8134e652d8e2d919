package main

import "testing"

func TestVisible(t *testing.T) {
	for code, want := range map[uint32]uint32{0: 0, 1: 1, 3010: 3010, 256: 255, 0xc0000100: 255, 1067: 1067} {
		if got := visible(code); got != want {
			t.Errorf("%d becomes %d, want %d", code, got, want)
		}
	}
}
