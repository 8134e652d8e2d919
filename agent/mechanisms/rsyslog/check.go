package rsyslog

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"strconv"
	"strings"

	"innkeeper/agent/guest"
)

// RefusedError says that rsyslogd does not take a configuration.
type RefusedError struct {
	// Message is rsyslogd's own.
	Message string
}

// Error implements error.
func (e *RefusedError) Error() string { return "rsyslogd refuses the configuration: " + e.Message }

// includes is the line by which a ConfigFile reads DropInDir, in the old
// language and the new.
var includes = regexp.MustCompile(`(?m)^[ \t]*(?:\$IncludeConfig[ \t]+/etc/rsyslog\.d/(?:\*\.conf)?|include\([ \t]*file="/etc/rsyslog\.d/\*\.conf"[^)\n]*\))[ \t]*$`)

// ReadsDropIns says whether a ConfigFile's text reads DropInDir.
func ReadsDropIns(config string) bool { return includes.MatchString(config) }

// WithDropIn is a ConfigFile's text as rsyslogd would see it with this text
// for DropIn: the line that reads DropInDir becomes one for each file there.
// Whether DropIn is there itself makes no difference.
func WithDropIn(m guest.Machine, config, dropIn string) (string, error) {
	entries, err := m.ReadDir(DropInDir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	var b strings.Builder
	placed := false
	for _, e := range entries {
		file := path.Join(DropInDir, e.Name())
		if !strings.HasSuffix(file, ".conf") || file == DropIn {
			continue
		}
		if !placed && file > DropIn {
			b.WriteString(dropIn)
			placed = true
		}
		fmt.Fprintf(&b, "$IncludeConfig %s\n", file)
	}
	if !placed {
		b.WriteString(dropIn)
	}
	at := includes.FindStringIndex(config)
	if at == nil {
		return "", fmt.Errorf("%s does not read %s/*.conf", ConfigFile, DropInDir)
	}
	return config[:at[0]] + strings.TrimSuffix(b.String(), "\n") + config[at[1]:], nil
}

// Check has rsyslogd read a whole configuration without taking it into use, by
// its full check -N1 (the others let errors pass: doc, troubleshooting). A
// refusal is a *RefusedError. The text lies in DropInDir meanwhile, where
// security modules let rsyslogd read, under a name that it does not include.
func Check(ctx context.Context, m guest.Machine, config string) error {
	if err := m.MkdirAll(DropInDir, 0o755); err != nil {
		return err
	}
	const candidate = DropInDir + "/guestd.candidate"
	if err := m.WriteFile(candidate, []byte(config), 0o600); err != nil {
		return err
	}
	result, err := m.Run(ctx, guest.Command{Path: Program, Args: []string{"-N1", "-f", candidate}})
	if removal := m.Remove(candidate); removal != nil && !errors.Is(removal, fs.ErrNotExist) {
		err = errors.Join(err, removal)
	}
	if err != nil {
		return fmt.Errorf("check the configuration of rsyslog: %w", err)
	}
	if result.ExitCode == 0 {
		return nil
	}
	return &RefusedError{Message: firstError(string(result.Stderr) + string(result.Stdout))}
}

// firstError is the line of rsyslogd's that names the first error; those after
// it mostly follow from it.
func firstError(said string) string {
	first := ""
	for line := range strings.SplitSeq(said, "\n") {
		line = strings.TrimPrefix(strings.TrimSpace(line), "rsyslogd: ")
		if strings.Contains(line, "error") && !strings.Contains(line, "warnings occurred") {
			return line
		}
		if first == "" && line != "" && !strings.Contains(line, "config validation run") {
			first = line
		}
	}
	return first
}

var version = regexp.MustCompile(`rsyslogd\s+(\d+)\.(\d+)\.`)

// CAPerTarget says whether this rsyslogd takes an authority for each action,
// which came with 8.2108 (doc, StreamDriver.CAFile), and what its version is.
func CAPerTarget(ctx context.Context, m guest.Machine) (ok bool, v string, err error) {
	out, err := guest.Output(ctx, m, Program, "-v")
	if err != nil {
		return false, "", err
	}
	found := version.FindStringSubmatch(string(out))
	if found == nil {
		return false, "", fmt.Errorf("%s -v does not tell its version", Program)
	}
	major, _ := strconv.Atoi(found[1]) // of digits only, by the expression
	minor, _ := strconv.Atoi(found[2])
	return major > 8 || major == 8 && minor >= 2108, found[1] + "." + found[2], nil
}

// TLSDriver is the network stream driver for TLS that is installed, "gtls" or
// "ossl", or empty.
func TLSDriver(m guest.Machine) string {
	for _, driver := range []string{"gtls", "ossl"} {
		for _, dir := range []string{"/usr/lib64", "/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib"} {
			if _, err := m.Stat(dir + "/rsyslog/lmnsd_" + driver + ".so"); err == nil {
				return driver
			}
		}
	}
	return ""
}
