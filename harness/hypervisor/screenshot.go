package hypervisor

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	libvirt "github.com/digitalocean/go-libvirt"
)

// pngMagic begins a PNG file and pngEnd ends it (RFC 2083, sections 3.1 and
// 4.1.4).
var (
	pngMagic = []byte("\x89PNG\r\n\x1a\n")
	pngEnd   = []byte("IEND\xaeB`\x82")
)

// Screenshot is the guest's screen as PNG.
func (d *Domain) Screenshot(ctx context.Context) ([]byte, error) {
	handle, _ := d.now()
	answer := make(chan []byte, 1)
	err := d.host.call(ctx, func() error {
		picture, err := take(d.host.conn, handle)
		answer <- picture
		return err
	})
	if err != nil {
		return nil, d.fault("take a screenshot of", err)
	}
	return <-answer, nil
}

// take asks for the picture. go-libvirt fails to decode the reply although the
// picture is complete: the bytes decide.
func take(conn *libvirt.Libvirt, handle libvirt.Domain) ([]byte, error) {
	var picture bytes.Buffer
	_, err := conn.DomainScreenshot(handle, &picture, 0, 0)
	data := picture.Bytes()
	if bytes.HasPrefix(data, pngMagic) && bytes.HasSuffix(data, pngEnd) {
		return data, nil
	}
	if err == nil {
		err = errors.New("no error")
	}
	return nil, fmt.Errorf("got %d bytes that are no whole PNG: %w", len(data), err)
}
