package link

import (
	"fmt"
	"os"
	"runtime"

	"innkeeper/agent/guest"
	"innkeeper/agent/link/wire"
)

// Load reads a join file. One that is not root's (or, for who is not root, the
// user's own), or that others can read, is refused. On Windows neither is
// checked: there the folder's access list protects it. The error satisfies
// errors.Is with fs.ErrNotExist if there is none.
func Load(m guest.Machine, file string) (wire.Join, error) {
	info, err := m.Stat(file)
	if err != nil {
		return wire.Join{}, fmt.Errorf("look at the join file: %w", err)
	}
	if mode := info.Mode(); runtime.GOOS != "windows" && mode.Perm()&0o077 != 0 {
		return wire.Join{}, fmt.Errorf("the join file %s has mode %04o, so others may have read the guest's key; "+
			"if nobody has, run: chmod 600 %s; else enrol the guest again", file, mode.Perm(), file)
	}
	if uid, known := owner(info); known && uid != 0 && uid != os.Geteuid() {
		return wire.Join{}, fmt.Errorf("the join file %s belongs to user %d and not to root, who can read the guest's key and put another platform in; "+
			"if it is the right one, run: chown root %s", file, uid, file)
	}
	if info.Size() > wire.MaxJoin {
		return wire.Join{}, fmt.Errorf("the join file %s is %d bytes long; at most %d are read", file, info.Size(), wire.MaxJoin)
	}
	raw, err := m.ReadFile(file)
	if err != nil {
		return wire.Join{}, fmt.Errorf("read the join file: %w", err)
	}
	j, err := wire.ParseJoin(raw)
	if err != nil {
		return wire.Join{}, fmt.Errorf("the join file %s cannot be used: %w", file, err)
	}
	return j, nil
}
