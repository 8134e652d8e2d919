package conformance_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"innkeeper/agent/plugin/conformance"
)

// The samples of docs/plugins are what an author begins with.
func TestTheSamplesConform(t *testing.T) {
	if _, err := exec.LookPath("python3"); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, value, before string }{
		{"motd", `{"text":"hello <é>\nworld","file":%q}`, "-"},
		{"motd", `{"text":"hello","file":%q}`, "by hand, without a newline"},
		{"motd", `{"text":"hello","file":%q}`, "above\n--- kept by guestd: begin ---\nold\n--- kept by guestd: end ---\nbelow\n"},
		{"cron-line", `{"line":"0 3 * * * root echo \"<é>\" \\","file":%q}`, "-"},
		{"cron-line", `{"line":"0 3 * * * root true","file":%q}`, "# Kept by guestd. A change by hand is undone.\n0 4 * * * root \"a\\b\"\n"},
		{"cron-line", `{"line":"0 3 * * * root true","file":%q}`, "by hand \x00\xff\n\n% without a newline"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			file := filepath.Join(dir, "a file")
			if c.before != "-" {
				if err := os.WriteFile(file, []byte(c.before), 0o640); err != nil {
					t.Fatal(err)
				}
			}
			o := conformance.Options{Path: sample(t, c.name), Desired: json.RawMessage(fmt.Sprintf(c.value, file))}
			r, err := conformance.Run(t.Context(), o)
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range r.Findings {
				if f.Outcome != conformance.Passed {
					t.Errorf("%s: %s: %s", f.Check, f.Outcome, f.Detail)
				}
			}
			if len(r.Findings) < 15 {
				t.Errorf("only %d checks were made", len(r.Findings))
			}
			left, err := os.ReadDir(dir)
			if err != nil || len(left) > 1 || len(left) == 1 && left[0].Name() != "a file" {
				t.Errorf("left behind: %v, %v", left, err)
			}
		})
	}
}

