package build

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"innkeeper/images/system"
)

func newStore(t *testing.T) (*store, *[]string) {
	var mu sync.Mutex
	said := &[]string{}
	return &store{dir: filepath.Join(t.TempDir(), "images"), say: func(what string) {
		mu.Lock()
		defer mu.Unlock()
		*said = append(*said, what)
	}}, said
}

// filler fills an entry with one file and counts how often it had to.
func filler(n *atomic.Int32) func(context.Context, string) error {
	return func(_ context.Context, dir string) error {
		n.Add(1)
		if err := os.Mkdir(filepath.Join(dir, "scratch"), 0o755); err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(dir, "disk"), []byte("bytes"), 0o644)
	}
}

func TestAnEntryIsFilledOnceAndHasNoScratch(t *testing.T) {
	s, said := newStore(t)
	var n atomic.Int32
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			dir, err := s.ensure(t.Context(), "image-x", filler(&n))
			if err != nil {
				t.Error(err)
			}
			if _, err := os.Stat(filepath.Join(dir, "scratch")); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("the scratch folder is kept: %v", err)
			}
		})
	}
	group.Wait()
	if n.Load() != 1 {
		t.Errorf("filled %d times", n.Load())
	}
	for _, what := range *said {
		if !strings.Contains(what, "waiting for another build") {
			t.Errorf("said %q", what)
		}
	}
}

func TestADamagedEntryIsBuiltAgainAndSaid(t *testing.T) {
	damage := map[string]func(dir string) error{
		"a changed byte":   func(dir string) error { return overwrite(filepath.Join(dir, "disk"), "bytez") },
		"a short file":     func(dir string) error { return overwrite(filepath.Join(dir, "disk"), "byte") },
		"a missing file":   func(dir string) error { return os.Remove(filepath.Join(dir, "disk")) },
		"no manifest":      func(dir string) error { return os.Remove(filepath.Join(dir, manifestName)) },
		"an empty one":     func(dir string) error { return overwrite(filepath.Join(dir, manifestName), "") },
		"a manifest of {}": func(dir string) error { return overwrite(filepath.Join(dir, manifestName), "{}") },
		"a path outside": func(dir string) error {
			return overwrite(filepath.Join(dir, manifestName), `{"files":{"../x":{"size":0,"sha256":""}}}`)
		},
	}
	for name, do := range damage {
		s, said := newStore(t)
		var n atomic.Int32
		dir, err := s.ensure(t.Context(), "image-x", filler(&n))
		if err != nil {
			t.Fatal(err)
		}
		if err := do(dir); err != nil {
			t.Fatal(err)
		}
		if _, err := s.ensure(t.Context(), "image-x", filler(&n)); err != nil || n.Load() != 2 {
			t.Errorf("%s: built %d times, %v", name, n.Load(), err)
		}
		if len(*said) != 1 || !strings.Contains((*said)[0], "image-x is damaged") {
			t.Errorf("%s: said %q", name, *said)
		}
		if err := verifyEntry(dir); err != nil {
			t.Errorf("%s: after the second build: %v", name, err)
		}
	}
}

func overwrite(file, text string) error {
	if err := os.Remove(file); err != nil {
		return err
	}
	return os.WriteFile(file, []byte(text), 0o644)
}

func TestAFailedBuildLeavesNothing(t *testing.T) {
	s, _ := newStore(t)
	broken := errors.New("no luck")
	if _, err := s.ensure(t.Context(), "image-x", func(_ context.Context, dir string) error {
		return errors.Join(broken, os.WriteFile(filepath.Join(dir, "disk"), nil, 0o644))
	}); !errors.Is(err, broken) {
		t.Fatalf("got %v", err)
	}
	left, err := filepath.Glob(filepath.Join(s.dir, "*image-x"))
	if err != nil || len(left) > 0 {
		t.Errorf("left %v, %v", left, err)
	}
}

