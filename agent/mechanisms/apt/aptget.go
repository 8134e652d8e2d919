package apt

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"time"

	"innkeeper/agent/guest"
)

// deadline is how long one apt-get may work.
const deadline = 30 * time.Minute

// environment keeps all that could ask from asking (debconf(7), needrestart(1),
// apt-listchanges(1)).
var environment = []string{
	"DEBIAN_FRONTEND=noninteractive", "DEBIAN_PRIORITY=critical", "NEEDRESTART_MODE=l", "NEEDRESTART_SUSPEND=1",
	"APT_LISTCHANGES_FRONTEND=none", "UCF_FORCE_CONFFOLD=1",
}

// options of every apt-get: a configuration file that the owner changed stays,
// and another's lock is waited for so long at a time (apt.conf(5), dpkg(1)).
var options = []string{
	"-q", "-y", "-o", "Dpkg::Use-Pty=0", "-o", "Dpkg::Options::=--force-confdef", "-o", "Dpkg::Options::=--force-confold",
	"-o", "DPkg::Lock::Timeout=10", "-o", "Acquire::Retries=2", "-o", "APT::Color=0",
}

// LockError says that somebody else is at work with packages.
type LockError struct{ Message string }

// Error implements error.
func (e *LockError) Error() string { return e.Message }

// InterruptedError says that dpkg was cut short before, so that nothing can be
// done until Configure has ended what it began.
type InterruptedError struct{ Message string }

// Error implements error.
func (e *InterruptedError) Error() string { return e.Message }

// Error is what apt-get said when it failed.
type Error struct {
	// Package is the one that failed, if apt or dpkg names it.
	Package string
	// Unknown says that the package, or that version of it, is in no index.
	Unknown bool
	// Message is what the tools said.
	Message string
}

// Error implements error.
func (e *Error) Error() string { return e.Message }

// Update fetches the indexes of the repositories in Sources alone, so that
// another's that does not answer is no hindrance. Every failure counts.
func Update(ctx context.Context, m guest.Machine) error {
	return get(ctx, m, "update", "-o", "Dir::Etc::SourceList="+Sources, "-o", "Dir::Etc::SourceParts=-",
		"-o", "APT::Get::List-Cleanup=0", "-o", "APT::Update::Error-Mode=any")
}

// UpdateAll fetches the indexes of all repositories of the machine.
func UpdateAll(ctx context.Context, m guest.Machine) error { return get(ctx, m, "update") }

// Install brings packages to what the words say: "name", "name=version" or, to
// remove one, "name-". Keep has apt stop before it removes anything; anew has it
// install what seems to be there already, because it is torn.
func Install(ctx context.Context, m guest.Machine, keep, anew bool, words []string) error {
	args := []string{"install", "--no-install-recommends", "--allow-downgrades"}
	if keep {
		args = append(args, "--no-remove")
	}
	if anew {
		args = append(args, "--reinstall")
	}
	return get(ctx, m, append(append(args, "--"), words...)...)
}

// Removed are the packages that an Install would remove. Nothing is done.
func Removed(ctx context.Context, m guest.Machine, words []string) ([]string, error) {
	c := guest.Command{
		Path: "apt-get", Env: environment, Deadline: deadline,
		Args: append([]string{"-q", "-s", "install", "--no-install-recommends", "--allow-downgrades", "--"}, words...),
	}
	r, err := m.Run(ctx, c)
	if err != nil {
		return nil, err
	}
	if r.ExitCode != 0 {
		return nil, diagnose(c, r)
	}
	var names []string
	for line := range strings.Lines(string(r.Stdout)) {
		if words := strings.Fields(line); len(words) > 1 && (words[0] == "Remv" || words[0] == "Purg") {
			names = append(names, words[1])
		}
	}
	return names, nil
}

// Configure ends what dpkg began and could not finish. It is an error if a
// package stays as it is.
func Configure(ctx context.Context, m guest.Machine) error {
	c := guest.Command{Path: "dpkg", Args: []string{"--force-confdef", "--force-confold", "--configure", "--pending"}, Env: environment, Deadline: deadline}
	r, err := m.Run(ctx, c)
	if err != nil || r.ExitCode == 0 {
		return err
	}
	return diagnose(c, r)
}

// Discard takes away packages whose installation broke off where only a new one
// could end it (dpkg(1), --force-remove-reinstreq).
func Discard(ctx context.Context, m guest.Machine, names []string) error {
	if len(names) == 0 {
		return nil
	}
	c := guest.Command{Path: "dpkg", Args: append([]string{"--force-remove-reinstreq", "--remove"}, names...), Env: environment, Deadline: deadline}
	r, err := m.Run(ctx, c)
	if err != nil || r.ExitCode == 0 {
		return err
	}
	return diagnose(c, r)
}

