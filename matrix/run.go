package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/onsi/ginkgo/v2/types"
	"golang.org/x/sync/errgroup"
	"golang.org/x/term"

	"innkeeper/harness"
	"innkeeper/harness/artifact"
	"innkeeper/harness/event"
	"innkeeper/images/build"
	"innkeeper/images/system"
	"innkeeper/matrix/columns"
	"innkeeper/matrix/doctor"
	"innkeeper/matrix/live"
	"innkeeper/matrix/report"
	"innkeeper/matrix/runs"
)

// runOptions are the flags of matrix run.
type runOptions struct {
	focus, labels, fidelity, cache, out, json string
	images                                    []string
	keep, cold                                bool
	seed                                      int64
	timeout                                   time.Duration

	systems []system.System
	files   map[string]string // system -> image file of the user's own
}

func runCommand(ctx context.Context, args []string) error {
	o, err := runFlags(args)
	if err != nil {
		return err
	}
	if err := doctor.Fatal(doctor.Examine(o.cache)); err != nil {
		return err
	}
	if swept, err := runs.Sweep(ctx); err != nil {
		fmt.Fprintf(os.Stderr, "matrix: %v\n", err)
	} else if len(swept) > 0 {
		fmt.Fprintf(os.Stderr, "matrix: cleared away what killed runs left: %s\n", strings.Join(swept, ", "))
	}
	r, err := runs.New()
	if err != nil {
		return err
	}
	result, err := o.run(ctx, r)
	if result != nil {
		err = errors.Join(err, o.write(result))
	}
	if o.keep && err == nil {
		err = errors.Join(err, r.Leave())
	} else {
		err = errors.Join(err, r.Remove())
	}
	switch {
	case err != nil:
		return err
	case !result.Passed:
		return errVerdict
	}
	return nil
}

func runFlags(args []string) (*runOptions, error) {
	o := &runOptions{files: map[string]string{}}
	f := flags("run", "[SYSTEM...]", `  matrix run
  matrix run --labels smoke
  matrix run pfsense freenas --labels 'hostname && !fault'
  matrix run --focus 'keeps it across a reboot'
  matrix run --labels soak --timeout 3h
  matrix run --fidelity vendor --image pfsense=pfsense-2.7.2.qcow2 pfsense
`)
	f.StringVar(&o.focus, "focus", "", "run the specs whose text matches this `regexp`")
	f.StringVar(&o.labels, "labels", "", "run the specs that this Ginkgo label `filter` selects (smoke, hostname, service, plugin, link, fault ...); soak, of many minutes, only if it is named")
	f.StringVar(&o.fidelity, "fidelity", string(system.Lookalike), "`least` fidelity of every image: lookalike or vendor")
	f.StringArrayVar(&o.images, "image", nil, "boot `SYSTEM=FILE.qcow2` in place of the lookalike (root logs in by the lab key)")
	f.BoolVar(&o.keep, "keep", false, "leave the guests running, for matrix shell; matrix down ends them")
	f.BoolVar(&o.cold, "cold", false, "boot although a saved state is there")
	f.Int64Var(&o.seed, "seed", 0, "Ginkgo's `seed`; 0 takes one from the clock")
	f.DurationVar(&o.timeout, "timeout", 25*time.Minute, "bound of a column as a whole")
	f.StringVar(&o.json, "json", "", "write the report as JSON to this `file` too")
	f.StringVar(&o.out, "out", "out", "`folder` for report.html, report.json, junit.xml and evidence")
	cache := cacheFlag(f)
	if err := parse(f, args); err != nil {
		return nil, err
	}
	o.cache = *cache
	return o, o.check(f.Args())
}

// check refuses what cannot be run before anything is begun.
func (o *runOptions) check(names []string) (err error) {
	if o.systems, err = chosen(names); err != nil {
		return err
	}
	if o.fidelity != string(system.Lookalike) && o.fidelity != string(system.Vendor) {
		return usagef("--fidelity %q: lookalike or vendor", o.fidelity)
	}
	if o.labels != "" {
		if _, err := types.ParseLabelFilter(o.labels); err != nil {
			return usagef("--labels %q is not a label filter: %s", o.labels, firstPlain(err))
		}
	}
	if o.timeout <= 0 {
		return usagef("--timeout %s: must be more than 0", o.timeout)
	}
	for _, given := range o.images {
		name, file, ok := strings.Cut(given, "=")
		if !ok || file == "" {
			return usagef("--image %q: SYSTEM=FILE.qcow2", given)
		}
		if !slices.ContainsFunc(o.systems, func(s system.System) bool { return s.Name == name }) {
			return usagef("--image %q: %s is not among the systems of this run", given, name)
		}
		if err := harness.CheckImage(file); err != nil {
			return usagef("--image %s: %w", name, err)
		}
		if o.files[name], err = filepath.Abs(file); err != nil {
			return err
		}
	}
	if o.fidelity == string(system.Vendor) {
		if err := o.checkVendor(); err != nil {
			return err
		}
	}
	return o.checkOutput()
}

