package rpm

import (
	"context"
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"

	"innkeeper/agent/guest"
)

// Keys are the keys that rpm trusts, sorted, each as KeyIDs has it.
func Keys(ctx context.Context, m guest.Machine) ([]string, error) {
	out, err := guest.Output(ctx, m, "rpm", "--query", "--all", "--queryformat", `%{VERSION}-%{RELEASE}\n`, keyPackage)
	if err != nil {
		return nil, err
	}
	ids := strings.Fields(string(out))
	slices.Sort(ids)
	return slices.Compact(ids), nil
}

// Import has rpm trust the keys in a file.
func Import(ctx context.Context, m guest.Machine, path string) error {
	return run(ctx, m, guest.Command{Path: "rpmkeys", Args: []string{"--import", path}})
}

// Forget has rpm no longer trust keys.
func Forget(ctx context.Context, m guest.Machine, ids []string) error {
	args := []string{"--erase", "--allmatches", "--"}
	for _, id := range ids {
		args = append(args, keyPackage+"-"+id)
	}
	return run(ctx, m, guest.Command{Path: "rpm", Args: args})
}

// The lines about an armored public key, and what begins one (RFC 9580 sections
// 6.2, 4.2 and 5.5.2).
const (
	armorBegin = "-----BEGIN PGP PUBLIC KEY BLOCK-----"
	armorEnd   = "-----END PGP PUBLIC KEY BLOCK-----"
	tagKey     = 6
	version4   = 4
)

// KeyIDs are what rpm will call each of the armored keys: the last four bytes
// of its fingerprint and the time it was made, in hexadecimal, as a hyphen
// joins them (rpm's lib/rpmts.c). The armor has no headers.
func KeyIDs(armored string) ([]string, error) {
	var ids []string
	for rest := armored; ; {
		_, inner, found := strings.Cut(rest, armorBegin)
		if !found {
			break
		}
		body, after, ended := strings.Cut(inner, armorEnd)
		if !ended {
			return nil, errors.New("an armored key has no end")
		}
		rest = after
		lines := strings.Fields(body)
		if n := len(lines); n > 1 && strings.HasPrefix(lines[n-1], "=") {
			lines = lines[:n-1] // the checksum
		}
		data, err := base64.StdEncoding.DecodeString(strings.Join(lines, ""))
		if err != nil {
			return nil, fmt.Errorf("read an armored key: %w", err)
		}
		of, err := keyIDs(data)
		if err != nil {
			return nil, err
		}
		ids = append(ids, of...)
	}
	if len(ids) == 0 {
		return nil, errors.New("there is no public key")
	}
	slices.Sort(ids)
	return slices.Compact(ids), nil
}

// keyIDs goes through the packets of a key ring.
func keyIDs(data []byte) ([]string, error) {
	var ids []string
	for len(data) > 0 {
		tag, body, rest, err := packet(data)
		if err != nil {
			return nil, err
		}
		data = rest
		if tag != tagKey {
			continue
		}
		if len(body) < 6 || body[0] != version4 || len(body) > 0xFFFF {
			return nil, errors.New("a public key is not of version 4, the only one that rpm knows")
		}
		hashed := binary.BigEndian.AppendUint16([]byte{0x99}, uint16(len(body))) // RFC 9580 section 5.5.4.2
		fingerprint := sha1.Sum(append(hashed, body...))
		ids = append(ids, fmt.Sprintf("%x-%x", fingerprint[16:], body[1:5]))
	}
	return ids, nil
}

var errPacket = errors.New("a public key ends in the midst of a packet")

// packet is the first packet of data: its tag, what is in it, and what follows
// (RFC 9580 section 4.2).
func packet(data []byte) (tag byte, body, rest []byte, err error) {
	head := data[0]
	if head&0x80 == 0 || len(data) < 2 {
		return 0, nil, nil, errPacket
	}
	at, length := 2, uint64(0)
	if head&0x40 != 0 {
		tag = head & 0x3F
		switch first := data[1]; {
		case first < 192:
			length = uint64(first)
		case first < 224 && len(data) > 2:
			at, length = 3, (uint64(first)-192)<<8+uint64(data[2])+192
		case first == 255 && len(data) > 5:
			at, length = 6, uint64(binary.BigEndian.Uint32(data[2:6]))
		default: // a part of a packet, which no key has
			return 0, nil, nil, errPacket
		}
	} else {
		tag = head & 0x3C >> 2
		size := 1 << (head & 3)
		at = 1 + size
		if size == 8 || len(data) < at { // of a length that is not told
			return 0, nil, nil, errPacket
		}
		for _, b := range data[1:at] {
			length = length<<8 + uint64(b)
		}
	}
	if length > uint64(len(data)-at) {
		return 0, nil, nil, errPacket
	}
	return tag, data[at : at+int(length)], data[at+int(length):], nil
}
