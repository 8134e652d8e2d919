// Package uname doubles FreeBSD's uname(1).
package uname

import (
	"fmt"
	"io"
	"os"
	"strings"

	"innkeeper/images/freebsd/getopt"
	"innkeeper/images/freebsd/kernel"
)

// order is the order in which uname(1) prints, whatever order was asked.
const order = "snrvmpiKUb"

// Run is uname(1) of FreeBSD 13: options -a -b -i -K -m -n -o -p -r -s -U -v,
// default -s; -o is a synonym of -s; -a means -m -n -r -s -v; UNAME_x in the
// environment overrides what -x prints. Operands are an error.
func Run(args []string, k kernel.Kernel, stdout, stderr io.Writer) int {
	options, operands, err := getopt.Parse(args, "abiKmnoprsUv")
	if err != nil || len(operands) > 0 {
		if err != nil {
			fmt.Fprintf(stderr, "uname: %v\n", err)
		}
		fmt.Fprintln(stderr, "usage: uname [-abiKmnoprsUv]")
		return 1
	}
	asked := map[byte]bool{}
	for _, option := range options {
		switch option.Letter {
		case 'a':
			for _, letter := range []byte("mnrsv") {
				asked[letter] = true
			}
		case 'o':
			asked['s'] = true
		default:
			asked[option.Letter] = true
		}
	}
	if len(asked) == 0 {
		asked['s'] = true
	}
	var words []string
	for _, letter := range []byte(order) {
		if !asked[letter] {
			continue
		}
		word, err := value(letter, k)
		if err != nil {
			fmt.Fprintf(stderr, "uname: %v\n", err)
			return 1
		}
		words = append(words, word)
	}
	fmt.Fprintln(stdout, strings.Join(words, " "))
	return 0
}

func value(letter byte, k kernel.Kernel) (string, error) {
	if word := os.Getenv("UNAME_" + string(letter)); word != "" {
		return word, nil
	}
	switch letter {
	case 's':
		return k.OSType, nil
	case 'n':
		return k.Hostname()
	case 'r':
		return k.OSRelease, nil
	case 'v':
		return k.Version, nil
	case 'm', 'p':
		return k.Machine, nil
	case 'i':
		return k.Ident, nil
	case 'K', 'U':
		return k.OSRelDate, nil
	default:
		return "", fmt.Errorf("-%c: this kernel has no build id", letter)
	}
}
