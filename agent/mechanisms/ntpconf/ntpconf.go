// Package ntpconf has ntpd of ntp.org follow given servers, in its configuration
// as ntp.conf(5) says it.
package ntpconf

import (
	"strings"

	"innkeeper/agent/mechanisms/region"
)

const (
	// Program is there if it is installed.
	Program = "/usr/sbin/ntpd"
	// File is its configuration.
	File = "/etc/ntp.conf"
	// Tickers has servers by which the start script of Red Hat's systems sets
	// the clock before it starts ntpd.
	Tickers = "/etc/ntp/step-tickers"
)

// The ways in which ntpd corrects the clock.
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

const (
	// step and slew are the thresholds beyond which a clock is set at once,
	// ntpd's own and none; without the panic threshold it does so however wrong
	// the clock is (ntp.conf(5), tinker).
	step = "tinker panic 0 step 0.128"
	slew = "tinker panic 0 step 0"
)

// Set puts settings into the text of a configuration. While there are servers,
// other lines that give any are switched off, so that only these are followed.
func Set(text string, s Settings) string {
	ours := ""
	for _, server := range s.Servers {
		ours += "server " + server + " iburst\n"
	}
	switch s.Correction {
	case Step:
		ours += step + "\n"
	case Slew:
		ours += slew + "\n"
	}
	return region.Set(region.SwitchOff(region.Set(text, ""), len(s.Servers) > 0, givesServers), ours)
}

// SetTickers switches the lines of Tickers off while there are servers: else
// others would set the clock at each start.
func SetTickers(text string, s Settings) string {
	return region.SwitchOff(text, len(s.Servers) > 0, func(words []string) bool { return words[0][0] != '#' })
}

// clocks begins the addresses of a machine's own clocks, which are no servers.
const clocks = "127.127."

func givesServers(words []string) bool {
	switch words[0] {
	case "server", "pool", "peer":
		return len(words) < 2 || !strings.HasPrefix(words[1], clocks)
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
		case strings.Join(words, " ") == slew:
			s.Correction = Slew
		case len(words) > 0 && words[0] == "tinker":
			s.Correction = Step
		}
	}
	return s
}