func sample(t *testing.T, name string) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join("../../../docs/plugins", name))
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// broken is the sample in shell with one thing broken.
func broken(t *testing.T, old, broken string) string {
	t.Helper()
	raw, err := os.ReadFile(sample(t, "cron-line"))
	if err != nil {
		t.Fatal(err)
	}
	if strings.Count(string(raw), old) != 1 {
		t.Fatalf("the sample does not hold %q once", old)
	}
	path := filepath.Join(t.TempDir(), "plugin")
	if err := os.WriteFile(path, []byte(strings.Replace(string(raw), old, broken, 1)), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestWhatDoesNotConformIsFoundAndExplained(t *testing.T) {
	for _, c := range []struct{ name, old, broken, check, says string }{
		{"no section", `"sections":["cron-line"]`, `"sections":[]`, "it describes itself", "names no section"},
		{"a long deadline", `"deadline_seconds":20`, `"deadline_seconds":7201`, "it describes itself", "may be 1 to 7200"},
		{"describe unkillable", `"memory_mib":64`, `"unkillable":["describe"]`, "it describes itself", `unkillable names "describe"`},
		{"a log on standard output", "\tcheck_desired\n\tactual\n", "\techo planning\n\tcheck_desired\n\tactual\n", "it plans", `a line is not JSON: "planning"`},
		{"output after the result", "\tprintf '{\"type\":\"result\",\"result\":%s}\\n' \"$1\"\n\texit 0", "\tprintf '{\"type\":\"result\",\"result\":%s}\\n' \"$1\"\n\techo '{\"type\":\"progress\"}'; exit 0", "it describes itself", "a line follows the result"},
		{"a status with a result", "\texit 0\n", "\texit 4\n", "it describes itself", "gave a result and ended with exit status 4"},
		{"any protocol", `[ "$protocol" = 1 ]`, `[ "$protocol" != 2 ]`, "it refuses a protocol it does not speak", "it answered a result"},
		{"a wrong code", "unsupported \"the operation", "failed \"the operation", "it refuses an operation it does not know", `the code "failed" in place of "unsupported"`},
		{"an unknown code", "unsupported \"the operation", "odd \"the operation", "it refuses an operation it does not know", `the code "odd"`},
		{"no answer to garbage", `[ "$bad" = 0 ] || refuse`, `[ "$bad" = 0 ] || exit 3; false && refuse`, "it refuses a request that is not JSON", "ended with exit status 3 and without an answer"},
		{"no actual value", `{\"actual\":{\"line\":$(quote "$line"),\"file\":$(quote "$file")},`, "{", "it plans", "does not tell the actual value"},
		{"no summary", `"summary":"write the line of cron",`, "", "it plans", "change 1 of the plan has no summary"},
		{"a plan that changes", "\tcheck_desired\n\tactual\n", "\tcheck_desired\n\techo x >>\"$file\"\n\tactual\n", "a plan changes nothing", "is not what it was"},
		{"a short read", `eval "$(json`, `eval "$(head -c 1000 | json`, "a plan ignores fields it does not know, and reads a request of a MiB", "is not a JSON object"},
		{"any value", `[ "$desired_type" = object ] ||`, `[ "$desired_type" = object ] || { line=; result '{"actual":{}}'; } ||`, "it refuses a value of another type", "it answered a result"},
		{"an apply that does nothing", "\tchmod 644 \"$file.guestd-new\"\n\tput \"$file\"\n", "", "apply makes the plan's changes", "still has a change: write the line of cron"},
		{"a restore that does nothing", `	[ "$checkpoint_file_type" = string ] ||`, `	result '{}' ||`, "restore brings back what was before", "is not the one before apply"},
		{"a restore of half", `chmod "$checkpoint_mode" "$checkpoint_file.guestd-new"`, ":", "restore before any apply changes nothing", "the mode of"},
		{"a restore that works once", `	[ "$checkpoint_file_type" = string ] ||`, `	[ -f "$file.once" ] && refuse failed "done already"; : >"$file.once"
			[ "$checkpoint_file_type" = string ] ||`, "restore brings back what was before", "restore answered an error: done already"},
		{"a change in two steps without a trace", "\tprintf '%s\\n%s\\n' \"$header\"", "\trm -f \"$checkpoint_file\"; : >\"$checkpoint_file.guestd-lost\"; sleep 0.2; rm \"$checkpoint_file.guestd-lost\"\n\tprintf '%s\\n%s\\n' \"$header\"", "restore undoes an apply that was killed", "apply was killed after"},
		{"a process left behind", `describe | plan | apply`, `plan) (setsid sh -c ': >"$file.once"; exec sleep 1000' >/dev/null 2>&1 &) ; until [ -f "$file.once" ]; do sleep 0.01; done; plan ;;
			describe | apply`, "it plans", "it left 1 processes running"},
		{"a hang", `describe | plan | apply`, `dance) sleep 1000 ;;
			describe | plan | apply`, "it refuses an operation it does not know", "did not end within 10s"},
		{"a flood", `describe | plan | apply`, `dance) yes ;;
			describe | plan | apply`, "it refuses an operation it does not know", "wrote more than 1048576 bytes"},
	} {
		t.Run(c.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "line")
			if err := os.WriteFile(file, []byte("before\n"), 0o640); err != nil {
				t.Fatal(err)
			}
			path := broken(t, c.old, strings.ReplaceAll(c.broken, "$file.once", file+".once"))
			if c.name == "a change in two steps without a trace" {
				path = broken(t, `	if [ "$checkpoint_there" = true ]; then`, `	[ -f "$checkpoint_file.guestd-lost" ] && result '{}'
	if [ "$checkpoint_there" = true ]; then`)
				raw, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, []byte(strings.Replace(string(raw), c.old, c.broken, 1)), 0o755); err != nil {
					t.Fatal(err)
				}
			}
			r, err := conformance.Run(t.Context(), conformance.Options{
				Path: path, Desired: json.RawMessage(fmt.Sprintf(`{"line":"0 3 * * * root true","file":%q}`, file)),
				Deadline: 10 * time.Second,
			})
			if err != nil {
				t.Fatal(err)
			}
			if r.OK() {
				t.Fatal("nothing was found")
			}
			i := slices.IndexFunc(r.Findings, func(f conformance.Finding) bool { return f.Outcome == conformance.Failed })
			if f := r.Findings[i]; f.Check != c.check || !strings.Contains(f.Detail, c.says) || f.Document == "" {
				t.Errorf("first found is %q: %s", f.Check, f.Detail)
			}
		})
	}
}
