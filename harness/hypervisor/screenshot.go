package hypervisor

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

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
		picture, err := take(d.host.conn, handle, filepath.Dir(d.machine.Console))
		answer <- picture
		return err
	})
	if err != nil {
		return nil, d.fault("take a screenshot of", err)
	}
	return <-answer, nil
}

// take has QEMU write the picture to a file in dir, where the guest's console
// is written to as well. libvirt's own call for it is no choice: it answers
// with a stream, and go-libvirt's rpc.go, once it has seen a stream's end, asks
// with a lock for its reader to be forgotten that the receiver of packets holds
// while it gives that reader the packet that confirms the end. The connection
// is dead then, which under load happened to one picture in ten.
func take(conn *libvirt.Libvirt, handle libvirt.Domain, dir string) ([]byte, error) {
	f, err := os.CreateTemp(dir, "screen-*.png")
	if err != nil {
		return nil, err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	command, err := json.Marshal(screendump{"screendump", screendumpTo{f.Name(), "png"}})
	if err != nil {
		return nil, err
	}
	said, err := conn.QEMUDomainMonitorCommand(handle, string(command), 0)
	if err != nil {
		return nil, err
	}
	picture, err := os.ReadFile(f.Name())
	if err != nil {
		return nil, err
	}
	if !bytes.HasPrefix(picture, pngMagic) || !bytes.HasSuffix(picture, pngEnd) {
		return nil, fmt.Errorf("QEMU wrote %d bytes that are no whole PNG, and said %s", len(picture), said)
	}
	return picture, nil
}

// screendump is the command to QEMU's monitor: screendump in qapi/ui.json, whose
// format is known since QEMU 7.1.
type screendump struct {
	Execute   string       `json:"execute"`
	Arguments screendumpTo `json:"arguments"`
}

type screendumpTo struct {
	Filename string `json:"filename"`
	Format   string `json:"format"`
}
