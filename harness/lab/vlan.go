package lab

import "encoding/binary"

// A tag is 0x8100 and the VLAN's number in the lower 12 bits of two bytes,
// between the source and the type of a frame (IEEE 802.1Q).
const (
	tagAt     = 12
	tagLength = 4
	tagType   = 0x8100
	tagID     = 0x0fff
)

// plugVLAN plugs a host in that knows nothing of VLANs, into a port of one: what
// it sends gets the tag, and it hears frames with the tag alone, without it.
// VLAN 0 is a port as every other.
func (s *ethernetSwitch) plugVLAN(id uint16, out func(frame []byte)) (send func(frame []byte)) {
	if id == 0 {
		return s.plug(out).send
	}
	port := s.plug(func(frame []byte) {
		if plain, of, ok := untag(frame); ok && of == id {
			out(plain)
		}
	})
	return func(frame []byte) { port.send(tag(frame, id)) }
}

// tag returns the frame with the tag of a VLAN. One too short to be a frame
// stays as it is; the switch drops it.
func tag(frame []byte, id uint16) []byte {
	if len(frame) < ethernetHeader {
		return frame
	}
	tagged := make([]byte, 0, len(frame)+tagLength)
	tagged = append(tagged, frame[:tagAt]...)
	tagged = binary.BigEndian.AppendUint16(tagged, tagType)
	tagged = binary.BigEndian.AppendUint16(tagged, id)
	return append(tagged, frame[tagAt:]...)
}

// untag returns a frame without its tag, and the VLAN that it is of. The frame
// itself stays as it is.
func untag(frame []byte) (plain []byte, id uint16, ok bool) {
	if len(frame) < ethernetHeader+tagLength || binary.BigEndian.Uint16(frame[tagAt:]) != tagType {
		return nil, 0, false
	}
	id = binary.BigEndian.Uint16(frame[tagAt+2:]) & tagID
	plain = make([]byte, 0, len(frame)-tagLength)
	plain = append(plain, frame[:tagAt]...)
	return append(plain, frame[tagAt+tagLength:]...), id, true
}