// checkOutput sees before a run of minutes that its report can be written.
func (o *runOptions) checkOutput() error {
	if o.json != "" {
		if info, err := os.Stat(o.json); err == nil && info.IsDir() {
			return usagef("--json %s: it is a folder, not a file", o.json)
		}
		if err := writable(filepath.Dir(o.json)); err != nil {
			return usagef("--json: the report cannot be written: %w", err)
		}
	}
	if err := os.MkdirAll(o.out, 0o755); err != nil {
		return usagef("--out: %w", err)
	}
	if err := writable(o.out); err != nil {
		return usagef("--out: the report cannot be written: %w", err)
	}
	return nil
}

func writable(dir string) error {
	f, err := os.CreateTemp(dir, ".matrix-*")
	if err != nil {
		return err
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}

// ansi are the colours that Ginkgo's errors come in.
var ansi = regexp.MustCompile("\x1b\\[[0-9;]*m")

// firstPlain is the line of Ginkgo's error about a filter that says what is
// wrong, without colours, picture and advertisement.
func firstPlain(err error) string {
	lines := strings.Split(ansi.ReplaceAllString(err.Error(), ""), "\n")
	for _, l := range lines[1:] {
		if l = strings.TrimSpace(l); len(l) > 3 && strings.Contains(l, " ") && !strings.Contains(l, "Learn more") {
			return l
		}
	}
	return lines[0]
}

func (o *runOptions) checkVendor() error {
	var lacking []string
	for _, s := range o.systems {
		if o.files[s.Name] == "" {
			lacking = append(lacking, s.Name)
		}
	}
	if len(lacking) > 0 {
		return usagef("--fidelity vendor: no vendor image is installed for %s; give each with --image SYSTEM=FILE.qcow2 ('matrix list' names the versions)", strings.Join(lacking, ", "))
	}
	return nil
}

// run builds what is needed and runs the columns.
func (o *runOptions) run(ctx context.Context, r *runs.Run) (*report.Report, error) {
	begun := time.Now()
	if o.seed == 0 {
		o.seed = begun.Unix()
	}
	var names []string
	for _, s := range o.systems {
		names = append(names, s.Name)
	}
	view := live.New(os.Stdout, names, terminalWidth(), time.Now)
	defer view.Close()
	made, err := o.prepare(ctx, r, view)
	if err != nil {
		return nil, err
	}
	view.Step("columns begin, seed %d", o.seed)
	if !strings.Contains(o.labels, soak) {
		view.Step("specs labelled soak are left out: --labels soak runs them")
	}
	plans, err := o.plans(made, r)
	if err != nil {
		return nil, err
	}
	guests := columns.Run(ctx, plans, columns.Options{
		Run: r, Binary: made.specs, Args: o.columnArgs(), Keep: o.keep, Timeout: o.timeout,
		MemoryMiB: doctor.AvailableMemoryMiB() - 512,
		Watch:     func(name string, e event.Event) { view.Event(name, e) },
	})
	result := &report.Report{Started: begun, Seconds: time.Since(begun).Seconds(), Seed: o.seed, Focus: o.focus, Labels: o.labels, Guests: guests}
	result.Judge()
	if ctx.Err() != nil {
		return result, errors.New("interrupted")
	}
	return result, nil
}

// made is what a run builds before its columns begin.
type made struct {
	specs                string
	guestd, faultplugins map[artifact.Target]string
	images               map[string]build.Image
}

// prepare builds images, specs and programs, side by side.
func (o *runOptions) prepare(ctx context.Context, r *runs.Run, view *live.View) (*made, error) {
	m := &made{specs: filepath.Join(r.Dir, "specs.test"), guestd: map[artifact.Target]string{}, faultplugins: map[artifact.Target]string{}}
	var lookalikes []system.System
	for _, s := range o.systems {
		if o.files[s.Name] == "" {
			lookalikes = append(lookalikes, s)
		}
	}
	view.Step("building specs, guestd and what images are missing")
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		var err error
		m.images, err = build.EnsureAll(ctx, lookalikes, build.Options{Cache: o.cache, Progress: func(name, step string) { view.Step("%s: %s", name, step) }})
		return err
	})
	g.Go(func() error {
		if err := artifact.CompileTests(ctx, "innkeeper/specs", m.specs); err != nil {
			return err
		}
		for _, s := range o.systems {
			t := o.target(s)
			if m.guestd[t] != "" {
				continue
			}
			var err error
			if m.guestd[t], err = artifact.Build(ctx, "innkeeper/agent", t, r.Dir, "guestd"); err != nil {
				return err
			}
			if m.faultplugins[t], err = artifact.Build(ctx, "innkeeper/specs/faultplugin", t, r.Dir, "faultplugin"); err != nil {
				return err
			}
		}
		return nil
	})
	return m, g.Wait()
}

