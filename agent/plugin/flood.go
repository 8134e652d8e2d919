package plugin

import "io"

// flood passes on what is written to it and calls overflow once when more
// than left bytes came. It is written to by one goroutine.
type flood struct {
	to       io.Writer
	left     int64
	overflow func()
}

// Write implements io.Writer.
func (f *flood) Write(p []byte) (int, error) {
	before := f.left
	f.left -= int64(len(p))
	if before >= 0 && f.left < 0 {
		f.overflow()
	}
	return f.to.Write(p)
}
