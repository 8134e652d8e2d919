package specs

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"

	. "github.com/onsi/ginkgo/v2"
	"github.com/onsi/ginkgo/v2/types"

	"innkeeper/harness/event"
	"innkeeper/harness/evidence"
)

// outputLimit is how much of a spec's own output an event carries, in bytes.
const outputLimit = 64 << 10

var _ = ReportBeforeSuite(func(r Report) {
	events.Emit(event.Event{Kind: event.Plan, Total: r.PreRunStats.SpecsThatWillRun})
})

var _ = ReportBeforeEach(func(r SpecReport) {
	if r.State == types.SpecStateSkipped || r.State == types.SpecStatePending {
		return
	}
	events.Emit(event.Event{Kind: event.Started, Spec: &event.Spec{Name: r.FullText(), Labels: r.Labels()}})
})

// Evidence is gathered while the guest still stands; ReportAfterEach, which
// runs last, sends it.
var (
	gathered []event.Evidence
	capture  frames
)

var _ = BeforeEach(func() {
	gathered = nil
	stop, err := column.Lab.Capture(capture.begin())
	if err != nil {
		GinkgoWriter.Printf("no packet capture: %v\n", err)
		return
	}
	DeferCleanup(func() { stop() })
})

var _ = JustAfterEach(func(ctx SpecContext) {
	if !CurrentSpecReport().Failed() {
		return
	}
	var err error
	gathered, err = evidence.Gather(context.WithoutCancel(ctx), column.EvidenceDir(), CurrentSpecReport().FullText(), sources())
	if err != nil {
		GinkgoWriter.Printf("evidence is incomplete: %v\n", err)
	}
})

var _ = ReportAfterEach(func(r SpecReport) {
	if r.State == types.SpecStateSkipped && r.RunTime == 0 && r.Failure.Message == "" {
		return // filtered out, not skipped
	}
	events.Emit(event.Event{Kind: event.Finished, Spec: finished(r)})
})

var _ = ReportAfterSuite("failed set-up and tear-down", func(r Report) {
	for _, s := range r.SpecReports {
		if s.LeafNodeType.Is(types.NodeTypeBeforeSuite|types.NodeTypeAfterSuite) && s.Failed() {
			spec := finished(s)
			spec.Name = "(" + s.LeafNodeType.String() + ")"
			events.Emit(event.Event{Kind: event.Finished, Spec: spec})
		}
	}
})

func finished(r SpecReport) *event.Spec {
	output := r.CapturedGinkgoWriterOutput
	for _, e := range r.ReportEntries {
		output += e.Name + ": " + e.StringRepresentation() + "\n"
	}
	if len(output) > outputLimit {
		output = output[len(output)-outputLimit:]
	}
	spec := &event.Spec{
		Name: r.FullText(), Labels: r.Labels(), State: r.State.String(),
		Seconds: r.RunTime.Seconds(), Attempts: r.NumAttempts, Output: output, Evidence: gathered,
	}
	if r.Failed() || r.State == types.SpecStateSkipped {
		spec.Message = r.FailureMessage()
		spec.Location = r.FailureLocation().String()
	}
	return spec
}

// sources are what is looked at when a spec has failed.
func sources() []evidence.Source {
	const limit = 256 << 10
	list := []evidence.Source{
		{Name: "console", Type: "text/plain", Read: func(context.Context) ([]byte, error) { return column.Domain.Console() }},
		{Name: "screenshot", Type: "image/png", Read: column.Domain.Screenshot},
		{Name: "packets", Type: "application/vnd.tcpdump.pcap", Read: func(context.Context) ([]byte, error) { return capture.bytes(), nil }},
	}
	if agent == nil {
		return list
	}
	return append(list,
		evidence.Source{Name: "agent-log", Type: "text/plain", Read: func(ctx context.Context) ([]byte, error) {
			return agentLog(ctx, limit)
		}},
		evidence.Source{Name: "system-log", Type: "text/plain", Read: func(ctx context.Context) ([]byte, error) {
			out, err := column.Guest.Raw(ctx, sys().Tools.SystemLog...)
			return []byte(out.Stdout), err
		}},
		evidence.Source{Name: "reported", Type: "application/json", Read: func(context.Context) ([]byte, error) {
			r, _ := agent.platform.Reported(agent.id)
			return json.MarshalIndent(r, "", "  ")
		}},
	)
}

// frames holds the first packets of a spec: what a spec that fails did first
// explains more than what it repeated until its deadline.
type frames struct {
	mu   sync.Mutex
	data []byte
}

const framesLimit = 4 << 20

func (f *frames) begin() *frames {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.data = nil
	return f
}

func (f *frames) Write(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.data)+len(p) <= framesLimit {
		f.data = append(f.data, p...)
	}
	return len(p), nil
}

func (f *frames) bytes() []byte {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]byte(nil), f.data...)
}

// agentLog is the end of guestd's log.
func agentLog(ctx context.Context, limit int) ([]byte, error) {
	file, err := agentLogFile(ctx)
	if err != nil {
		return nil, err
	}
	return column.Guest.Fetch(ctx, file, limit)
}

// agentLogFile is guestd's log, which guestd itself says where to find.
func agentLogFile(ctx context.Context) (string, error) {
	out, err := column.Guest.Run(ctx, sys().Tools.Agent, "version", "--json")
	if err != nil {
		return "", err
	}
	var told struct {
		LogFile string `json:"log_file"`
	}
	if err := json.Unmarshal([]byte(out.Stdout), &told); err != nil {
		return "", fmt.Errorf("guestd version --json: %w", err)
	}
	return told.LogFile, nil
}
