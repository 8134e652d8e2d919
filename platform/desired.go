package platform

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"innkeeper/agent/link/wire"
	"innkeeper/agent/state"
)

// ErrNotEnrolled says that the platform does not know the guest.
var ErrNotEnrolled = errors.New("it is not enrolled; see: innkeeper enrol")

// unbelievable is a revision that no platform comes to by counting.
const unbelievable = 1 << 53

// SetDesired makes sections all that the guest should be and returns the new
// document's revision. When it returns, the document is signed and on disk;
// the guest is told at once if it is there. Values are judged by the guest.
func (p *Platform) SetDesired(ctx context.Context, guest string, sections map[string]json.RawMessage) (revision uint64, err error) {
	return p.SetDocument(ctx, guest, state.Desired{Sections: sections})
}

// SetDocument is SetDesired with all that a document can say besides: the
// window of a confirmation, and what to do about drift. The platform numbers
// it and addresses it to the guest.
func (p *Platform) SetDocument(ctx context.Context, guest string, d state.Desired) (revision uint64, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("set what %s should be: %w", guest, err)
		}
	}()
	if !p.store.Enrolled(guest) {
		return 0, ErrNotEnrolled
	}
	if d.Sections == nil {
		d.Sections = map[string]json.RawMessage{}
	}
	p.setting.Lock()
	defer p.setting.Unlock()
	last, err := p.newest(ctx, guest)
	if err != nil {
		return 0, err
	}
	revision = last + 1
	d.Revision, d.Guest = revision, guest
	document, err := json.Marshal(d)
	if err != nil {
		return 0, err
	}
	if len(document) > state.MaxDocument {
		return 0, fmt.Errorf("the document has %d bytes, and no guest reads more than %d", len(document), state.MaxDocument)
	}
	sealed, err := wire.Seal(p.who().Signing, document)
	if err != nil {
		return 0, err
	}
	if err := p.store.PutDesired(ctx, guest, sealed); err != nil {
		return 0, err
	}
	p.ring(guest, revision)
	return revision, nil
}

// newest is the highest revision that the guest can have seen. After the
// store was restored from a backup, the guest may know more than it does, and
// would refuse what is numbered from there.
func (p *Platform) newest(ctx context.Context, guest string) (uint64, error) {
	d, _, err := p.Desired(ctx, guest)
	if err != nil {
		return 0, err
	}
	newest := d.Revision
	if r, ok := p.Reported(guest); ok && r.Revision < unbelievable {
		newest = max(newest, r.Revision)
	}
	return newest, nil
}

// Desired is the guest's newest document; false if there is none.
func (p *Platform) Desired(ctx context.Context, guest string) (state.Desired, bool, error) {
	sealed, err := p.store.Desired(ctx, guest)
	if err != nil || sealed == nil {
		return state.Desired{}, false, err
	}
	document, _, err := p.who().Open(sealed)
	if err != nil {
		return state.Desired{}, false, fmt.Errorf("the stored document of %s: %w", guest, err)
	}
	var d state.Desired
	if err := json.Unmarshal(document, &d); err != nil {
		return state.Desired{}, false, fmt.Errorf("the stored document of %s: %w", guest, err)
	}
	return d, true, nil
}

// ring tells the guest that there is something, if it is there.
func (p *Platform) ring(guest string, revision uint64) {
	p.mu.Lock()
	l := p.line
	p.mu.Unlock()
	if l == nil {
		return
	}
	// A guest that did not hear it fetches the document sooner or later.
	if err := l.Ring(guest, revision); err != nil {
		p.o.Log.Warn("the guest could not be told of its new document", "guest", guest, "revision", revision, "error", err)
	}
}
