// Package chrony has chronyd follow given NTP servers, in its configuration as
// chrony.conf(5) says it, and reads what it tells of them.
package chrony

import (
	"context"
	"fmt"
	"math"
	"strconv"
	"strings"

	"innkeeper/agent/guest"
	"innkeeper/agent/mechanisms/region"
)

// Program is there if it is installed.
const Program = "/usr/sbin/chronyd"

// The ways in which chronyd corrects the clock.
const (
	Step = "step"
	Slew = "slew"
)

// Settings are what is chosen.
type Settings struct {
	Servers []string
	// Correction is Step, Slew, or empty for what the rest of the file says.
	Correction string
}

// Set puts settings into the text of a configuration. While there are servers,
// other lines that give any are switched off, so that only these are followed.
// Of two lines makestep the later counts.
func Set(text string, s Settings) string {
	ours := ""
	for _, server := range s.Servers {
		ours += "server " + server + " iburst\n"
	}
	switch s.Correction {
	case Step:
		ours += "makestep 0.1 -1\n"
	case Slew:
		ours += "makestep 0.1 0\n"
	}
	return region.Set(region.SwitchOff(region.Set(text, ""), len(s.Servers) > 0, givesServers), ours)
}

// givesServers says whether a line names servers or a folder of files that do.
// Directives are read without regard to case.
func givesServers(words []string) bool {
	switch strings.ToLower(words[0]) {
	case "server", "pool", "peer", "sourcedir":
		return true
	}
	return false
}

// Get reads the settings that Set wrote, whatever values stand in them.
func Get(text string) Settings {
	var s Settings
	for line := range strings.Lines(region.Get(text)) {
		words := strings.Fields(line)
		switch {
		case len(words) >= 2 && words[0] == "server":
			s.Servers = append(s.Servers, words[1])
		case len(words) == 3 && words[0] == "makestep" && words[2] == "0":
			s.Correction = Slew
		case len(words) == 3 && words[0] == "makestep":
			s.Correction = Step
		}
	}
	return s
}

// Tracking is what chronyd tells of the clock.
type Tracking struct {
	// Source is the server that it follows, empty if it follows none.
	Source string
	// OffsetSeconds is how far the clock is from the source's, without a sign.
	OffsetSeconds float64
}

// ReadTracking asks chronyc(1).
func ReadTracking(ctx context.Context, m guest.Machine) (Tracking, error) {
	out, err := guest.Output(ctx, m, "chronyc", "-c", "-n", "tracking")
	if err != nil {
		return Tracking{}, err
	}
	return ParseTracking(string(out))
}

// ParseTracking reads the line of "chronyc -c tracking": the reference's id, its
// name or address, the stratum, the time of the last update, the offset, and
// more. A reference without a name is no server: the clock itself, or nothing.
func ParseTracking(line string) (Tracking, error) {
	fields := strings.Split(strings.TrimSpace(line), ",")
	if len(fields) < 5 {
		return Tracking{}, fmt.Errorf("chronyc's tracking has %d fields where 14 belong", len(fields))
	}
	offset, err := strconv.ParseFloat(fields[4], 64)
	if err != nil || math.IsNaN(offset) || math.IsInf(offset, 0) {
		return Tracking{}, fmt.Errorf("the offset %.40q in chronyc's tracking is not a number", fields[4])
	}
	if fields[1] == "" || fields[0] == "7F7F0101" {
		return Tracking{}, nil
	}
	return Tracking{Source: fields[1], OffsetSeconds: math.Abs(offset)}, nil
}
