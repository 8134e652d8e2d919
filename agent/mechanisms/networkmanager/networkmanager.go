// Package networkmanager is NetworkManager: its keyfiles, which say how an
// interface is to be configured, and nmcli(1), which brings them into force.
package networkmanager

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"time"

	"innkeeper/agent/guest"
)

// Dir is where keyfiles lie that survive a reboot, nm-settings-keyfile(5).
const Dir = "/etc/NetworkManager/system-connections"

// Mode is a keyfile's: NetworkManager ignores one that others can read.
const Mode = fs.FileMode(0o600)

// ID is the name of guestd's own connection for a device, and File its keyfile.
func ID(device string) string { return "innkeeper-" + device }

// File is the keyfile of guestd's own connection for a device.
func File(device string) string { return Dir + "/" + ID(device) + ".nmconnection" }

// activationSeconds is how long nmcli waits for a connection to be active;
// without an answer to DHCP NetworkManager gives up after 45 s.
const activationSeconds = 60

// Running says whether NetworkManager runs on the machine.
func Running(ctx context.Context, m guest.Machine) (bool, error) {
	r, err := m.Run(ctx, guest.Command{Path: "nmcli", Args: []string{"-t", "-f", "RUNNING", "general"}})
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	// Status 8 is "NetworkManager is not running", nmcli(1).
	return r.ExitCode == 0 && strings.TrimSpace(string(r.Stdout)) == "running", nil
}

// Device is what NetworkManager says of a device.
type Device struct {
	// State is "connected", "disconnected", "unmanaged" ...
	State string
	// Connection is the name of the active connection, or empty.
	Connection string
}

// Devices asks for all devices.
func Devices(ctx context.Context, m guest.Machine) (map[string]Device, error) {
	out, err := guest.Output(ctx, m, "nmcli", "-t", "-e", "yes", "-f", "DEVICE,STATE,CONNECTION", "device")
	if err != nil {
		return nil, err
	}
	devices := map[string]Device{}
	for line := range strings.Lines(string(out)) {
		parts := split(strings.TrimSuffix(line, "\n"))
		if len(parts) != 3 {
			return nil, fmt.Errorf("nmcli device gave a line that is not understood: %q", line)
		}
		// "connected (externally)": there, but not by NetworkManager.
		devices[parts[0]] = Device{State: parts[1], Connection: parts[2]}
	}
	return devices, nil
}

// split takes a line of nmcli's terse form apart: fields between colons, in
// which a colon and a backslash have a backslash before them.
func split(line string) []string {
	parts := []string{""}
	for i := 0; i < len(line); i++ {
		last := len(parts) - 1
		switch {
		case line[i] == '\\' && i+1 < len(line):
			i++
			parts[last] += line[i : i+1]
		case line[i] == ':':
			parts = append(parts, "")
		default:
			parts[last] += line[i : i+1]
		}
	}
	return parts
}

// Check has nmcli read a keyfile and judge it, without the daemon. Versions
// before 1.40 (CentOS 7, early Stream 8) cannot; there only loading it tells.
func Check(ctx context.Context, m guest.Machine, keyfile string) error {
	can, err := offline(ctx, m)
	if err != nil || !can {
		return err
	}
	// Setting what is set already leaves the profile as it is.
	c := guest.Command{
		Path: "nmcli", Args: []string{"--offline", "connection", "modify", "connection.autoconnect", "yes"},
		Stdin: []byte(keyfile),
	}
	r, err := m.Run(ctx, c)
	if err != nil {
		return err
	}
	if r.ExitCode != 0 {
		return fmt.Errorf("NetworkManager refuses the configuration: %s", strings.TrimSpace(string(r.Stderr)))
	}
	return nil
}

// offline says whether nmcli knows --offline, since 1.40 by NetworkManager's NEWS.
func offline(ctx context.Context, m guest.Machine) (bool, error) {
	out, err := guest.Output(ctx, m, "nmcli", "--version")
	if err != nil {
		return false, err
	}
	words := strings.Fields(string(out)) // "nmcli tool, version 1.52.1"
	if len(words) == 0 {
		return false, fmt.Errorf("nmcli --version gave an answer that is not understood: %q", out)
	}
	major, rest, _ := strings.Cut(words[len(words)-1], ".")
	minor, _, _ := strings.Cut(rest, ".")
	a, errA := strconv.Atoi(major)
	b, errB := strconv.Atoi(minor)
	if err := errors.Join(errA, errB); err != nil {
		return false, fmt.Errorf("nmcli --version gave an answer that is not understood: %q", out)
	}
	return a > 1 || a == 1 && b >= 40, nil
}

// Load is the command that makes NetworkManager read one keyfile.
func Load(file string) guest.Command {
	return guest.Command{Path: "nmcli", Args: []string{"connection", "load", file}}
}

// Reload is the command that makes NetworkManager notice which files are gone.
func Reload() guest.Command {
	return guest.Command{Path: "nmcli", Args: []string{"connection", "reload"}}
}

// Up is the command that activates a connection and waits for it.
func Up(id string) guest.Command {
	return guest.Command{
		Path: "nmcli", Args: []string{"--wait", strconv.Itoa(activationSeconds), "connection", "up", "id", id},
		Deadline: (activationSeconds + 30) * time.Second,
	}
}

// Disconnect is the command that ends what is active on a device.
func Disconnect(device string) guest.Command {
	return guest.Command{Path: "nmcli", Args: []string{"device", "disconnect", device}}
}
