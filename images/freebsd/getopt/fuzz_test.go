package getopt

import (
	"strings"
	"testing"
)

func FuzzParse(f *testing.F) {
	f.Add("-sr\x00-p\x00a.pid\x00cmd", "fp:sr")
	f.Add("--\x00-x", "x")
	f.Add("-:", "a:")
	f.Fuzz(func(t *testing.T, line, spec string) {
		args := strings.Split(line, "\x00")
		options, operands, err := Parse(args, spec)
		if err != nil {
			return
		}
		for _, option := range options {
			if strings.IndexByte(spec, option.Letter) < 0 {
				t.Errorf("option %c is not in %q", option.Letter, spec)
			}
		}
		if len(operands) > len(args) {
			t.Errorf("%d operands of %d words", len(operands), len(args))
		}
	})
}
