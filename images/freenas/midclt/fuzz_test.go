package midclt

import (
	"encoding/json"
	"strings"
	"testing"
)

// What is shown of an object or a list is JSON of the same value.
func FuzzShow(f *testing.F) {
	f.Add(`{"b":1,"a":[true,null,"é😀"]}`)
	f.Add(`"text"`)
	f.Add(`[1e400]`)
	f.Fuzz(func(t *testing.T, raw string) {
		if !json.Valid([]byte(raw)) {
			_, _ = show([]byte(raw))
			return
		}
		text, err := show([]byte(raw))
		if err != nil {
			t.Fatalf("show(%q): %v", raw, err)
		}
		if word := strings.TrimSpace(raw); word[0] != '{' && word[0] != '[' {
			return
		}
		var before, after any
		if json.Unmarshal([]byte(raw), &before) != nil {
			return // a number beyond float64
		}
		if err := json.Unmarshal([]byte(text), &after); err != nil {
			t.Fatalf("show(%q) = %q: %v", raw, text, err)
		}
	})
}

func FuzzParse(f *testing.F) {
	f.Add("-q\x00call\x00-job\x00core.ping")
	f.Add("-t\x005\x00waitready")
	f.Add("-U\x00root\x00-P\x00x\x00call\x00a\x00b")
	f.Fuzz(func(t *testing.T, line string) {
		parsed, err := parse(strings.Split(line, "\x00"))
		if err == nil && parsed.command == "call" && len(parsed.operands) == 0 {
			t.Error("call without a method was taken")
		}
	})
}
