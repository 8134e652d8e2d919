// Package hypervisor runs guests: a private libvirtd where none is given, and
// on it domains that boot, are saved and restored, cut off and looked at. It
// knows nothing of what is in a guest.
package hypervisor

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// DaemonOptions say where a private libvirtd lives.
type DaemonOptions struct {
	// Dir holds everything of the daemon. Its path must be short: the socket
	// below it has to fit into 107 bytes (unix(7)).
	Dir string
	// Cache is a folder that daemons may share for what they found out about
	// QEMU, which costs seconds to find out; empty shares nothing.
	Cache string
	Log   *slog.Logger
}

// Daemon is a private libvirtd, a child of this process.
type Daemon struct {
	dir   string
	cache string
	log   *slog.Logger
	lock  *os.File
	cmd   *exec.Cmd
	ended chan struct{} // closed when the child was waited for
	err   error         // how it ended, valid once ended is closed
}

// Bounds of the daemon's start and end. A start takes 0.2 s when the machine
// is idle; beside six guests that boot it was seen to take seconds.
const (
	daemonStartTimeout = 30 * time.Second
	daemonStopTimeout  = 20 * time.Second
)

// folders below Dir and where libvirtd, which has these paths compiled in,
// sees them: each is bound there in a mount namespace of the daemon's own, so
// that the machine's own libvirt is neither read nor written.
var folders = []struct{ name, seen string }{
	{"etc", "/etc/libvirt"},
	{"run", "/run/libvirt"},
	{"lib", "/var/lib/libvirt"},
	{"cache", "/var/cache/libvirt"},
	{"log", "/var/log/libvirt"},
}

// qemuConf makes the QEMU driver work as root, without systemd, AppArmor and
// cgroups of its own. The first four options are the ones without which it
// does not start on a bare machine.
const qemuConf = `user = "root"
group = "root"
dynamic_ownership = 0
remember_owner = 0
security_driver = "none"
namespaces = []
cgroup_controllers = []
stdio_handler = "file"
save_image_format = "raw"
max_core = 0
`

const libvirtdConf = `unix_sock_rw_perms = "0700"
unix_sock_ro_perms = "0700"
auth_unix_rw = "none"
auth_unix_ro = "none"
log_level = 3
log_outputs = "3:stderr"
`

// StartDaemon starts a private libvirtd and returns when it answers. It ends
// with this process, however that ends; the guests it leaves then are for Reap.
func StartDaemon(ctx context.Context, o DaemonOptions) (*Daemon, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	d := &Daemon{dir: o.Dir, cache: o.Cache, log: o.Log, ended: make(chan struct{})}
	if err := d.prepare(); err != nil {
		return nil, err
	}
	if err := d.start(ctx); err != nil {
		d.lock.Close()
		return nil, err
	}
	return d, nil
}

// Socket is where the daemon listens.
func (d *Daemon) Socket() string { return filepath.Join(d.dir, "run", "libvirt-sock") }

func (d *Daemon) prepare() error {
	const op = "start a private libvirtd"
	if os.Geteuid() != 0 {
		return &HostError{op, errors.New("not running as root"), "start again with sudo"}
	}
	if len(d.Socket()) > 107 {
		return &HostError{op, fmt.Errorf("the path of its socket, %s, is longer than 107 bytes", d.Socket()), "set TMPDIR to a shorter path"}
	}
	// Looked up before qemu.conf is read; without it the driver stays down
	// with "Failed to parse user 'libvirt-qemu'".
	if _, err := user.Lookup("libvirt-qemu"); err != nil {
		return &HostError{op, err, "'matrix doctor --fix' adds the user and group libvirt-qemu"}
	}
	for _, f := range folders {
		for _, dir := range []string{d.folder(f.name), f.seen} {
			if err := os.MkdirAll(dir, 0o755); err != nil {
				return &HostError{op, err, ""}
			}
		}
	}
	for name, text := range map[string]string{"qemu.conf": qemuConf, "libvirtd.conf": libvirtdConf} {
		if err := os.WriteFile(filepath.Join(d.dir, "etc", name), []byte(text), 0o600); err != nil {
			return &HostError{op, err, ""}
		}
	}
	return d.takeLock()
}

// folder is where one of folders lies.
func (d *Daemon) folder(name string) string {
	if name == "cache" && d.cache != "" {
		return d.cache
	}
	return filepath.Join(d.dir, name)
}

