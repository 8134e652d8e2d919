// Package pfsenseconfig changes pfSense's configuration through pfSense's own
// PHP functions: they write config.xml with its backups and its cache, and
// render from it what the services read. Releases since 2.7.0 have functions
// for paths into the configuration, 2.5 and 2.6 only the array; both are used.
package pfsenseconfig

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"innkeeper/agent/guest"
)

// PHP is pfSense's command line PHP, whose include path has pfSense's functions.
const PHP = "/usr/local/bin/php"

// deadline bounds one script: applying names restarts the resolver and reloads
// the packet filter, which takes seconds on a slow machine.
const deadline = 90 * time.Second

// mark begins the line with a script's answer.
const mark = "@guestd@ "

//go:embed prelude.php
var prelude string

//go:embed names.php
var namesScript string

//go:embed shellcmd.php
var shellcmdScript string

// Refusal says that pfSense, or what is going on in it, does not let a change
// through. Code is "busy", "failed", or the field that is refused.
type Refusal struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

// Error implements error.
func (r *Refusal) Error() string { return r.Message }

// run feeds a script to PHP on its standard input, the request within it, and
// decodes its answer into response.
func run(ctx context.Context, m guest.Machine, script string, request, response any) error {
	asked, err := json.Marshal(request)
	if err != nil {
		return err
	}
	var text bytes.Buffer
	fmt.Fprintf(&text, "<?php\ndefine('GUESTD_MARK', '%s');\n", mark)
	fmt.Fprintf(&text, "$guestd_request = json_decode(base64_decode('%s'), true);\n", base64.StdEncoding.EncodeToString(asked))
	text.WriteString(prelude + "\n" + script)
	command := guest.Command{Path: PHP, Stdin: text.Bytes(), Deadline: deadline}
	result, err := m.Run(ctx, command)
	if err != nil {
		return err
	}
	if err := guest.Check(command, result); err != nil {
		return err
	}
	answer, err := find(result.Stdout)
	if err != nil {
		return err
	}
	var refusal Refusal
	if err := json.Unmarshal(answer, &refusal); err != nil {
		return fmt.Errorf("read the answer of pfSense's php: %w", err)
	}
	if refusal.Code != "" {
		return &refusal
	}
	if err := json.Unmarshal(answer, response); err != nil {
		return fmt.Errorf("read the answer of pfSense's php: %w", err)
	}
	return nil
}

// find is the last marked line of a script's output.
func find(stdout []byte) ([]byte, error) {
	lines := strings.Split(string(stdout), "\n")
	for i := len(lines) - 1; i >= 0; i-- {
		if answer, ok := strings.CutPrefix(lines[i], mark); ok {
			return []byte(answer), nil
		}
	}
	last := strings.TrimSpace(string(stdout))
	if len(last) > 300 {
		last = "... " + last[len(last)-300:]
	}
	return nil, fmt.Errorf("pfSense's php ended without an answer; its last output was %q", last)
}

// Names are the host's name and domain in <system>.
type Names struct {
	Hostname string `json:"hostname"`
	Domain   string `json:"domain"`
}

type namesRequest struct {
	Set          *Names `json:"set"`
	Expect       *Names `json:"expect"`
	DespiteDirty bool   `json:"despite_dirty"`
}

type namesResponse struct {
	Names Names    `json:"names"`
	Dirty []string `json:"dirty"`
}

// ReadNames reads the configured names, and what an administrator has saved
// and not applied yet.
func ReadNames(ctx context.Context, m guest.Machine) (n Names, dirty []string, err error) {
	var r namesResponse
	err = run(ctx, m, namesScript, namesRequest{}, &r)
	return r.Names, r.Dirty, err
}

// SetNames saves and applies names, provided that the configuration has those
// that are expected (nil for any). It is refused as busy while other changes
// wait to be applied, which it would apply too, unless despiteDirty.
func SetNames(ctx context.Context, m guest.Machine, n Names, expect *Names, despiteDirty bool) error {
	var r namesResponse
	return run(ctx, m, namesScript, namesRequest{&n, expect, despiteDirty}, &r)
}

// SetShellcmd makes command the only one with mark in it that pfSense runs at
// the end of its start; an empty command removes it. It says whether it had to
// change the configuration.
func SetShellcmd(ctx context.Context, m guest.Machine, mark, command string) (bool, error) {
	request := struct {
		Mark    string `json:"mark"`
		Command string `json:"command"`
	}{mark, command}
	var response struct {
		Changed bool `json:"changed"`
	}
	err := run(ctx, m, shellcmdScript, request, &response)
	return response.Changed, err
}
