package lab

import (
	"bytes"
	"errors"
	"io"
	"testing"
)

func TestFrameOnTheStream(t *testing.T) {
	frame := []byte("fourteen bytes and more")
	got := appendFrame([]byte("before"), frame)
	if want := "before\x00\x00\x00\x17fourteen bytes and more"; string(got) != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestReadFrame(t *testing.T) {
	long := bytes.Repeat([]byte{7}, maxFrame)
	for name, c := range map[string]struct {
		stream string
		want   string
		err    error
	}{
		"frame":          {"\x00\x00\x00\x02abc", "ab", nil},
		"longest":        {string(appendFrame(nil, long)), string(long), nil},
		"end":            {"", "", io.EOF},
		"end in length":  {"\x00\x00", "", io.ErrUnexpectedEOF},
		"end at frame":   {"\x00\x00\x00\x02", "", io.ErrUnexpectedEOF},
		"end in frame":   {"\x00\x00\x00\x02a", "", io.ErrUnexpectedEOF},
		"empty":          {"\x00\x00\x00\x00abc", "", errFrameLength},
		"one too long":   {string(appendFrame(nil, append(long, 7))), "", errFrameLength},
		"all bits":       {"\xff\xff\xff\xff", "", errFrameLength},
		"negative as 32": {"\x80\x00\x00\x00", "", errFrameLength},
	} {
		got, err := readFrame(bytes.NewReader([]byte(c.stream)))
		if string(got) != c.want || !errors.Is(err, c.err) {
			t.Errorf("%s: %d bytes, %v, want %d and %v", name, len(got), err, len(c.want), c.err)
		}
	}
}

func FuzzReadFrame(f *testing.F) {
	f.Add([]byte("\x00\x00\x00\x02ab\x00\x00\x00\x01c"))
	f.Add([]byte("\xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, stream []byte) {
		r := bytes.NewReader(stream)
		var again []byte
		for {
			frame, err := readFrame(r)
			if err != nil {
				break
			}
			if len(frame) == 0 || len(frame) > maxFrame {
				t.Fatalf("a frame of %d bytes", len(frame))
			}
			again = appendFrame(again, frame)
		}
		if !bytes.HasPrefix(stream, again) {
			t.Fatal("what was read is not what was there")
		}
	})
}
