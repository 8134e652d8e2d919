package specs

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"innkeeper/agent/state"
	"innkeeper/harness/guest"
	"innkeeper/harness/lab"
)

const (
	// timeServer is a time server of the lab that DHCP does not name, so that a
	// guest that asks it was told to by the agent.
	timeServer = "clock.lab.test"
	// lead is how far the lab's time server goes ahead: more than any system
	// corrects unseen, less than what others have to notice.
	lead = time.Minute
	// syncTimeout is from the start of a system's NTP daemon to a clock that
	// was set.
	syncTimeout = 3 * time.Minute
	// lookEvery is how often a guest is asked anew for what it only shows in a
	// report: each look starts a process in it.
	lookEvery = 5 * time.Second
)

// The zones of the specs. They have no summer time, so that what the clock
// shows tells them apart on any day, and no other zone of Windows has their
// offset: Wine tells a zone by it.
//
// What they have here are the minutes by which UTC is later.
var zoneMinutes = map[string]int{"Asia/Kolkata": -330, "Pacific/Marquesas": 570}

// dateOffset is the same as date(1) has it.
func dateOffset(later int) string {
	sign := '-'
	if later <= 0 {
		sign, later = '+', -later
	}
	return fmt.Sprintf("%c%02d%02d", sign, later/60, later%60)
}

var _ = Describe("time", Label("time"), func() {
	// What a system cannot do has no specs there but the one that it says so;
	// the report shows a dash.
	can := sys().Tools.Time
	if len(can.Zone) == 0 || len(can.Follows) == 0 || len(can.Corrections) < 2 {
		It("says before it touches anything what the system cannot do", func(ctx SpecContext) {
			name := named(ctx)
			for path, beyond := range beyond() {
				report := agent.settle(ctx, agent.choose(ctx, timed(name, beyond)))
				Expect(report.Sections["time"].Status).To(Equal(state.Unsupported), report.Sections["time"].Message)
				if len(can.Zone) > 0 {
					Expect(report.Sections["time"].Message).To(HavePrefix(path + ": "))
				}
			}
		}, SpecTimeout(4*settleTimeout))
	}
	if len(can.Zone) == 0 {
		return
	}

	It("sets a zone that the system's own tool and clock then show, and follows the chosen server", func(ctx SpecContext) {
		name := named(ctx)
		DeferCleanup(func(ctx SpecContext) {
			column.Lab.NTP().Lose(false)
			column.Lab.Clock().Shift(0)
			setClock(ctx)
		}, NodeTimeout(settleTimeout))
		// The server that DHCP names has lost the time: some systems ask it first.
		column.Lab.NTP().Lose(true)
		column.Lab.Clock().Shift(lead)
		began := time.Now()
		chosen := usual()
		if len(can.Follows) > 0 {
			// The same server in another word, so that its daemon is started anew: one
			// that runs well waits minutes before it believes such a leap.
			address, _, _ := lab.HostAddrs("clock")
			chosen.Servers = []string{address.String()}
		}
		if len(can.Corrections) > 0 {
			chosen.Correction = can.Corrections[0]
		}
		expectTimed(agent.settle(ctx, agent.choose(ctx, timed(name, chosen))))
		expectZone(ctx, chosen.Zone)
		if len(can.Follows) > 0 {
			expectLed(ctx, began)
			expectFollows(ctx, chosen.Servers...)
			expectSource(ctx, name, chosen)
		}
	}, SpecTimeout(4*settleTimeout+2*syncTimeout))

	It("writes nothing when the same is chosen again", func(ctx SpecContext) {
		chosen, name := inTime(ctx)
		before, err := column.Guest.Stamps(ctx, can.Files)
		Expect(err).NotTo(HaveOccurred())

		report := agent.settle(ctx, agent.choose(ctx, timed(name, chosen)))
		expectTimed(report)
		Expect(report.Sections["time"].Changes).To(BeEmpty())
		after, err := column.Guest.Stamps(ctx, can.Files)
		Expect(err).NotTo(HaveOccurred())
		Expect(after).To(Equal(before), "something was written")
	}, SpecTimeout(3*settleTimeout))

	It("refuses a bad zone and a bad server with the field's path and keeps the old ones", func(ctx SpecContext) {
		chosen, name := inTime(ctx)
		unknown := chosen
		unknown.Zone = "Mars/Olympus"
		report := agent.settle(ctx, agent.choose(ctx, timed(name, unknown)))
		Expect(report.Sections["time"].Status).To(Equal(state.Failed), report.Sections["time"].Message)
		Expect(report.Sections["time"].Message).To(HavePrefix("time.zone: "))

		invalid := state.Time{Zone: "../UTC", Servers: []string{timeServer, "10.0.0.300"}}
		refused := agent.choose(ctx, timed(name, invalid))
		report = agent.await(ctx, settleTimeout, "a refusal", func(r state.Reported) bool {
			return r.Refused != nil && r.Refused.Revision == refused
		})
		Expect(report.Refused.Reasons).To(ContainElements(HavePrefix("time.zone: "), HavePrefix("time.servers[1]: ")))
		expectZone(ctx, chosen.Zone)
		if len(chosen.Servers) > 0 {
			expectFollows(ctx, chosen.Servers...)
		}
	}, SpecTimeout(4*settleTimeout))

	It("finds a zone that was set by hand", func(ctx SpecContext) {
		chosen, name := inTime(ctx)
		_, err := column.Guest.Run(ctx, can.ByHand("Pacific/Marquesas")...)
		Expect(err).NotTo(HaveOccurred())
		expectZone(ctx, "Pacific/Marquesas")

		report := agent.settle(ctx, agent.choose(ctx, timed(name, chosen)))
		expectTimed(report)
		Expect(report.Sections["time"].Changes).NotTo(BeEmpty())
		expectZone(ctx, chosen.Zone)
	}, SpecTimeout(3*settleTimeout))
})

