// Package bench measures what docs/performance.md tells: whole runs of the
// matrix, as a developer waits for them. Run it with 'task bench', on a machine
// that has nothing else to do.
package bench

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"innkeeper/harness/artifact"
	"innkeeper/matrix/report"
)

// BenchmarkWarm is a run of all systems from saved guests: building, specs,
// report. Images and saved states are made first, outside the measurement.
func BenchmarkWarm(b *testing.B) { measure(b) }

// BenchmarkWarmOneSystem is the same on one system.
func BenchmarkWarmOneSystem(b *testing.B) { measure(b, "ubuntu") }

func measure(b *testing.B, systems ...string) {
	root, err := artifact.ModuleRoot(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	matrix := filepath.Join(b.TempDir(), "matrix")
	build := exec.CommandContext(b.Context(), "go", "build", "-o", matrix, "./matrix")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		b.Fatalf("%v: %s", err, out)
	}
	// A filter that one quick spec of each system passes leaves the images
	// built and the guests saved.
	run(b, root, matrix, append([]string{"--labels", "detect"}, systems...))
	for b.Loop() {
		r := run(b, root, matrix, systems)
		memory, boot := 0, 0.0
		for _, g := range r.Guests {
			memory += g.MemoryMiB
			boot = max(boot, g.BootSeconds)
		}
		b.ReportMetric(float64(memory), "guests-MiB")
		b.ReportMetric(boot, "slowest-start-s")
	}
}

func run(b *testing.B, root, matrix string, args []string) *report.Report {
	b.Helper()
	out := b.TempDir()
	cmd := exec.CommandContext(context.WithoutCancel(b.Context()), matrix, append([]string{"run", "--out", out}, args...)...)
	cmd.Dir = root
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, os.Stderr
	if err := cmd.Run(); err != nil {
		b.Fatalf("matrix run %v: %v\n%s", args, err, said.String())
	}
	r, err := report.ReadJSON(filepath.Join(out, "report.json"))
	if err != nil {
		b.Fatal(err)
	}
	return r
}
