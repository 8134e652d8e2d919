// Package getopt parses options as FreeBSD's getopt(3) does: single letters,
// clusters, arguments attached or next, and no options after the first operand.
package getopt

import (
	"fmt"
	"strings"
)

// Option is one option as it was given.
type Option struct {
	Letter   byte
	Argument string
}

// Parse reads args (without the command's name) by spec, in which a letter
// followed by a colon takes an argument. The error's text is what getopt(3)
// prints after the command's name and a colon.
func Parse(args []string, spec string) (options []Option, operands []string, err error) {
	for len(args) > 0 {
		word := args[0]
		if word == "--" {
			return options, args[1:], nil
		}
		if len(word) < 2 || word[0] != '-' {
			break
		}
		args = args[1:]
		for i := 1; i < len(word); i++ {
			letter := word[i]
			at := strings.IndexByte(spec, letter)
			if at < 0 || letter == ':' {
				return nil, nil, fmt.Errorf("illegal option -- %c", letter)
			}
			if at+1 == len(spec) || spec[at+1] != ':' {
				options = append(options, Option{Letter: letter})
				continue
			}
			argument := word[i+1:]
			if argument == "" {
				if len(args) == 0 {
					return nil, nil, fmt.Errorf("option requires an argument -- %c", letter)
				}
				argument, args = args[0], args[1:]
			}
			options = append(options, Option{Letter: letter, Argument: argument})
			break
		}
	}
	return options, args, nil
}
