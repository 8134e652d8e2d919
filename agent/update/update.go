// Package update puts a new guestd in the place of the one that runs, and
// never takes the old one away before the new one has proved itself.
//
// The running guestd fetches the new one beside its own executable and checks
// it. Then it gives its place up to it, but stays: the new one is the daemon,
// as a child process of the old one, which gave it a nonce. Only the
// platform's signature over that nonce, which the new one can have from nobody
// but the platform, has it take the old one's name, in one rename. Until then
// the system starts the old one, whatever happens: a crash, a kill, a power cut
// or a new one that means well and cannot reach the platform any more. An old
// one that finds a try begun at its start gives it up.
//
// What is on the disk:
//
//	update.json in the state folder   how far an update has come (Record)
//	EXECUTABLE.new                    the new one, until it has the name
//	EXECUTABLE.old                    the one before
package update

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"innkeeper/agent/guest"
	"innkeeper/agent/link/wire"
)

// Options are what an Updater works with.
type Options struct {
	// Machine is where the record is and where the new guestd is asked what it is.
	Machine guest.Machine
	// Disk is where the executables are, the machine's own if nil.
	Disk Disk
	// StateDir is the agent's.
	StateDir string
	// Executable is the running guestd's file, Version and Target what it is.
	Executable, Version, Target string
	Log                         *slog.Logger
}

// Updater keeps the one update of a machine.
type Updater struct{ o Options }

// New makes an Updater; nothing is touched until it is used.
func New(o Options) *Updater {
	if o.Disk == nil {
		o.Disk = LocalDisk()
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Updater{o}
}

// Fetch gives a piece of the new executable that begins at an offset: 1 byte
// to wire.MaxChunk.
type Fetch = func(ctx context.Context, offset int64) ([]byte, error)

// askTime is how long the new guestd may take to say what it is: the start of
// a program that was never read before, on an emulated machine.
const askTime = 2 * time.Minute

// Take fetches and checks the update that the platform's task id announces.
// When ready is true, it is on the disk and Try is to be called, in a process
// that is the daemon no more. It is false with no error if that was done before
// and this guestd is what came of it. After an error nothing is left of it.
func (u *Updater) Take(ctx context.Context, id string, a wire.Update, fetch Fetch) (ready bool, err error) {
	if err := a.Check(); err != nil {
		return false, err
	}
	if a.Target != u.o.Target {
		return false, fmt.Errorf("the update is for %s, and this machine needs %s", a.Target, u.o.Target)
	}
	last, err := u.load()
	if err != nil {
		u.o.Log.Warn("what came of the last update is not known", "error", err)
	}
	if last.ID == id && last.Stage == RolledBack {
		return false, fmt.Errorf("it was tried, and the old guestd came back: %s", last.Reason)
	}
	if last.ID == id && last.Stage == Confirmed {
		return false, nil // the platform has not heard of it
	}
	r := Record{ID: id, From: u.o.Version, Version: a.Version, Size: a.Size, SHA256: a.SHA256, Window: a.Window(), Stage: Ready}
	if err := u.matches(u.o.Executable, r); err == nil {
		return false, fmt.Errorf("this guestd is the one announced, %s", u.o.Version)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, u.discard())
		}
	}()
	if err := u.download(ctx, r, fetch); err != nil {
		return false, fmt.Errorf("fetch the update: %w", err)
	}
	if err := u.ask(ctx, a); err != nil {
		return false, err
	}
	u.o.Log.Info("a new guestd is here and will be tried", "version", a.Version, "window", r.Window)
	return true, u.save(r)
}

// fresh is where the new executable lies until it has the name, old where the
// one before is kept. Windows runs only what is called .exe.
func (u *Updater) fresh() string { return beside(u.o.Executable, "new") }
func (u *Updater) old() string   { return beside(u.o.Executable, "old") }

func beside(executable, what string) string {
	if name, ok := strings.CutSuffix(executable, ".exe"); ok {
		return name + "." + what + ".exe"
	}
	return executable + "." + what
}

func (u *Updater) recordFile() string { return filepath.Join(u.o.StateDir, "update.json") }

// download writes the pieces and fails unless all of them together are what
// was announced. No more is read than that.
func (u *Updater) download(ctx context.Context, r Record, fetch Fetch) (err error) {
	f, err := u.o.Disk.Create(u.fresh())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	sum := sha256.New()
	for at := int64(0); at < r.Size; {
		piece, err := fetch(ctx, at)
		switch left := r.Size - at; {
		case err != nil:
			return err
		case len(piece) == 0 || len(piece) > wire.MaxChunk:
			return fmt.Errorf("the piece at byte %d has %d bytes; 1 to %d are taken", at, len(piece), wire.MaxChunk)
		case int64(len(piece)) > left:
			return fmt.Errorf("more comes than the %d bytes that were announced", r.Size)
		}
		sum.Write(piece)
		if _, err := f.Write(piece); err != nil {
			return err
		}
		at += int64(len(piece))
	}
	if [sha256.Size]byte(sum.Sum(nil)) != [sha256.Size]byte(r.SHA256) {
		return errors.New("what came is not what was announced: its SHA-256 is another")
	}
	return f.Sync()
}

// ask has the new guestd say what it is: one that does not even start on this
// machine never is the daemon.
func (u *Updater) ask(ctx context.Context, a wire.Update) error {
	c := guest.Command{Path: u.fresh(), Args: []string{"version", "--json"}, Deadline: askTime}
	r, err := u.run(ctx, c)
	if err == nil {
		err = guest.Check(c, r)
	}
	if err != nil {
		return fmt.Errorf("the new guestd does not say what it is: %w", err)
	}
	var is struct {
		Version string `json:"version"`
		Target  string `json:"target"`
	}
	if err := json.Unmarshal(r.Stdout, &is); err != nil {
		return fmt.Errorf("the new guestd does not say what it is: %w", err)
	}
	if is.Version != a.Version || is.Target != a.Target {
		return fmt.Errorf("the new guestd says it is %.128q for %.64q, and announced was %q for %q", is.Version, is.Target, a.Version, a.Target)
	}
	return nil
}

// run runs what was just written. A plugin that is being started meanwhile holds
// the file open for writing until it is its own program, and so long the system
// starts it for nobody (ETXTBSY in execve(2)).
func (u *Updater) run(ctx context.Context, c guest.Command) (guest.Result, error) {
	const most = 3 * time.Second
	for pause := 50 * time.Millisecond; ; pause *= 2 {
		r, err := u.o.Machine.Run(ctx, c)
		if !errors.Is(err, syscall.ETXTBSY) || pause > most {
			return r, err
		}
		again := time.NewTimer(pause)
		select {
		case <-again.C:
		case <-ctx.Done():
			again.Stop()
			return r, err
		}
	}
}

// matches is nil if a file is the executable that r tells of.
func (u *Updater) matches(path string, r Record) (err error) {
	f, err := u.o.Disk.Open(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	sum := sha256.New()
	n, err := io.Copy(sum, io.LimitReader(f, r.Size+1))
	if err != nil {
		return err
	}
	if n != r.Size || [sha256.Size]byte(sum.Sum(nil)) != [sha256.Size]byte(r.SHA256) {
		return fmt.Errorf("%s is not the update: its SHA-256 is another", path)
	}
	return nil
}

// discard removes the new executable, whole or not.
func (u *Updater) discard() error {
	if err := u.o.Disk.Remove(u.fresh()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove the new guestd: %w", err)
	}
	return nil
}
