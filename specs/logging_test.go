package specs

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"innkeeper/agent/state"
	"innkeeper/harness/guest"
	"innkeeper/harness/lab"
)

// sink is the lab's log host, by the name that is in its certificate.
const sink = "log.lab.test"

var _ = Describe("logging", Label("logging"), func() {
	// What a system cannot do has no specs there but the one that it says so;
	// the report shows a dash.
	can := sys().Tools.Logging
	if len(can.Formats) < 3 {
		It("says before it touches anything what the system cannot do", func(ctx SpecContext) {
			name := named(ctx)
			for _, protocol := range []string{state.LogUDP, state.LogTCP, state.LogTLS} {
				if _, can := sys().Tools.Logging.Formats[protocol]; can {
					continue
				}
				report := agent.settle(ctx, agent.choose(ctx, logging(name, target(protocol))))
				Expect(report.Sections["logging"].Status).To(Equal(state.Unsupported), report.Sections["logging"].Message)
				if len(sys().Tools.Logging.Formats) > 0 {
					Expect(report.Sections["logging"].Message).To(HavePrefix("logging.targets[0].protocol: "))
				}
			}
		}, SpecTimeout(4*settleTimeout))
	}
	if len(can.Formats) == 0 {
		return
	}
	_, tcp := can.Formats[state.LogTCP]
	_, tls := can.Formats[state.LogTLS]

	It("sends a record whole by every protocol that the system has", func(ctx SpecContext) {
		name := named(ctx)
		for batch := range slices.Chunk(protocols(), batchSize()) {
			var targets []state.LogTarget
			for _, protocol := range batch {
				targets = append(targets, target(protocol))
			}
			expectInSync(agent.settle(ctx, agent.choose(ctx, logging(name, targets...))))
			text := record("grün, \"quoted\" & 100% 'whole' \\ end")
			writeLog(ctx, "local3", "warning", text)
			for _, protocol := range batch {
				expectWhole(awaitRecord(ctx, protocol, text), name, text, sys().Tools.Logging.Formats[protocol])
			}
		}
	}, SpecTimeout(3*settleTimeout))

	if tls {
		It("sends nothing to a target that the chosen authority does not vouch for, and says so", func(ctx SpecContext) {
			chosen, name := logged(ctx)
			wrong := target(state.LogTLS)
			wrong.CA = strangers()
			report := agent.settle(ctx, agent.choose(ctx, logging(name, wrong)))
			Expect(report.Sections["logging"].Status).To(Equal(state.Failed), report.Sections["logging"].Message)
			Expect(report.Sections["logging"].Message).To(HavePrefix("logging.targets[0].ca: "))

			// What was chosen before stays in force, and shows that the record went out.
			text := record("for those who are vouched for")
			writeLog(ctx, "local3", "warning", text)
			awaitRecord(ctx, chosen.Protocol, text)
			Expect(arrived(text)).To(HaveEach(HaveField("Transport", chosen.Protocol)))
		}, SpecTimeout(3*settleTimeout))
	}

	It("sends what was selected and nothing else", func(ctx SpecContext) {
		name := named(ctx)
		selective := target(protocols()[0])
		if can.Facilities {
			selective.Facilities = []string{"local3"}
		}
		if can.Severity {
			selective.Severity = "warning"
		}
		expectInSync(agent.settle(ctx, agent.choose(ctx, logging(name, selective))))
		other, slight, meant := record("of another facility"), record("too slight"), record("meant")
		writeLog(ctx, "local4", "err", other)
		writeLog(ctx, "local3", "info", slight)
		writeLog(ctx, "local3", "err", meant)
		awaitRecord(ctx, selective.Protocol, meant)
		if can.Facilities {
			Expect(arrived(other)).To(BeEmpty())
		}
		if can.Severity {
			Expect(arrived(slight)).To(BeEmpty())
		}
	}, SpecTimeout(3*settleTimeout))

	It("writes nothing when the same is chosen again", func(ctx SpecContext) {
		chosen, name := logged(ctx)
		before, err := column.Guest.Stamps(ctx, sys().Tools.Logging.Files)
		Expect(err).NotTo(HaveOccurred())

		report := agent.settle(ctx, agent.choose(ctx, logging(name, chosen)))
		expectInSync(report)
		Expect(report.Sections["logging"].Changes).To(BeEmpty())
		after, err := column.Guest.Stamps(ctx, sys().Tools.Logging.Files)
		Expect(err).NotTo(HaveOccurred())
		Expect(after).To(Equal(before), "something was written")
	}, SpecTimeout(3*settleTimeout))

	It("refuses an invalid target with the field's path and keeps the old one", func(ctx SpecContext) {
		chosen, name := logged(ctx)
		invalid := target(state.LogUDP)
		invalid.Host = "10.0.0.300"
		refused := agent.choose(ctx, logging(name, chosen, invalid))
		report := agent.await(ctx, settleTimeout, "a refusal", func(r state.Reported) bool {
			return r.Refused != nil && r.Refused.Revision == refused
		})
		Expect(report.Refused.Reasons).To(ContainElement(HavePrefix("logging.targets[1].host: ")))
		text := record("to the old target")
		writeLog(ctx, "local3", "warning", text)
		awaitRecord(ctx, chosen.Protocol, text)
	}, SpecTimeout(3*settleTimeout))

	if tcp { // udp may lose records
		It("sends a burst of ten thousand records, every one of them", Label("soak"), func(ctx SpecContext) {
			name := named(ctx)
			expectInSync(agent.settle(ctx, agent.choose(ctx, logging(name, target(state.LogTCP)))))
			const count = 10_000
			text := record("burst")
			var script strings.Builder
			fmt.Fprintf(&script, "i=0; while [ $i -lt %d ]; do i=$((i+1)); echo \"%s number $i.\"; done | logger -p local3.warning -t inn", count, text)
			_, err := column.Guest.Script(ctx, script.String())
			Expect(err).NotTo(HaveOccurred())
			awaitRecord(ctx, state.LogTCP, fmt.Sprintf("%s number %d.", text, count))
			Expect(arrived(text)).To(HaveLen(count))
		}, SpecTimeout(6*settleTimeout))
	}
})

