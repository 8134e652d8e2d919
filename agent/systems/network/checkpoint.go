package network

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"innkeeper/agent/guest"
	"innkeeper/agent/mechanisms/iproute"
	"innkeeper/agent/systems/places"
	"innkeeper/agent/systems/section"
)

// checkpoint is what was there before a change.
type checkpoint struct {
	Format int         `json:"format"`
	Files  []savedFile `json:"files"`
	Links  []savedLink `json:"links"`
	// More is what the configuration remembers.
	More map[string]string `json:"more,omitempty"`
}

// savedFile is a file as it was, without content where it was not there.
type savedFile struct {
	Path    string      `json:"path"`
	Content *string     `json:"content"`
	Mode    fs.FileMode `json:"mode"`
}

// savedLink is an interface as it was.
type savedLink struct {
	Device string `json:"device"`
	// There says that it existed; a VLAN may not have.
	There bool   `json:"there"`
	Below string `json:"below,omitempty"`
	Up    bool   `json:"up,omitempty"`
	// Beside says that it is a VLAN on an interface of the document, and not in
	// the document: what takes it along has to bring it back.
	Beside bool `json:"beside,omitempty"`
	// Addresses are the fixed ones.
	Addresses []string `json:"addresses,omitempty"`
	// Leased says that an address was lent to it.
	Leased bool `json:"leased,omitempty"`
}

const checkpointFormat = 1

func (p prepared) checkpoint(ctx context.Context, m guest.Machine, is live) (json.RawMessage, error) {
	more, err := p.remember(ctx, m, p.target)
	if err != nil {
		return nil, err
	}
	c := checkpoint{Format: checkpointFormat, More: more}
	for _, f := range changedFiles(p.files) {
		mode := f.mode
		if info, err := m.Stat(f.path); err == nil {
			mode = info.Mode().Perm()
		}
		c.Files = append(c.Files, savedFile{f.path, f.is, mode})
	}
	for _, l := range p.target.links {
		d, there := is.Link(l.device)
		c.Links = append(c.Links, save(d, savedLink{Device: l.device, There: there, Below: l.below}))
	}
	for _, d := range is.Links {
		if d.Below != "" && p.target.has(d.Below) && !p.target.has(d.Name) {
			c.Links = append(c.Links, save(d, savedLink{Device: d.Name, There: true, Below: d.Below, Beside: true}))
		}
	}
	return json.Marshal(c)
}

// save adds to l what its interface is like.
func save(d iproute.Link, l savedLink) savedLink {
	l.Up = d.Up
	for _, a := range d.Addresses {
		switch {
		case a.Link:
		case a.Dynamic:
			l.Leased = true
		default:
			l.Addresses = append(l.Addresses, a.String())
		}
	}
	return l
}

// belowFirst are the links with every VLAN after what it lies on.
func (c checkpoint) belowFirst() []savedLink {
	order := slices.Clone(c.Links)
	slices.SortStableFunc(order, func(a, b savedLink) int { return len(a.Below) - len(b.Below) })
	return order
}

func decodeCheckpoint(raw json.RawMessage) (checkpoint, error) {
	var c checkpoint
	if err := json.Unmarshal(raw, &c); err != nil {
		return c, fmt.Errorf("read the checkpoint of the network: %w", err)
	}
	if c.Format != checkpointFormat {
		return c, fmt.Errorf("the checkpoint of the network has format %d; this version of guestd knows %d", c.Format, checkpointFormat)
	}
	return c, nil
}

// holds is nil if every file that differs from what is desired is as it was
// when the plan was made.
func (c checkpoint) holds(files []file) error {
	for _, f := range changedFiles(files) {
		i := slices.IndexFunc(c.Files, func(s savedFile) bool { return s.Path == f.path })
		if i < 0 || !places.Same(c.Files[i].Content, f.is) {
			return section.Errorf(section.Busy, name, "%s was changed by someone else after the plan was made", f.path)
		}
	}
	return nil
}

// putBack puts the files back, the last that was changed first, and says
// whether any was another.
func (c checkpoint) putBack(m guest.Machine) (touched bool, failed error) {
	for _, s := range slices.Backward(c.Files) {
		is, err := places.ReadFile(m, s.Path)
		if err == nil && places.Same(is, s.Content) {
			continue
		}
		touched = true
		if err == nil {
			err = places.WriteFileMode(m, s.Path, s.Content, s.Mode)
		}
		if err != nil {
			failed = errors.Join(failed, fmt.Errorf("bring back %s: %w", s.Path, err))
		}
	}
	return touched, failed
}

// missing says what is not as it was.
func (c checkpoint) missing(is iproute.Network) []string {
	var all []string
	for _, s := range c.Links {
		d, there := is.Link(s.Device)
		if there != s.There {
			all = append(all, fmt.Sprintf("%s is there: %t, was: %t", s.Device, there, s.There))
			continue
		}
		if s.Up && !d.Up {
			all = append(all, s.Device+" is down")
		}
		var fixed []string
		leased := false
		for _, a := range d.Addresses {
			if !a.Link && !a.Dynamic {
				fixed = append(fixed, a.String())
			}
			leased = leased || a.Dynamic && !a.Link
		}
		for _, a := range s.Addresses {
			if !slices.Contains(fixed, a) {
				all = append(all, s.Device+" lacks the address "+a)
			}
		}
		for _, a := range fixed {
			if !slices.Contains(s.Addresses, a) {
				all = append(all, s.Device+" has the address "+a+" too")
			}
		}
		if s.Leased && !leased {
			all = append(all, s.Device+" got no address by DHCP")
		}
	}
	return all
}

// restoreSettle is how long the old configuration may take to be in force.
const restoreSettle = 20 * time.Second

// arrive waits until all is as it was. Addresses that nobody takes away, since
// nothing was configured before, are taken away here.
func (c checkpoint) arrive(ctx context.Context, m guest.Machine) error {
	return wait(ctx, restoreSettle, func() (string, error) {
		is, err := iproute.Read(ctx, m)
		if err != nil {
			return "", err
		}
		if err := c.tidy(ctx, m, is); err != nil {
			return "", err
		}
		return first(c.missing(is)), nil
	})
}

func (c checkpoint) tidy(ctx context.Context, m guest.Machine, is iproute.Network) error {
	for _, s := range c.Links {
		d, there := is.Link(s.Device)
		if there && !s.There {
			if err := run(ctx, m, deleteLink(s.Device)); err != nil {
				return err
			}
			continue
		}
		for _, a := range d.Addresses {
			if a.Link || a.Dynamic || slices.Contains(s.Addresses, a.String()) {
				continue
			}
			if err := run(ctx, m, guest.Command{Path: iproute.Command, Args: []string{"addr", "del", a.String(), "dev", s.Device}}); err != nil {
				return err
			}
		}
	}
	return nil
}
