package network

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"innkeeper/agent/guest"
	"innkeeper/agent/mechanisms/middleware"
	"innkeeper/agent/systems/linediff"
	"innkeeper/agent/systems/section"
)

// FreeNAS keeps the network in the configuration of TrueNAS CORE, whose
// middleware listens at socket. It goes back by itself from interfaces that were
// committed and not checked in; that guards the change itself, and the
// guardian what comes after it.
func FreeNAS(socket string) section.Section { return freenas{socket} }

type freenas struct{ socket string }

// checkinSeconds is how long the middleware waits for the checkin, longer than
// a change may take to come into force.
const checkinSeconds = 90

// Describe implements section.Section.
func (freenas) Describe() section.Description { return describe() }

// Plan implements section.Section.
func (f freenas) Plan(ctx context.Context, m guest.Machine, desired json.RawMessage) (section.Plan, error) {
	c, err := middleware.Connect(ctx, f.socket)
	if err != nil {
		return section.Plan{}, err
	}
	defer c.Close()
	t, is, err := lookAtAppliance(ctx, m, c, desired)
	if err != nil {
		return section.Plan{}, err
	}
	plan := section.Plan{}
	if plan.Actual, err = json.Marshal(t.actual(is.live)); err != nil {
		return plan, err
	}
	want, err := t.onAppliance(is)
	if err != nil {
		return section.Plan{}, err
	}
	wrong := t.deviations(is.live)
	if reflect.DeepEqual(want, is.settings) && len(wrong) == 0 {
		return plan, nil
	}
	if is.pending {
		return section.Plan{}, section.Errorf(section.Busy, name, "changes of interfaces made in TrueNAS wait to be tested or saved")
	}
	if !reflect.DeepEqual(want, is.settings) {
		plan.Changes = append(plan.Changes, section.Change{
			Summary: "write the network to TrueNAS' configuration", Path: "/data/freenas-v1.db",
			Diff:    linediff.Text(is.text(), want.text()),
			Command: "interface.update, interface.create, interface.delete; network.configuration.update; staticroute.create, staticroute.delete",
		})
	}
	plan.Changes = append(plan.Changes, tell(nil, wrong, nil)...)
	plan.Changes = append(plan.Changes, section.Change{
		Summary: "have TrueNAS bring it into force", Command: fmt.Sprintf("interface.commit (checkin_timeout %d), route.sync, interface.checkin", checkinSeconds),
	})
	before := applianceCheckpoint{Format: applianceFormat, Settings: is.settings}
	for _, l := range t.links {
		d, there := is.Link(l.device)
		before.Links = append(before.Links, save(d, savedLink{Device: l.device, There: there, Below: l.below}))
	}
	plan.Checkpoint, err = json.Marshal(before)
	return plan, err
}

// Apply implements section.Section. It is refused as busy when the
// configuration is neither what the plan saw nor what is desired.
func (f freenas) Apply(ctx context.Context, m guest.Machine, desired json.RawMessage, plan section.Plan) error {
	c, err := middleware.Connect(ctx, f.socket)
	if err != nil {
		return err
	}
	defer c.Close()
	t, is, err := lookAtAppliance(ctx, m, c, desired)
	if err != nil {
		return err
	}
	want, err := t.onAppliance(is)
	if err != nil {
		return err
	}
	if is.pending {
		return section.Errorf(section.Busy, name, "changes of interfaces made in TrueNAS wait to be tested or saved")
	}
	if len(plan.Checkpoint) > 0 && !reflect.DeepEqual(want, is.settings) {
		before, err := decodeAppliance(plan.Checkpoint)
		if err != nil {
			return err
		}
		if !reflect.DeepEqual(before.Settings, is.settings) {
			return section.Errorf(section.Busy, name, "the network was changed in TrueNAS meanwhile")
		}
	}
	section.Progress(ctx, "have TrueNAS write and bring into force the network", -1)
	if err := is.become(ctx, c, want); err != nil {
		return refusedByAppliance(err)
	}
	if err := wait(ctx, settle, func() (string, error) {
		is, err := f.look(ctx, m)
		if err != nil {
			return "", err
		}
		t.rename(is)
		return first(append(t.deviations(is.live), t.unleased(is.live)...)), nil
	}); err != nil {
		return err
	}
	return c.CheckinInterfaces(ctx)
}

// Restore implements section.Section. Changes of interfaces that were not
// checked in are the ones to be undone: a plan is refused beside others'.
func (f freenas) Restore(ctx context.Context, m guest.Machine, raw json.RawMessage) error {
	before, err := decodeAppliance(raw)
	if err != nil {
		return err
	}
	c, err := middleware.Connect(ctx, f.socket)
	if err != nil {
		return err
	}
	defer c.Close()
	is, err := readAppliance(ctx, m, c)
	if err != nil {
		return err
	}
	if !is.pending && reflect.DeepEqual(before.Settings, is.settings) && len(before.missing(is)) == 0 {
		return nil // nothing had been changed, or all is back already
	}
	if is.pending {
		if err := c.RollBackInterfaces(ctx); err != nil {
			return err
		}
		if is, err = readAppliance(ctx, m, c); err != nil {
			return err
		}
	}
	if err := is.become(ctx, c, before.Settings); err != nil {
		return err
	}
	if err := wait(ctx, restoreSettle, func() (string, error) {
		is, err := f.look(ctx, m)
		if err != nil {
			return "", err
		}
		return first(before.missing(is)), nil
	}); err != nil {
		return err
	}
	return c.CheckinInterfaces(ctx)
}

