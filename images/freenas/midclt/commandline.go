package midclt

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// line is a parsed command line.
type line struct {
	quiet              bool
	uri                string
	username, password string
	timeout            time.Duration
	command            string
	job                bool
	operands           []string
}

func (l line) usage() string {
	if l.command == "call" {
		return "usage: midclt call [-h] [-j JOB] [-jp {progressbar,description}] method [method ...]\nmidclt call: error: "
	}
	return "usage: midclt [-h] [-q] [-u URI] [-U USERNAME] [-P PASSWORD] [-t TIMEOUT]\n" +
		"              {call,ping,waitready,sql,subscribe} ...\nmidclt: error: "
}

var commands = []string{"call", "ping", "waitready", "sql", "subscribe"}

// parse reads the arguments as argparse does: the options of midclt before the
// command, those of call after it. "-job" is -j with the value "ob", as the
// vendor's own scripts write it.
func parse(args []string) (line, error) {
	var l line
	for len(args) > 0 && strings.HasPrefix(args[0], "-") {
		word := args[0]
		args = args[1:]
		if word == "-q" || word == "--quiet" {
			l.quiet = true
			continue
		}
		value, err := take(&word, &args, map[string]string{
			"-u": "--uri", "-U": "--username", "-P": "--password", "-t": "--timeout",
		})
		if err != nil {
			return l, err
		}
		switch word {
		case "--uri":
			l.uri = value
		case "--username":
			l.username = value
		case "--password":
			l.password = value
		case "--timeout":
			seconds, err := strconv.Atoi(value)
			if err != nil {
				return l, fmt.Errorf("argument -t/--timeout: invalid int value: '%s'", value)
			}
			l.timeout = time.Duration(seconds) * time.Second
		}
	}
	if len(args) == 0 {
		return l, nil
	}
	known := false
	for _, command := range commands {
		known = known || command == args[0]
	}
	if !known {
		return l, fmt.Errorf("argument name: invalid choice: '%s' (choose from 'call', 'ping', 'waitready', 'sql', 'subscribe')", args[0])
	}
	l.command, args = args[0], args[1:]
	if l.command != "call" {
		if len(args) > 0 && l.command != "sql" && l.command != "subscribe" {
			return l, fmt.Errorf("unrecognized arguments: %s", strings.Join(args, " "))
		}
		return l, nil
	}
	return l, l.parseCall(args)
}

func (l *line) parseCall(args []string) error {
	for len(args) > 0 && strings.HasPrefix(args[0], "-") {
		word := args[0]
		args = args[1:]
		if word == "--" {
			break
		}
		value, err := take(&word, &args, map[string]string{"-jp": "--job-print", "-j": "--job"})
		if err != nil {
			return err
		}
		switch word {
		case "--job":
			l.job = value != "" // Python's bool of a string
		case "--job-print":
			if value != "progressbar" && value != "description" {
				return fmt.Errorf("argument -jp/--job-print: invalid choice: '%s' (choose from 'progressbar', 'description')", value)
			}
		}
	}
	if len(args) == 0 {
		return fmt.Errorf("the following arguments are required: method")
	}
	l.operands = args
	return nil
}

// take reads the value of an option, given next to it, after "=" or attached
// to its short form, and makes word its long form.
func take(word *string, args *[]string, names map[string]string) (string, error) {
	given := *word
	for short, long := range names {
		if given == short || given == long {
			if len(*args) == 0 {
				return "", fmt.Errorf("argument %s/%s: expected one argument", short, long)
			}
			*word = long
			value := (*args)[0]
			*args = (*args)[1:]
			return value, nil
		}
		if value, ok := strings.CutPrefix(given, long+"="); ok {
			*word = long
			return value, nil
		}
	}
	for short, long := range names {
		if value, ok := strings.CutPrefix(given, short); ok && len(short) == 2 && !strings.HasPrefix(given, "--") {
			*word = long
			return value, nil
		}
	}
	return "", fmt.Errorf("unrecognized arguments: %s", given)
}
