package build

import (
	"bytes"
	"fmt"
)

// cpio writes an archive in the "newc" format, the one the kernel unpacks (its
// Documentation/driver-api/early-userspace/buffer-format.rst).
type cpio struct {
	out   bytes.Buffer
	inode int
}

// Kinds of files, as in stat(2).
const (
	modeDir     = 0o040000
	modeChar    = 0o020000
	modeRegular = 0o100000
)

type cpioFile struct {
	name         string
	mode         uint32
	major, minor int
	data         []byte
}

func (c *cpio) add(f cpioFile) {
	c.inode++
	// magic, inode, mode, uid, gid, links, mtime, size, device (2), special
	// device (2), length of the name with its NUL, checksum (unused).
	fmt.Fprintf(&c.out, "070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X",
		c.inode, f.mode, 0, 0, 1, 0, len(f.data), 0, 0, f.major, f.minor, len(f.name)+1, 0)
	c.out.WriteString(f.name)
	c.out.WriteByte(0)
	c.pad()
	c.out.Write(f.data)
	c.pad()
}

// pad fills up to a multiple of four.
func (c *cpio) pad() {
	for c.out.Len()%4 != 0 {
		c.out.WriteByte(0)
	}
}

// bytes ends the archive.
func (c *cpio) bytes() []byte {
	c.add(cpioFile{name: "TRAILER!!!"})
	return c.out.Bytes()
}
