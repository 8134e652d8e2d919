package update

import (
	"errors"
	"fmt"
)

// Settle is called at the start of a process that is to be the daemon, and by
// one whose Try was proved. It brings what it finds to its end: a try that was
// cut short is given up; a new guestd that has proved itself gets the name,
// which is true in swapped: then this process is not the installed one any
// more and has to make room for it. Nothing that it finds keeps the daemon
// from starting; the error is to be told.
func (u *Updater) Settle() (swapped bool, err error) {
	r, err := u.load()
	if err != nil {
		// Nobody knows what was to become of what lies there.
		return false, errors.Join(err, u.o.Machine.Remove(u.recordFile()), u.discard())
	}
	switch r.Stage {
	case Ready:
		return false, nil
	case Trying:
		return false, u.rollBack(r, "the machine or guestd ended while it was tried")
	case Proved:
		return u.finish(r)
	}
	return false, u.discard() // what an update that was cut short has left
}

// finish gives the new guestd the name, in one rename.
func (u *Updater) finish(r Record) (swapped bool, err error) {
	if u.matches(u.o.Executable, r) != nil { // else it was done, and cut short after
		if err := u.matches(u.fresh(), r); err != nil {
			return false, u.rollBack(r, "it was spoiled after it was tried: "+err.Error())
		}
		if err := u.o.Disk.Keep(u.o.Executable, u.old()); err != nil {
			return false, u.rollBack(r, fmt.Sprintf("the old guestd could not be kept: %v", err))
		}
		if err := u.o.Disk.Replace(u.fresh(), u.o.Executable); err != nil {
			return false, u.rollBack(r, fmt.Sprintf("it could not be put in its place: %v", err))
		}
		swapped = true
	}
	r.Stage = Confirmed
	return swapped, errors.Join(u.save(r), u.discard())
}

// New is where the new guestd lies until it has the name.
func (u *Updater) New() string { return u.fresh() }

// Proven says whether an update waits for its name.
func (u *Updater) Proven() bool {
	r, err := u.load()
	return err == nil && r.Stage == Proved
}

// GiveUp rolls back an update that cannot get its name.
func (u *Updater) GiveUp(reason string) error {
	r, err := u.load()
	if err != nil || r.Stage != Proved {
		return err
	}
	return u.rollBack(r, reason)
}

// Drop removes an update that is ready and is not to be tried.
func (u *Updater) Drop() error {
	return errors.Join(u.o.Machine.Remove(u.recordFile()), u.discard())
}