// takeLock marks Dir as owned for as long as this process lives.
func (d *Daemon) takeLock() error {
	f, err := os.OpenFile(filepath.Join(d.dir, "owner"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return &HostError{"start a private libvirtd", err, ""}
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		f.Close()
		return &HostError{"start a private libvirtd", fmt.Errorf("%s belongs to another process: %w", d.dir, err), "give each run a folder of its own"}
	}
	d.lock = f
	return nil
}

func (d *Daemon) start(ctx context.Context) error {
	const op = "start a private libvirtd"
	ready, notify, err := d.listenReady()
	if err != nil {
		return &HostError{op, err, ""}
	}
	defer ready.Close()
	var said bytes.Buffer
	begun := make(chan error, 1)
	go d.own(&said, notify, begun)
	if err := <-begun; err != nil {
		return &HostError{op, err, "'matrix doctor --fix' installs libvirt-daemon and what it needs"}
	}
	ctx, cancel := context.WithTimeoutCause(ctx, daemonStartTimeout, fmt.Errorf("it did not get ready within %s", daemonStartTimeout))
	defer cancel()
	if err := d.awaitReady(ctx, ready); err != nil {
		d.stop(unix.SIGKILL)
		<-d.ended
		return &HostError{op, fmt.Errorf("%w: %s", err, strings.TrimSpace(said.String())), "is libvirt-daemon-driver-qemu installed? 'matrix doctor' tells"}
	}
	return nil
}

// own starts the child and waits for it on one locked thread: the kernel sends
// the parent-death signal when the thread that forked ends (prctl(2)).
func (d *Daemon) own(said *bytes.Buffer, notify string, begun chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer close(d.ended)
	var script strings.Builder
	var sources []string
	script.WriteString("set -e\n")
	for _, f := range folders {
		fmt.Fprintf(&script, "mount --bind \"$1\" %s\nshift\n", f.seen)
		sources = append(sources, d.folder(f.name))
	}
	script.WriteString("exec libvirtd --pid-file /run/libvirt/libvirtd.pid\n")
	d.cmd = exec.Command("unshare", "--mount", "--propagation", "private", "sh", "-c", script.String(), "libvirtd")
	d.cmd.Args = append(d.cmd.Args, sources...)
	d.cmd.Env = append(os.Environ(), "NOTIFY_SOCKET="+notify, "LC_ALL=C", "PATH="+os.Getenv("PATH")+":/usr/sbin:/sbin")
	d.cmd.Stdout, d.cmd.Stderr = said, said
	// A session of its own keeps Ctrl-C of a terminal from it.
	d.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGTERM}
	err := d.cmd.Start()
	begun <- err
	if err == nil {
		d.err = d.cmd.Wait()
	}
}

// listenReady opens the socket on which libvirtd says READY=1 (sd_notify(3)).
func (d *Daemon) listenReady() (*net.UnixConn, string, error) {
	path := filepath.Join(d.dir, "notify")
	if err := os.RemoveAll(path); err != nil {
		return nil, "", err
	}
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	return conn, path, err
}

func (d *Daemon) awaitReady(ctx context.Context, conn *net.UnixConn) error {
	stop := context.AfterFunc(ctx, func() { conn.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	died := make(chan struct{})
	defer close(died)
	go func() { // ends with this function
		select {
		case <-d.ended:
			conn.SetReadDeadline(time.Unix(1, 0))
		case <-died:
		}
	}()
	buf := make([]byte, 512)
	for {
		n, err := conn.Read(buf)
		if err == nil && strings.Contains(string(buf[:n]), "READY=1") {
			return nil
		}
		if err == nil {
			continue
		}
		select {
		case <-d.ended:
			return fmt.Errorf("it ended at once (%v)", d.err)
		default:
		}
		return errors.Join(context.Cause(ctx), err)
	}
}

func (d *Daemon) stop(s syscall.Signal) { _ = d.cmd.Process.Signal(s) }

// Close destroys every domain, ends the daemon and waits for it. What it left
// in Dir is removed.
func (d *Daemon) Close(ctx context.Context) error {
	defer d.lock.Close()
	errs := []error{d.destroyAll(ctx)}
	d.stop(syscall.SIGTERM)
	timer := time.NewTimer(daemonStopTimeout)
	defer timer.Stop()
	select {
	case <-d.ended:
	case <-timer.C:
		d.stop(syscall.SIGKILL)
		<-d.ended
		errs = append(errs, &HostError{"end the private libvirtd", fmt.Errorf("killed, as it did not end within %s", daemonStopTimeout), ""})
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	return os.RemoveAll(d.dir)
}

func (d *Daemon) destroyAll(ctx context.Context) error {
	h, err := Connect(ctx, d.Socket())
	if err != nil {
		return err
	}
	defer h.Close()
	return h.destroyAll(ctx)
}

// Reap ends the guests of a daemon whose owner died: a libvirtd started on
// the same folder finds them again by its own records, never by a stored
// process id. A folder that is still owned is refused.
func Reap(ctx context.Context, dir string) error {
	if _, err := os.Stat(filepath.Join(dir, "run")); errors.Is(err, os.ErrNotExist) {
		return os.RemoveAll(dir)
	}
	d, err := StartDaemon(ctx, DaemonOptions{Dir: dir})
	if err != nil {
		return err
	}
	return d.Close(ctx)
}
