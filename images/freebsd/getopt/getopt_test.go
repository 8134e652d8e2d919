package getopt

import (
	"reflect"
	"testing"
)

func TestParse(t *testing.T) {
	tests := []struct {
		args     []string
		options  []Option
		operands []string
		err      string
	}{
		{args: []string{"-sr"}, options: []Option{{Letter: 's'}, {Letter: 'r'}}, operands: []string{}},
		{args: []string{"-fp", "a.pid", "cmd", "-x"}, options: []Option{{Letter: 'f'}, {Letter: 'p', Argument: "a.pid"}}, operands: []string{"cmd", "-x"}},
		{args: []string{"-pa.pid", "--", "-f"}, options: []Option{{Letter: 'p', Argument: "a.pid"}}, operands: []string{"-f"}},
		{args: []string{"-z"}, err: "illegal option -- z"},
		{args: []string{"-:"}, err: "illegal option -- :"},
		{args: []string{"-p"}, err: "option requires an argument -- p"},
		{args: []string{"-"}, operands: []string{"-"}},
	}
	for _, test := range tests {
		options, operands, err := Parse(test.args, "fp:sr")
		if got := text(err); got != test.err {
			t.Errorf("Parse(%q) error = %q, want %q", test.args, got, test.err)
			continue
		}
		if !reflect.DeepEqual(options, test.options) || (err == nil && !reflect.DeepEqual(operands, test.operands)) {
			t.Errorf("Parse(%q) = %v, %q, want %v, %q", test.args, options, operands, test.options, test.operands)
		}
	}
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