// beyond are values that the system cannot do, by the path of the field.
func beyond() map[string]state.Time {
	can := sys().Tools.Time
	switch {
	case len(can.Zone) == 0:
		return map[string]state.Time{"time": {Zone: "Asia/Kolkata"}}
	case len(can.Follows) == 0:
		return map[string]state.Time{"time.servers": {Servers: []string{timeServer}}}
	}
	values := map[string]state.Time{}
	for _, way := range []string{state.TimeStep, state.TimeSlew} {
		if !slices.Contains(can.Corrections, way) {
			values["time.correction"] = state.Time{Servers: []string{timeServer}, Correction: way}
		}
	}
	return values
}

func timed(name guest.Names, t state.Time) map[string]any {
	sections := hostname(name)
	sections["time"] = t
	return sections
}

// usual is a value that most specs share: a change costs a guest seconds.
func usual() state.Time {
	t := state.Time{Zone: "Asia/Kolkata"}
	if len(sys().Tools.Time.Follows) > 0 {
		t.Servers = []string{timeServer}
	}
	return t
}

// inTime tells a value that is chosen and in sync. Specs that need some value
// share it.
func inTime(ctx SpecContext) (state.Time, guest.Names) {
	GinkgoHelper()
	name := named(ctx)
	chosen := usual()
	expectTimed(agent.settle(ctx, agent.choose(ctx, timed(name, chosen))))
	return chosen, name
}

func expectTimed(r state.Reported) {
	GinkgoHelper()
	Expect(r.Sections["time"].Status).To(Equal(state.InSync), r.Sections["time"].Message)
}

// expectZone asks the system's own tool, and a clock that is started anew.
func expectZone(ctx SpecContext, zone string) {
	GinkgoHelper()
	out, err := column.Guest.Run(ctx, sys().Tools.Time.Zone...)
	Expect(err).NotTo(HaveOccurred())
	can := sys().Tools.Time
	Expect(out.Stdout).To(MatchRegexp(`(^|\s)` + regexp.QuoteMeta(can.Name(zone)) + `(\s|$)`))
	clock, shows := can.Offset, fmt.Sprintf(can.OffsetFormat, zoneMinutes[zone])
	if len(clock) == 0 {
		clock, shows = []string{"date", "+%z"}, dateOffset(zoneMinutes[zone])
	}
	out, err = column.Guest.Run(ctx, clock...)
	Expect(err).NotTo(HaveOccurred())
	Expect(out.Stdout).To(ContainSubstring(shows), "what the clock of %s shows", zone)
}

// expectLed waits until the guest has asked the chosen time server, not before
// began, and shows its time.
func expectLed(ctx SpecContext, began time.Time) {
	GinkgoHelper()
	asked, cancel := context.WithTimeout(ctx, syncTimeout)
	defer cancel()
	_, err := column.Lab.Clock().WaitRequest(asked, func(r lab.TimeRequest) bool { return r.At.After(began) })
	Expect(err).NotTo(HaveOccurred(), "nobody asked the chosen server")
	Eventually(ctx, ahead).WithTimeout(syncTimeout).WithPolling(time.Second).
		Should(BeNumerically("~", lead, lead/4), "the clock does not show the server's time")
}

// expectSource waits for a report that says whom the clock follows: some daemons
// begin anew after they have set a clock.
func expectSource(ctx SpecContext, name guest.Names, chosen state.Time) {
	GinkgoHelper()
	Eventually(ctx, func(g Gomega) {
		report := agent.settle(ctx, agent.choose(ctx, timed(name, chosen)))
		expectTimed(report)
		var actual state.TimeActual
		g.Expect(json.Unmarshal(report.Sections["time"].Actual, &actual)).To(Succeed())
		g.Expect(actual.Servers).To(Equal(chosen.Servers))
		g.Expect(actual.Source).NotTo(BeEmpty(), "the report names no source")
		g.Expect(actual.OffsetSeconds).NotTo(BeNil(), "the report tells no offset")
		g.Expect(math.Abs(*actual.OffsetSeconds)).To(BeNumerically("<", 2*lead.Seconds()))
	}).WithTimeout(syncTimeout).WithPolling(lookEvery).Should(Succeed())
}

// expectFollows asks the system's own tool whom the clock follows.
func expectFollows(ctx SpecContext, servers ...string) {
	GinkgoHelper()
	out, err := column.Guest.Run(ctx, sys().Tools.Time.Follows...)
	Expect(err).NotTo(HaveOccurred())
	for _, server := range servers {
		// Windows has a server's flags behind a comma.
		Expect(strings.Fields(strings.ReplaceAll(out.Stdout, ",", " "))).To(ContainElement(server))
	}
}

// ahead is how far the guest's clock is ahead of this machine's, to a second or
// so.
func ahead(ctx context.Context) (time.Duration, error) {
	out, err := column.Guest.Script(ctx, "date +%s")
	if err != nil {
		return 0, err
	}
	seconds, err := strconv.ParseInt(strings.TrimSpace(out.Stdout), 10, 64)
	return time.Until(time.Unix(seconds, 0)), err
}

// setClock sets the guest's clock to this machine's.
func setClock(ctx SpecContext) {
	GinkgoHelper()
	_, err := column.Guest.Script(ctx, fmt.Sprintf("date -u -s @%d", time.Now().Unix()))
	Expect(err).NotTo(HaveOccurred())
}