// target is the build of guestd for a system of this run.
func (o *runOptions) target(s system.System) artifact.Target {
	if o.files[s.Name] != "" && len(s.Vendor) > 0 {
		return artifact.Target{GOOS: s.Vendor[0].GOOS, GOARCH: s.Vendor[0].GOARCH}
	}
	return artifact.Target{GOOS: s.Lookalike.GOOS, GOARCH: s.Lookalike.GOARCH}
}

// plans are the columns of the run. What each is to know of its image is left
// in the run's folder.
func (o *runOptions) plans(m *made, r *runs.Run) ([]columns.Plan, error) {
	var plans []columns.Plan
	for _, s := range o.systems {
		t := o.target(s)
		p := columns.Plan{System: s.Name, Title: s.Title, MemoryMiB: s.MemoryMiB, Args: []string{"--guestd=" + m.guestd[t], "--faultplugin=" + m.faultplugins[t]}}
		if file := o.files[s.Name]; file != "" {
			p.Args = append(p.Args, "--image="+file)
		} else {
			file, err := describe(m.images[s.Name], r)
			if err != nil {
				return nil, err
			}
			p.Args = append(p.Args, "--built="+file)
		}
		plans = append(plans, p)
	}
	return plans, nil
}

// describe writes what is known of an image to a file of the run.
func describe(img build.Image, r *runs.Run) (string, error) {
	data, err := json.Marshal(img)
	if err != nil {
		return "", err
	}
	file := filepath.Join(r.Dir, img.System+".json")
	return file, os.WriteFile(file, data, 0o600)
}

func (o *runOptions) columnArgs() []string {
	args := []string{"--cache=" + o.cache, "--ginkgo.seed=" + strconv.FormatInt(o.seed, 10), "--ginkgo.no-color", "--ginkgo.grace-period=20s"}
	if o.cold {
		args = append(args, "--cold")
	}
	if o.focus != "" {
		args = append(args, "--ginkgo.focus="+o.focus)
	}
	return append(args, "--ginkgo.label-filter="+filter(o.labels))
}

// soak is the label of specs that take many minutes. They run only if asked for.
const soak = "soak"

// filter is the label filter of a column: soak specs are left out unless the
// filter given names them.
func filter(given string) string {
	switch {
	case strings.Contains(given, soak):
		return given
	case given == "":
		return "!" + soak
	}
	return "(" + given + ") && !" + soak
}

func terminalWidth() int {
	fd := int(os.Stdout.Fd())
	if !term.IsTerminal(fd) {
		return 0
	}
	width, _, err := term.GetSize(fd)
	if err != nil || width < 40 {
		return 0
	}
	return width
}

// write writes the report's files and prints the matrix.
func (o *runOptions) write(r *report.Report) error {
	if err := r.KeepEvidence(filepath.Join(o.out, "evidence")); err != nil {
		return err
	}
	errs := []error{
		r.WriteJSON(filepath.Join(o.out, "report.json")),
		r.WriteJUnit(filepath.Join(o.out, "junit.xml")),
		r.WriteHTML(filepath.Join(o.out, "report.html")),
	}
	if o.json != "" {
		errs = append(errs, r.WriteJSON(o.json))
	}
	r.Print(os.Stdout)
	if err := errors.Join(errs...); err != nil {
		return err
	}
	_, err := io.WriteString(os.Stdout, "report: "+filepath.Join(o.out, "report.html")+"\n")
	return err
}
