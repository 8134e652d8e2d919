package platform_test

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"testing"

	"innkeeper/agent/link"
	"innkeeper/agent/link/wire"
	"innkeeper/agent/state"
	"innkeeper/platform"
)

// BenchmarkSetToReported is from a document set on the platform to the report
// of a guest that does nothing but accept it.
func BenchmarkSetToReported(b *testing.B) {
	p, err := platform.Start(b.Context(), platform.Options{Dir: benchFolder(b), Listen: "127.0.0.1:0"})
	if err != nil {
		b.Fatal(err)
	}
	defer p.Close()
	raw, err := p.Enrol("web-1")
	if err != nil {
		b.Fatal(err)
	}
	j, err := wire.ParseJoin(raw)
	if err != nil {
		b.Fatal(err)
	}
	g := &guest{log: &logbook{}, up: make(chan bool, 100)}
	g.link = link.New(link.Options{Join: j})
	ctx, cancel := context.WithCancel(b.Context())
	var running sync.WaitGroup
	running.Go(func() { _ = g.link.Run(ctx, g) })
	defer running.Wait()
	defer cancel()
	<-g.up
	for i := 0; b.Loop(); i++ {
		sections := map[string]json.RawMessage{"hostname": json.RawMessage(fmt.Sprintf(`{"name":"web-%d"}`, i))}
		revision, err := p.SetDesired(b.Context(), "web-1", sections)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := p.WaitReported(b.Context(), "web-1", "the revision", func(r state.Reported) bool { return r.Revision == revision }); err != nil {
			b.Fatal(err)
		}
	}
}

func benchFolder(b *testing.B) string {
	b.Helper()
	return b.TempDir() + "/platform"
}
