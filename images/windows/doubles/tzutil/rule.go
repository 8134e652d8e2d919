package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
)

// rule is a zone as the value TZI of the registry has it, REG_TZI_FORMAT of
// Microsoft's "TIME_ZONE_INFORMATION" (timezoneapi.h): minutes to add to the
// local time for UTC, and when the two halves of the year begin.
type rule struct {
	Bias, StandardBias, DaylightBias int32
	Standard, Daylight               systemTime
}

// systemTime is a SYSTEMTIME that says a day of every year: a month, in which
// Day is the count of DayOfWeek, 5 for the last. Month 0 is never.
type systemTime struct {
	Year, Month, DayOfWeek, Day, Hour, Minute, Second, Milliseconds uint16
}

func parseRule(tzi []byte) (rule, error) {
	var r rule
	if err := binary.Read(bytes.NewReader(tzi), binary.LittleEndian, &r); err != nil || len(tzi) != binary.Size(r) {
		return rule{}, fmt.Errorf("TZI has %d bytes, not %d", len(tzi), binary.Size(r))
	}
	const day = 24 * 60
	for _, bias := range []int32{r.Bias, r.StandardBias, r.DaylightBias} {
		if bias < -day || bias > day {
			return rule{}, errors.New("TZI has a bias of more than a day")
		}
	}
	for _, at := range []systemTime{r.Standard, r.Daylight} {
		if at.Month > 12 || at.Month > 0 && (at.Year != 0 || at.DayOfWeek > 6 || at.Day < 1 || at.Day > 5 || at.Hour > 23 || at.Minute > 59) {
			return rule{}, errors.New("TZI has a day that is not one of every year")
		}
	}
	return r, nil
}

// posix is the zone as POSIX's TZ has it, as in RFC 9636, section 3.3.1.
func (r rule) posix() string {
	text := zone(-(r.Bias + r.StandardBias))
	if r.Standard.Month == 0 || r.Daylight.Month == 0 {
		return text
	}
	return text + zone(-(r.Bias + r.DaylightBias)) + "," + r.Daylight.posix() + "," + r.Standard.posix()
}

// zone is a name made of an offset east of UTC in minutes, and the offset, which
// POSIX counts to the west.
func zone(east int32) string {
	sign, against := '+', '-'
	if east < 0 {
		sign, against, east = '-', '+', -east
	}
	return fmt.Sprintf("<%c%02d%02d>%c%d:%02d", sign, east/60, east%60, against, east/60, east%60)
}

func (at systemTime) posix() string {
	return fmt.Sprintf("M%d.%d.%d/%d:%02d", at.Month, at.Day, at.DayOfWeek, at.Hour, at.Minute)
}

// tzif is the zone as a file of RFC 9636 without any transition: what counts is
// the rule at its end, of which local time before is told by its first half.
func (r rule) tzif() []byte {
	var b bytes.Buffer
	seconds := -(r.Bias + r.StandardBias) * 60
	const name = "-00\x00"
	for range 2 { // once for readers of version 1
		b.WriteString("TZif2")
		b.Write(make([]byte, 15))
		for _, count := range []uint32{0, 0, 0, 0, 1, uint32(len(name))} {
			b.Write(binary.BigEndian.AppendUint32(nil, count))
		}
		b.Write(binary.BigEndian.AppendUint32(nil, uint32(seconds)))
		b.Write([]byte{0, 0})
		b.WriteString(name)
	}
	b.WriteString("\n" + r.posix() + "\n")
	return b.Bytes()
}