// Mark puts packages on hold, or takes the hold away (apt-mark(8)).
func Mark(ctx context.Context, m guest.Machine, hold bool, names []string) error {
	if len(names) == 0 {
		return nil
	}
	word := "unhold"
	if hold {
		word = "hold"
	}
	c := guest.Command{Path: "apt-mark", Args: append([]string{"-q", word}, names...)}
	r, err := m.Run(ctx, c)
	if err != nil || r.ExitCode == 0 {
		return err
	}
	return diagnose(c, r)
}

// Candidates are the versions that an Install would choose, by the packages'
// names; one without a candidate is left out.
func Candidates(ctx context.Context, m guest.Machine, names []string) (map[string]string, error) {
	out, err := guest.Output(ctx, m, "apt-cache", append([]string{"-q", "policy"}, names...)...)
	if err != nil {
		return nil, err
	}
	candidates, name := map[string]string{}, ""
	for line := range strings.Lines(string(out)) {
		line = strings.TrimRight(line, "\n")
		if n, ok := strings.CutSuffix(line, ":"); ok && !strings.HasPrefix(line, " ") {
			name = n
		}
		if v, ok := strings.CutPrefix(strings.TrimSpace(line), "Candidate: "); ok && v != "(none)" {
			candidates[name] = v
		}
	}
	return candidates, nil
}

func get(ctx context.Context, m guest.Machine, args ...string) error {
	c := guest.Command{Path: "apt-get", Args: append(append([]string{}, options...), args...), Env: environment, Deadline: deadline}
	r, err := m.Run(ctx, c)
	if err != nil || r.ExitCode == 0 {
		return err
	}
	return diagnose(c, r)
}

var (
	lockLine    = regexp.MustCompile(`(?m)^(?:E: |dpkg: error: )?((?:Could not get lock|Unable to lock|Unable to acquire the dpkg frontend lock|dpkg frontend lock|.*lock was locked by another process).*)$`)
	lockHolder  = regexp.MustCompile(`held by process \d+ \([^)\n]*\)`)
	unknownName = regexp.MustCompile(`(?m)^E: (?:Unable to locate package (\S+)|Version '\S+' for '(\S+)' was not found|Package '?(\S+?)'? has no installation candidate)`)
	failedName  = regexp.MustCompile(`(?m)^(?:dpkg: error processing (?:package|archive) (?:\S*/)?([a-z0-9][a-z0-9+.-]*))`)
)

// diagnose makes an error of what the tools wrote. apt-get ends with 100 for
// every failure, so the words are all there is to tell them apart.
func diagnose(c guest.Command, r guest.Result) error {
	text := string(r.Stderr)
	if found := lockLine.FindStringSubmatch(text); found != nil {
		said := found[1]
		if holder := lockHolder.FindString(string(r.Stdout)); holder != "" && !strings.Contains(said, holder) {
			said += " It is " + holder
		}
		return &LockError{said}
	}
	if strings.Contains(text, "dpkg was interrupted") {
		return &InterruptedError{"dpkg was interrupted"}
	}
	e := &Error{Message: complaint(text + "\n" + string(r.Stdout))}
	if e.Message == "" {
		e.Message = fmt.Sprintf("command %s ended with exit status %d", c.Path, r.ExitCode)
	}
	if found := unknownName.FindStringSubmatch(text); found != nil {
		e.Package, e.Unknown = found[1]+found[2]+found[3], true
	} else if found := failedName.FindStringSubmatch(text); found != nil {
		e.Package = found[1]
	}
	return e
}

// most is how much of what the tools said is passed on.
const most = 600

// complaint is what the tools complained of, in one line: apt's lines begin with
// E: or W:, and dpkg's say what went wrong on the line below.
func complaint(text string) string {
	var said []string
	var below bool
	for line := range strings.Lines(text) {
		trimmed := strings.TrimSpace(line)
		failed := strings.HasPrefix(trimmed, "dpkg: error processing")
		if below && trimmed != "" {
			said[len(said)-1] += " " + trimmed
			below = false
			continue
		}
		if failed || strings.HasPrefix(trimmed, "E: ") || strings.HasPrefix(trimmed, "W: ") && len(said) < 3 ||
			strings.Contains(trimmed, "Depends: ") {
			said = append(said, strings.TrimPrefix(strings.TrimPrefix(trimmed, "E: "), "W: "))
		}
		below = failed
	}
	all := strings.Join(said, "; ")
	if len(all) > most {
		all = strings.ToValidUTF8(all[:most], "") + " ..."
	}
	return all
}
