// Package w32time sets the zone of a Windows machine and the NTP servers of its
// service Windows Time by Microsoft's own tools, tzutil and w32tm, and reads both
// from the registry, where the tools' words are not in the way.
package w32time

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"innkeeper/agent/guest"
)

// Registry reads a string value of a key below HKEY_LOCAL_MACHINE. A value or
// key that is not there gives no error and false.
type Registry interface {
	Value(key, name string) (value string, ok bool, err error)
}

// API is what is needed of Windows beyond its tools.
type API interface {
	Registry
	// Running says whether the service Windows Time runs.
	Running() (bool, error)
	// Automatic says whether it starts with the machine, SetAutomatic has it do
	// so, or on demand as where the machine is in no domain.
	Automatic() (bool, error)
	SetAutomatic(on bool) error
}

const (
	zoneKey       = `SYSTEM\CurrentControlSet\Control\TimeZoneInformation`
	zonesKey      = `SOFTWARE\Microsoft\Windows NT\CurrentVersion\Time Zones\`
	parametersKey = `SYSTEM\CurrentControlSet\Services\W32Time\Parameters`
)

// Zone is Windows' name of the zone in force.
func Zone(r Registry) (string, error) {
	zone, ok, err := r.Value(zoneKey, "TimeZoneKeyName")
	if err == nil && (!ok || zone == "") {
		err = errors.New(`the registry has no TimeZoneKeyName in HKLM\` + zoneKey)
	}
	return zone, err
}

// Known says whether this Windows has a zone of that name: new ones come with
// its updates.
func Known(r Registry, zone string) (bool, error) {
	_, ok, err := r.Value(zonesKey+zone, "Std")
	return ok, err
}

// SetZone makes a zone that in force, for every program from then on.
func SetZone(ctx context.Context, m guest.Machine, zone string) error {
	_, err := guest.Output(ctx, m, "tzutil.exe", "/s", zone)
	return err
}

// Source is whom Windows Time follows (the type of the reference "Windows Time
// service tools and settings").
type Source struct {
	// Type is "NTP" for the servers, "NT5DS" for the domain, "AllSync" for both,
	// "NoSync" for nobody.
	Type string
	// Peers are the servers with their flags, as "time.windows.com,0x9".
	Peers string
}

// Manual and Domain are Types; a member of a domain follows that.
const (
	Manual = "NTP"
	Domain = "NT5DS"
)

// Servers are the names in Peers.
func (s Source) Servers() []string {
	if s.Type != Manual && s.Type != "AllSync" {
		return nil
	}
	var names []string
	for _, peer := range strings.Fields(s.Peers) {
		name, _, _ := strings.Cut(peer, ",")
		names = append(names, name)
	}
	return names
}

// Follow is a Source of these servers, each with the flag Client (0x8): asked as
// a client asks, at the interval that Windows finds right.
func Follow(servers []string) Source {
	peers := make([]string, len(servers))
	for i, s := range servers {
		peers[i] = s + ",0x8"
	}
	return Source{Type: Manual, Peers: strings.Join(peers, " ")}
}

// ReadSource reads whom it follows.
func ReadSource(r Registry) (Source, error) {
	kind, _, err := r.Value(parametersKey, "Type")
	if err != nil {
		return Source{}, err
	}
	peers, _, err := r.Value(parametersKey, "NtpServer")
	return Source{Type: kind, Peers: peers}, err
}

// flags are the words of w32tm for a Type.
var flags = map[string]string{Manual: "manual", Domain: "domhier", "AllSync": "all", "NoSync": "no"}

// SetSource has it follow a Source. The service hears of it when it next
// starts or is told to Update.
func SetSource(ctx context.Context, m guest.Machine, s Source) error {
	flag, ok := flags[s.Type]
	if !ok {
		return errors.New("w32tm has no word for the type " + s.Type)
	}
	_, err := guest.Output(ctx, m, "w32tm.exe", "/config", "/manualpeerlist:"+s.Peers, "/syncfromflags:"+flag)
	return err
}

// Status is what the service tells.
type Status struct {
	// Source is the server that it follows, empty if it follows none.
	Source string
	// OffsetSeconds is how far the clock was from the source's, without a sign.
	OffsetSeconds float64
}

// ReadStatus asks the service.
func ReadStatus(ctx context.Context, m guest.Machine) (Status, error) {
	out, err := guest.Output(ctx, m, "w32tm.exe", "/query", "/status", "/verbose")
	if err != nil {
		return Status{}, err
	}
	return ParseStatus(string(out))
}

// ParseStatus reads the lines of "w32tm /query /status /verbose". What is no
// server has a name of several words, such as "Local CMOS Clock". The labels
// are those of Windows in English; in another language there is no Source.
func ParseStatus(text string) (Status, error) {
	var s Status
	for line := range strings.Lines(text) {
		label, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		value = strings.TrimSpace(value)
		switch {
		case label == "Source" && !strings.Contains(value, " "):
			s.Source, _, _ = strings.Cut(value, ",")
		case label == "Phase Offset":
			offset, err := strconv.ParseFloat(strings.TrimSuffix(value, "s"), 64)
			if err != nil || math.IsNaN(offset) || math.IsInf(offset, 0) {
				return Status{}, fmt.Errorf("the phase offset %.40q of w32tm is not a number", value)
			}
			s.OffsetSeconds = math.Abs(offset)
		}
	}
	return s, nil
}

// startDeadline bounds the start of the service.
const startDeadline = time.Minute

// TakeUp has the service follow what is configured: one that runs is told so, one
// that does not is started.
func TakeUp(ctx context.Context, m guest.Machine, api API) error {
	runs, err := api.Running()
	if err != nil {
		return err
	}
	if runs {
		_, err := guest.Output(ctx, m, "w32tm.exe", "/config", "/update")
		return err
	}
	start := guest.Command{Path: "net.exe", Args: []string{"start", "w32time"}, Deadline: startDeadline}
	r, err := m.Run(ctx, start)
	if err != nil {
		return err
	}
	return guest.Check(start, r)
}
