// Package daemon doubles FreeBSD's daemon(8).
package daemon

import (
	"fmt"
	"strconv"
	"time"

	"innkeeper/images/freebsd/getopt"
)

// settings are daemon(8)'s options that are built.
type settings struct {
	changeDir  bool          // -c
	closeFiles bool          // -f
	restart    bool          // -r, or -R
	delay      time.Duration // -R, one second by default
	childPID   string        // -p
	parentPID  string        // -P
	output     string        // -o
	command    []string
}

// supervised reports whether daemon(8) stays to watch its child, which it does
// for a pid file, an output file or a restart, and else becomes the command.
func (s settings) supervised() bool {
	return s.childPID != "" || s.parentPID != "" || s.restart || s.output != ""
}

const usage = `usage: daemon [-cfHrS] [-p child_pidfile] [-P supervisor_pidfile]
              [-u user] [-o output_file] [-t title]
              [-l syslog_facility] [-s syslog_priority]
              [-T syslog_tag] [-m output_mask] [-R restart_delay_secs]
command arguments ...
`

// parse reads the arguments. With a message for standard error comes the exit
// status.
func parse(args []string) (s settings, code int, message string) {
	options, command, err := getopt.Parse(args, "cfHSp:P:ru:o:s:l:t:m:R:T:")
	if err != nil {
		return s, 1, fmt.Sprintf("daemon: %v\n%s", err, usage)
	}
	s.delay = time.Second
	for _, option := range options {
		switch option.Letter {
		case 'c':
			s.changeDir = true
		case 'f':
			s.closeFiles = true
		case 'r':
			s.restart = true
		case 'R':
			seconds, err := strconv.Atoi(option.Argument)
			if err != nil || seconds < 1 {
				return s, 6, "daemon: invalid restart delay\n"
			}
			s.restart, s.delay = true, time.Duration(seconds)*time.Second
		case 'p':
			s.childPID = option.Argument
		case 'P':
			s.parentPID = option.Argument
		case 'o':
			s.output = option.Argument
		default:
			return s, 64, fmt.Sprintf("daemon: option -%c is not built in this lookalike\n", option.Letter)
		}
	}
	if len(command) == 0 {
		return s, 1, usage
	}
	s.command = command
	return s, 0, ""
}
