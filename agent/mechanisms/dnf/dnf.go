// Package dnf is CentOS' package manager from release 8 on: dnf itself, its
// configuration, and the list of the repositories that packages come from.
package dnf

import (
	"context"
	"strconv"
	"strings"
	"time"

	"innkeeper/agent/guest"
)

// Path is where dnf is.
const Path = "/usr/bin/dnf"

// deadline is how long one dnf may work.
const deadline = 30 * time.Minute

// options of every dnf (dnf(8), dnf.conf(5)): nothing asks, another's lock ends
// it, nothing comes or goes that is but recommended or no longer needed, and a
// repository of others that does not answer is no hindrance.
var options = []string{
	"-y", "--color=never", "--setopt=exit_on_lock=1", "--setopt=install_weak_deps=0",
	"--setopt=clean_requirements_on_remove=0", "--setopt=retries=2",
}

const passOver = "--setopt=*.skip_if_unavailable=1"

// Refresh fetches the indexes of the agent's own repositories alone. Every
// failure counts.
func Refresh(ctx context.Context, m guest.Machine) error {
	return run(ctx, m, "--quiet", "--refresh", "--disablerepo=*", "--enablerepo="+prefix+"*",
		"--setopt="+prefix+"*.skip_if_unavailable=0", "makecache")
}

// Transaction is what packages are changed by.
type Transaction struct {
	// Excluded are the packages that dnf must not touch; nil leaves that to its
	// configuration.
	Excluded []string
	// Refresh fetches the indexes of all repositories before.
	Refresh bool
}

// Install brings packages to what the words say: "name" to the newest version,
// "name-version" up or down to that.
func (t Transaction) Install(ctx context.Context, m guest.Machine, words []string) error {
	return run(ctx, m, append(append(t.options(), "install", "--"), words...)...)
}

// Remove takes packages away, and what cannot do without them.
func (t Transaction) Remove(ctx context.Context, m guest.Machine, words []string) error {
	return run(ctx, m, append(append(t.options(), "remove", "--"), words...)...)
}

func (t Transaction) options() []string {
	args := []string{passOver}
	if t.Refresh {
		args = append(args, "--refresh")
	}
	if t.Excluded == nil {
		return args
	}
	// An empty value takes away what the configuration has; more are added to it.
	args = append(args, "--setopt="+option+"=")
	for _, word := range t.Excluded {
		args = append(args, "--setopt="+option+"="+word)
	}
	return args
}

// Upgrades are the newest versions of those packages that are installed in an
// older one, by name and by NAME.ARCH, as far as the fetched indexes tell. No
// lock is taken and nothing is fetched.
func Upgrades(ctx context.Context, m guest.Machine, names []string) (map[string]string, error) {
	args := append([]string{
		"--quiet", "--cacheonly", passOver, "--setopt=" + option + "=",
		"repoquery", "--upgrades", "--latest-limit=1", "--queryformat", `%{name}\t%{arch}\t%{evr}`, "--",
	}, names...)
	c := guest.Command{Path: Path, Args: args, Deadline: 2 * time.Minute}
	r, err := m.Run(ctx, c)
	if err != nil {
		return nil, err
	}
	if r.ExitCode != 0 {
		return nil, diagnose(c, r)
	}
	return parseUpgrades(string(r.Stdout)), nil
}

func parseUpgrades(out string) map[string]string {
	all := map[string]string{}
	for line := range strings.Lines(out) {
		words := strings.Split(strings.TrimRight(line, "\n"), "\t")
		if len(words) == 3 && words[0] != "" && words[2] != "" {
			all[words[0]], all[words[0]+"."+words[1]] = words[2], words[2]
		}
	}
	return all
}

// Wait returns when a process has ended, or after ten seconds: all of them if it
// is not known which process it is.
func Wait(ctx context.Context, m guest.Machine, pid int) error {
	const most = 10
	c := guest.Command{Path: "sleep", Args: []string{strconv.Itoa(most)}}
	if pid > 0 {
		c = guest.Command{Path: "timeout", Args: []string{
			strconv.Itoa(most), "tail", "--pid=" + strconv.Itoa(pid), "--sleep-interval=0.5", "--follow", "/dev/null",
		}}
	}
	_, err := m.Run(ctx, c) // timeout's status says which it was, and is of no use
	return err
}

func run(ctx context.Context, m guest.Machine, args ...string) error {
	c := guest.Command{Path: Path, Args: append(append([]string{}, options...), args...), Deadline: deadline}
	r, err := m.Run(ctx, c)
	if err != nil || r.ExitCode == 0 {
		return err
	}
	return diagnose(c, r)
}