func TestTheLeastUsedEntriesGo(t *testing.T) {
	s, _ := newStore(t)
	var n atomic.Int32
	names := []string{"image-x-0", "image-x-1", "image-x-2", "image-x-3", "image-x-4", "image-x-5"}
	for i, name := range append([]string{"image-y-0", "image-x-y-0"}, names...) {
		dir, err := s.ensure(t.Context(), name, filler(&n))
		if err != nil {
			t.Fatal(err)
		}
		used := time.Now().Add(time.Duration(i-20) * time.Hour)
		if err := os.Chtimes(filepath.Join(dir, manifestName), used, used); err != nil {
			t.Fatal(err)
		}
		if name == "image-x-3" { // used again since: image-x-0 stays, image-x-1 goes
			if _, err := s.ensure(t.Context(), "image-x-0", filler(&n)); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, want := range map[string]bool{
		"image-y-0": true, "image-x-y-0": true, "image-x-0": true, "image-x-1": false, "image-x-2": false, "image-x-5": true,
	} {
		_, err := os.Stat(filepath.Join(s.dir, name))
		if got := err == nil; got != want {
			t.Errorf("%s is there: %v", name, got)
		}
	}
}

func TestWhoWaitsForALockCanGiveUp(t *testing.T) {
	s, said := newStore(t)
	unlock, err := s.lock(t.Context(), "x")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	enough := errors.New("enough")
	done := make(chan error)
	go func() {
		_, err := s.lock(ctx, "x")
		done <- err
	}()
	cancel(enough)
	if err := <-done; !errors.Is(err, enough) {
		t.Errorf("got %v", err)
	}
	unlock()
	again, err := s.lock(t.Context(), "x")
	if err != nil {
		t.Fatal(err)
	}
	again()
	if len(*said) > 1 {
		t.Errorf("said %q", *said)
	}
}

// recipe is a small one without doubles.
func recipe() system.System {
	return system.System{
		Name: "test",
		Lookalike: system.Recipe{
			GOOS: "linux", GOARCH: "amd64", Packages: []string{"a", "b"}, DiskMiB: 10,
			Files:      fstest.MapFS{"root/etc/x": {Data: []byte("x")}, "setup.sh": {Data: []byte("#!/bin/sh\n")}},
			Modes:      map[string]fs.FileMode{"etc/x": 0o600},
			Masked:     []string{"a.service"},
			KernelArgs: []string{"a"},
		},
	}
}

func TestTheSameRecipeHasTheSameHash(t *testing.T) {
	first, err := hashesOf(recipe())
	if err != nil {
		t.Fatal(err)
	}
	same := recipe()
	same.Title, same.MemoryMiB, same.Lookalike.Trimmed = "Test", 1024, []string{"x"}
	same.Lookalike.Packages = []string{"b", "a"}
	if again, err := hashesOf(same); err != nil || again != first {
		t.Errorf("%v, %v: want %v", again, err, first)
	}
	t.Setenv(mirrorVariable, "http://mirror.example/debian")
	if again, err := hashesOf(recipe()); err != nil || again != first {
		t.Error("the mirror changes the hash")
	}
}

func TestWhateverIsBuiltChangesTheHash(t *testing.T) {
	first, err := hashesOf(recipe())
	if err != nil {
		t.Fatal(err)
	}
	files := func(s *system.System) fstest.MapFS { return s.Lookalike.Files.(fstest.MapFS) }
	for name, change := range map[string]func(*system.System){
		"name":     func(s *system.System) { s.Name = "other" },
		"content":  func(s *system.System) { files(s)["root/etc/x"].Data = []byte("y") },
		"new file": func(s *system.System) { files(s)["root/etc/y"] = &fstest.MapFile{} },
		"mode":     func(s *system.System) { s.Lookalike.Modes["etc/x"] = 0o644 },
		"script":   func(s *system.System) { files(s)["setup.sh"].Data = []byte("#!/bin/sh\ntrue\n") },
		"below":    func(s *system.System) { s.Lookalike.Below = fstest.MapFS{"root/a": {}} },
		"masked":   func(s *system.System) { s.Lookalike.Masked = nil },
		"disk":     func(s *system.System) { s.Lookalike.DiskMiB++ },
		"kernel":   func(s *system.System) { s.Lookalike.KernelArgs = []string{"b"} },
		"double": func(s *system.System) {
			s.Lookalike.Doubles = []system.Double{{Package: "innkeeper/images/base/initrd", Path: "/x"}}
		},
	} {
		s := recipe()
		change(&s)
		got, err := hashesOf(s)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if got.image == first.image {
			t.Errorf("%s does not change the hash", name)
		}
		if got.packages != first.packages {
			t.Errorf("%s has the packages installed again", name)
		}
	}
	for name, change := range map[string]func(*system.System){
		"package": func(s *system.System) { s.Lookalike.Packages = []string{"a", "b", "c"} },
		"suite":   func(s *system.System) { s.Lookalike.Suite = "sid" },
	} {
		s := recipe()
		change(&s)
		if got, err := hashesOf(s); err != nil || got.packages == first.packages || got.image == first.image || got.base != first.base {
			t.Errorf("%s: %v, %v, first %v", name, got, err, first)
		}
	}
}

func TestTheDigestTellsListsApart(t *testing.T) {
	a, b := newDigest("x"), newDigest("x")
	a.add("p", "ab", "c")
	b.add("p", "a", "bc")
	if a.sum() == b.sum() {
		t.Error("ab,c and a,bc look alike")
	}
}

func TestUnknownDoublesAreRefused(t *testing.T) {
	s := recipe()
	s.Lookalike.Doubles = []system.Double{{Package: "innkeeper/images/nowhere", Path: "/x"}}
	if _, err := RecipeHash(s); err == nil || !strings.Contains(err.Error(), "innkeeper/images/nowhere") {
		t.Errorf("got %v", err)
	}
}
