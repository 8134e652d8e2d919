// Package w32time doubles Windows Time of the Windows lookalike: what its tool
// w32tm and its service share. The configuration is where "Windows Time service
// tools and settings" says (learn.microsoft.com/windows-server/networking/
// windows-time-service/windows-time-service-tools-and-settings); what the
// service tells, which Windows hands over by RPC, is in a file.
package w32time

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

const (
	// Parameters is the key below HKEY_LOCAL_MACHINE with NtpServer and Type.
	Parameters = `SYSTEM\CurrentControlSet\Services\W32Time\Parameters`
	// ServiceName is the service's.
	ServiceName = "W32Time"
	// StatusFile is a file of the Linux beneath, reached through Wine's name for
	// its root, which is gone after a restart.
	StatusFile = `\\?\unix\run\w32time.json`
	// ClockFile is another: what winpower moves the clock by.
	ClockFile = `\\?\unix\run\winpower\clock`
)

// Status is what the service last found out.
type Status struct {
	// Source is the peer with its flags, as it is configured; empty for none.
	Source string
	// Address is the peer's.
	Address string
	// Offset is how far the peer was ahead when it was last asked.
	Offset time.Duration
	// At is when.
	At time.Time
}

// Write keeps the status.
func (s Status) Write(file string) error {
	b, err := json.Marshal(s)
	if err != nil {
		return err
	}
	if err := os.WriteFile(file+".new", b, 0o644); err != nil {
		return err
	}
	return os.Rename(file+".new", file)
}

// ReadStatus reads what Write kept.
func ReadStatus(file string) (Status, error) {
	var s Status
	b, err := os.ReadFile(file)
	if err == nil {
		err = json.Unmarshal(b, &s)
	}
	return s, err
}

// Peers are the names of NtpServer, each with its flags, "time.windows.com,0x9".
func Peers(list string) ([]string, error) {
	peers := strings.Fields(list)
	for _, peer := range peers {
		name, flags, has := strings.Cut(peer, ",")
		if name == "" {
			return nil, fmt.Errorf("%q is no peer", peer)
		}
		if has {
			if n, err := strconv.ParseUint(flags, 0, 8); err != nil || n > 0xf {
				return nil, fmt.Errorf("the flags of the peer %q are none of 0x1, 0x2, 0x4 and 0x8 together", peer)
			}
		}
	}
	return peers, nil
}

// era is where NTP counts seconds from (RFC 5905, section 6).
var era = time.Date(1900, 1, 1, 0, 0, 0, 0, time.UTC)

// AskTimeout is how long an answer is waited for.
const AskTimeout = 5 * time.Second

// Exchange sends a request to the NTP port of a host and gives the answer and
// the address it came from. It gives up after AskTimeout.
type Exchange func(host string, request []byte) (answer []byte, address string, err error)

// Ask asks a peer as a client of RFC 5905 does, and tells the status. now is the
// machine's clock.
func Ask(peer string, exchange Exchange, now func() time.Time) (Status, error) {
	name, _, _ := strings.Cut(peer, ",")
	request := make([]byte, 48)
	request[0] = 3<<3 | 3 // Windows speaks version 3
	sent := now()
	putTime(request[40:], sent)
	answer, address, err := exchange(name, request)
	arrived := now()
	if err != nil {
		return Status{}, fmt.Errorf("ask %s: %w", name, err)
	}
	offset, err := offsetOf(answer, sent, arrived)
	if err != nil {
		return Status{}, fmt.Errorf("%s: %w", name, err)
	}
	return Status{Source: peer, Address: address, Offset: offset, At: arrived.Add(offset)}, nil
}

// offsetOf judges an answer, and computes the offset (RFC 5905, section 8).
func offsetOf(b []byte, sent, arrived time.Time) (time.Duration, error) {
	switch {
	case len(b) < 48 || b[0]&7 != 4:
		return 0, errors.New("what it sent is no answer of a server")
	case b[0]>>6 == 3 || b[1] == 0 || b[1] > 15:
		return 0, errors.New("it does not know the time itself")
	}
	var asked [8]byte
	putTime(asked[:], sent)
	if string(b[24:32]) != string(asked[:]) {
		return 0, errors.New("it answers another question")
	}
	received, transmitted := getTime(b[32:]), getTime(b[40:])
	return (received.Sub(sent) + transmitted.Sub(arrived)) / 2, nil
}

func putTime(to []byte, t time.Time) {
	binary.BigEndian.PutUint32(to, uint32(t.Unix()-era.Unix()))
	binary.BigEndian.PutUint32(to[4:], uint32(uint64(t.Nanosecond())<<32/1e9))
}

func getTime(b []byte) time.Time {
	nanoseconds := int64(uint64(binary.BigEndian.Uint32(b[4:])) * 1e9 >> 32)
	return time.Unix(int64(binary.BigEndian.Uint32(b))+era.Unix(), nanoseconds)
}