// protocols are those that the system has, in an order that stays.
func protocols() []string { return slices.Sorted(maps.Keys(sys().Tools.Logging.Formats)) }

// batchSize is how many targets are chosen at once.
func batchSize() int {
	if sys().Tools.Logging.Targets > 0 {
		return sys().Tools.Logging.Targets
	}
	return len(protocols())
}

// target is the lab's sink by a protocol, in the newest format that the system
// has for it.
func target(protocol string) state.LogTarget {
	t := state.LogTarget{Host: sink, Protocol: protocol, Format: sys().Tools.Logging.Formats[protocol]}
	if protocol == state.LogTLS {
		t.CA = string(column.Lab.Syslog().CA())
	}
	return t
}

func logging(name guest.Names, targets ...state.LogTarget) map[string]any {
	sections := hostname(name)
	sections["logging"] = state.Logging{Targets: targets}
	return sections
}

// logged tells a target that is chosen and in sync; if there is none, it
// chooses one. Specs that need some target share it.
func logged(ctx SpecContext) (state.LogTarget, guest.Names) {
	GinkgoHelper()
	name := named(ctx)
	chosen := target(protocols()[0])
	report := agent.settle(ctx, agent.choose(ctx, logging(name, chosen)))
	expectInSync(report)
	return chosen, name
}

func expectInSync(r state.Reported) {
	GinkgoHelper()
	Expect(r.Sections["logging"].Status).To(Equal(state.InSync), r.Sections["logging"].Message)
}

// record is a text that no earlier spec of this seed used.
func record(text string) string { return names("record") + " " + text }

// writeLog has the system's own logger make a record.
func writeLog(ctx SpecContext, facility, severity, text string) {
	GinkgoHelper()
	_, err := column.Guest.Run(ctx, sys().Tools.Logging.Record(facility, severity, "inn", text)...)
	Expect(err).NotTo(HaveOccurred())
}

func awaitRecord(ctx SpecContext, transport, text string) lab.SyslogRecord {
	GinkgoHelper()
	r, err := column.Lab.Syslog().WaitRecord(ctx, func(r lab.SyslogRecord) bool {
		return r.Transport == transport && strings.Contains(r.Raw, text)
	})
	Expect(err).NotTo(HaveOccurred())
	return r
}

// arrived are all records with that text.
func arrived(text string) []lab.SyslogRecord {
	return slices.DeleteFunc(column.Lab.Syslog().Records(), func(r lab.SyslogRecord) bool { return !strings.Contains(r.Raw, text) })
}

// expectWhole holds a record of local3.warning to what was written.
func expectWhole(r lab.SyslogRecord, name guest.Names, text, format string) {
	GinkgoHelper()
	Expect(r.Format).To(Equal(format), "%s", r.Raw)
	Expect(r.Facility).To(Equal(19), "%s", r.Raw)
	Expect(r.Severity).To(Equal(4), "%s", r.Raw)
	Expect(r.Hostname).To(BeElementOf(name.Name, name.FQDN()), "%s", r.Raw)
	Expect(r.App).To(Equal("inn"), "%s", r.Raw)
	Expect(r.Message).To(Equal(text), "%s", r.Raw)
}

// strangers is an authority, in PEM, that vouches for nobody.
func strangers() string {
	GinkgoHelper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	Expect(err).NotTo(HaveOccurred())
	template := &x509.Certificate{SerialNumber: big.NewInt(1), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	Expect(err).NotTo(HaveOccurred())
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}
