package guest

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"
	"sync"

	scp "github.com/bramvdbogaerde/go-scp"
)

// Put writes data to the system's own path dst with the given mode, making the
// folder. The file appears whole or not at all.
func (g *Guest) Put(ctx context.Context, data []byte, dst string, mode fs.FileMode) error {
	file := g.FilePath(dst)
	if _, err := g.Script(ctx, "mkdir -p "+Quote(path.Dir(file))); err != nil {
		return err
	}
	if err := g.send(ctx, data, file+".part"); err != nil {
		return err
	}
	_, err := g.Script(ctx, fmt.Sprintf("chmod %o %s && mv -f %s %s", mode.Perm(), Quote(file+".part"), Quote(file+".part"), Quote(file)))
	return err
}

// Deploy puts the local executable at the system's own path dst, compressed on
// the way, and only if the guest has not the same bytes there already. It
// reports whether it was sent.
func (g *Guest) Deploy(ctx context.Context, local, dst string) (sent bool, err error) {
	binary, err := pack(local)
	if err != nil {
		return false, fmt.Errorf("deploy %s: %w", local, err)
	}
	file := g.FilePath(dst)
	// FreeBSD has sha256(1) where Linux has sha256sum(1).
	out, err := g.Script(ctx, fmt.Sprintf("mkdir -p %s; sha256sum %[2]s 2>/dev/null || sha256 -q %[2]s 2>/dev/null || echo absent", Quote(path.Dir(file)), Quote(file)))
	if err != nil {
		return false, err
	}
	if strings.HasPrefix(strings.TrimSpace(out.Stdout), binary.sum) {
		return false, nil
	}
	if err := g.send(ctx, binary.packed, file+".gz"); err != nil {
		return false, err
	}
	_, err = g.Script(ctx, fmt.Sprintf("gunzip -c %[1]s.gz > %[1]s.part && rm -f %[1]s.gz && chmod 755 %[1]s.part && mv -f %[1]s.part %[1]s", Quote(file)))
	return err == nil, err
}

// Fetch reads the system's own file src, at most limit bytes from its end.
func (g *Guest) Fetch(ctx context.Context, src string, limit int) ([]byte, error) {
	out, err := g.Script(ctx, fmt.Sprintf("tail -c %d %s", limit, Quote(g.FilePath(src))))
	return []byte(out.Stdout), err
}

func (g *Guest) send(ctx context.Context, data []byte, file string) error {
	client, err := g.standing(ctx)
	if err != nil {
		return fmt.Errorf("%s: %w", g.o.System.Name, err)
	}
	copier, err := scp.NewClientBySSH(client)
	if err != nil {
		g.drop(client)
		return fmt.Errorf("%s: scp: %w", g.o.System.Name, err)
	}
	if err := copier.Copy(ctx, bytes.NewReader(data), file, "0600", int64(len(data))); err != nil {
		return fmt.Errorf("%s: scp to %s: %w", g.o.System.Name, file, err)
	}
	return nil
}

// packed is an executable made ready to travel.
type packed struct {
	sum    string // SHA-256 of the executable in hex
	packed []byte // gzip
}

var (
	packedMu    sync.Mutex
	packedFiles = map[string]packed{}
)

// pack compresses a local file once a process, however often it is deployed.
func pack(local string) (packed, error) {
	packedMu.Lock()
	defer packedMu.Unlock()
	if p, ok := packedFiles[local]; ok {
		return p, nil
	}
	data, err := os.ReadFile(local)
	if err != nil {
		return packed{}, err
	}
	var z bytes.Buffer
	w, err := gzip.NewWriterLevel(&z, gzip.BestSpeed)
	if err != nil {
		return packed{}, err
	}
	if _, err := w.Write(data); err != nil {
		return packed{}, err
	}
	if err := w.Close(); err != nil {
		return packed{}, err
	}
	sum := sha256.Sum256(data)
	p := packed{sum: hex.EncodeToString(sum[:]), packed: z.Bytes()}
	packedFiles[local] = p
	return p, nil
}
