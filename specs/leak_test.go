package specs

import (
	"fmt"
	"path"
	"strconv"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"innkeeper/harness/guest"
)

var _ = Describe("guestd over many changes", Label("hostname", "soak"), func() {
	const (
		settling = 5  // changes, in which whatever is kept for good is opened
		changes  = 50 // in all
		slack    = 3  // handles that happen to be open when they are counted
	)

	It("leaks no handle, no process and no file", func(ctx SpecContext) {
		var before, after held
		for i := range changes {
			name := guest.Names{Name: names("leak"), Domain: "lab.test"}
			report := agent.settle(ctx, agent.choose(ctx, hostname(name)))
			expectNamed(report)
			switch i {
			case settling:
				before = holds(ctx)
			case changes - 1:
				after = holds(ctx)
			}
		}
		GinkgoWriter.Printf("after %d changes %+v, after %d %+v\n", settling, before, changes, after)
		Expect(before.handles).To(BeNumerically(">", 0))
		Expect(after.handles).To(BeNumerically("<=", before.handles+slack), "handles")
		Expect(after.files).To(Equal(before.files), "files in the state folder")
		Expect(after.processes).To(Equal(before.processes), "processes of guestd's")
	}, SpecTimeout(changes*settleTimeout/5))
})

// held is what guestd holds of its system, counted from outside.
type held struct {
	// handles are open files. Under Wine those are its server's, which has them
	// for all programs.
	handles   int
	files     int
	processes int
}

func holds(ctx SpecContext) held {
	GinkgoHelper()
	process := "guestd"
	if sys().Tools.Drive != "" {
		process = "wineserver64|wineserver"
	}
	out, err := column.Guest.Script(ctx, fmt.Sprintf(
		`for p in $(pgrep -x '%s'); do ls /proc/$p/fd; done | wc -l; find %s | wc -l; pgrep -c guestd`,
		process, guest.Quote(column.Guest.FilePath(sys().Tools.StateDir), path.Dir(column.Guest.FilePath(sys().Tools.Agent)))))
	Expect(err).NotTo(HaveOccurred())
	words := strings.Fields(out.Stdout)
	Expect(words).To(HaveLen(3))
	var n [3]int
	for i, word := range words {
		n[i], err = strconv.Atoi(word)
		Expect(err).NotTo(HaveOccurred())
	}
	return held{handles: n[0], files: n[1], processes: n[2]}
}
