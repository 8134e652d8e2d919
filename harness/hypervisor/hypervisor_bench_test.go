package hypervisor

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// BenchmarkDaemon measures the start and the end of a private libvirtd.
func BenchmarkDaemon(b *testing.B) {
	dir := shortDir(b)
	for b.Loop() {
		d, err := StartDaemon(b.Context(), DaemonOptions{Dir: filepath.Join(dir, "d"), Cache: sharedCache()})
		if err != nil {
			b.Fatal(err)
		}
		if err := d.Close(context.Background()); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkLife measures each step of a guest's life, in milliseconds each.
func BenchmarkLife(b *testing.B) {
	bench := newBench(b, counting())
	m, _ := bench.machine(b, "x", bench.base)
	state := filepath.Join(bench.dir, "memory.save")
	steps := newSteps()
	for b.Loop() {
		if err := os.RemoveAll(m.Console); err != nil {
			b.Fatal(err)
		}
		d, err := bench.host.Boot(b.Context(), m)
		steps.done("boot", err)
		see(b, d, "hello")
		steps.done("hello", nil)
		_, err = d.Screenshot(b.Context())
		steps.done("screenshot", err)
		steps.done("save", d.Save(b.Context(), state))
		d, err = bench.host.Restore(b.Context(), m, state)
		steps.done("restore", err)
		steps.done("powercut", d.PowerCut(b.Context()))
		if steps.err != nil {
			b.Fatal(steps.err)
		}
	}
	steps.report(b)
}

// steps is a stopwatch with a lap for each step.
type steps struct {
	last  time.Time
	names []string
	took  map[string]time.Duration
	err   error
}

func newSteps() *steps { return &steps{last: time.Now(), took: map[string]time.Duration{}} }

func (s *steps) done(name string, err error) {
	s.err = errors.Join(s.err, err)
	if _, known := s.took[name]; !known {
		s.names = append(s.names, name)
	}
	s.took[name] += time.Since(s.last)
	s.last = time.Now()
}

func (s *steps) report(b *testing.B) {
	for _, name := range s.names {
		b.ReportMetric(float64(s.took[name].Milliseconds())/float64(b.N), name+"-ms")
	}
}
