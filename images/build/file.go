package build

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"
)

// sumFile reads a file's size and digest.
func sumFile(file string) (fileSum, error) {
	f, err := os.Open(file)
	if err != nil {
		return fileSum{}, err
	}
	defer f.Close()
	h := sha256.New()
	// A large buffer: the default of 32 KiB halves the speed on big images.
	n, err := io.CopyBuffer(struct{ io.Writer }{h}, struct{ io.Reader }{f}, make([]byte, 1<<20))
	if err != nil {
		return fileSum{}, err
	}
	return fileSum{Size: n, SHA256: hex.EncodeToString(h.Sum(nil))}, nil
}

// linkOrCopy gives the file a second name, or a second body where the file
// system has no links.
func linkOrCopy(from, to string) error {
	if os.Link(from, to) == nil {
		return nil
	}
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}