// look reads over a connection of its own: the middleware may have been started
// anew since the change.
func (f freenas) look(ctx context.Context, m guest.Machine) (appliance, error) {
	c, err := middleware.Connect(ctx, f.socket)
	if err != nil {
		return appliance{}, err
	}
	defer c.Close()
	return readAppliance(ctx, m, c)
}

// applianceCheckpoint is what there was before a change.
type applianceCheckpoint struct {
	Format   int         `json:"format"`
	Settings settings    `json:"settings"`
	Links    []savedLink `json:"links"`
}

const applianceFormat = 1

func decodeAppliance(raw json.RawMessage) (applianceCheckpoint, error) {
	var c applianceCheckpoint
	if err := json.Unmarshal(raw, &c); err != nil {
		return c, fmt.Errorf("read the checkpoint of the network: %w", err)
	}
	if c.Format != applianceFormat {
		return c, fmt.Errorf("the checkpoint of the network has format %d; this version of guestd knows %d", c.Format, applianceFormat)
	}
	return c, nil
}

func (c applianceCheckpoint) missing(is appliance) []string {
	return checkpoint{Links: c.Links}.missing(is.Network)
}

// become writes what differs and brings it into force, up to the checkin.
func (is appliance) become(ctx context.Context, c *middleware.Client, to settings) error {
	if err := is.interfacesBecome(ctx, c, to.Interfaces); err != nil {
		return err
	}
	if err := c.SetGlobals(ctx, is.settings.Globals, to.Globals); err != nil {
		return err
	}
	if err := routesBecome(ctx, c, to.Routes); err != nil {
		return err
	}
	// Whatever routing was started anew has lost a gateway of DHCP.
	return c.SyncRoutes(ctx)
}

func (is appliance) interfacesBecome(ctx context.Context, c *middleware.Client, to map[string]row) error {
	if len(to) == 0 {
		// Without a configuration the middleware takes nothing from an interface,
		// and has DHCP on VLANs too: all have to be gone before.
		empty := map[string]row{}
		for i, device := range is.hardware() {
			empty[device] = row{DHCP: i == 0}
		}
		if err := is.write(ctx, c, empty); err != nil {
			return err
		}
		if err := c.CommitInterfaces(ctx, checkinSeconds); err != nil {
			return err
		}
		is.settings.Interfaces = empty
	}
	if err := is.write(ctx, c, to); err != nil {
		return err
	}
	return c.CommitInterfaces(ctx, checkinSeconds)
}

// write changes the interfaces' configuration. What an interface gives up it
// gives up first, as no two may have DHCP or a network.
func (is appliance) write(ctx context.Context, c *middleware.Client, to map[string]row) error {
	for _, device := range sorted(is.settings.Interfaces) {
		was := is.settings.Interfaces[device]
		want, stays := to[device]
		var err error
		switch less := was.common(want); {
		case !stays:
			err = c.DeleteInterface(ctx, device)
		case !reflect.DeepEqual(less, was) && !reflect.DeepEqual(less, want):
			err = c.SetInterface(ctx, device, less.settings(), less.vlan())
		}
		if err != nil {
			return err
		}
	}
	devices := sorted(to)
	// While no interface is configured all count as using DHCP, so that one that
	// is to use it cannot be the first; and a VLAN comes after what it lies on.
	slices.SortStableFunc(devices, func(a, b string) int { return to[a].rank() - to[b].rank() })
	for _, device := range devices {
		want := to[device]
		was, there := is.settings.Interfaces[device]
		var err error
		switch {
		case there && reflect.DeepEqual(was, want):
		case there || want.Parent == "":
			err = c.SetInterface(ctx, device, want.settings(), want.vlan())
		default:
			err = c.CreateVLAN(ctx, device, want.settings(), *want.vlan())
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func routesBecome(ctx context.Context, c *middleware.Client, to []middleware.StaticRoute) error {
	all, err := c.StaticRoutes(ctx)
	if err != nil {
		return err
	}
	have := plainRoutes(all)
	for i, r := range have {
		if !slices.Contains(to, r) {
			if err := c.DeleteStaticRoute(ctx, all[i].ID); err != nil {
				return err
			}
		}
	}
	for _, r := range to {
		if !slices.Contains(have, r) {
			if err := c.CreateStaticRoute(ctx, r); err != nil {
				return err
			}
		}
	}
	if len(to) == 0 && len(have) == 0 {
		return nil
	}
	// A change of interfaces may have taken routes along, and does not bring them back.
	return c.RestartRouting(ctx)
}

// refusedByAppliance says in the section's terms what the middleware refuses.
func refusedByAppliance(err error) error {
	var refused *middleware.CallError
	if errors.As(err, &refused) && (refused.Type == "VALIDATION" || strings.Contains(refused.Reason, "At least one interface")) {
		return section.Errorf(section.Invalid, name, "%v", refused)
	}
	return err
}
