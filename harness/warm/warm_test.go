package warm

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func fill(memory, disk string) func(State) error {
	return func(s State) error {
		if err := os.WriteFile(s.Memory, []byte(memory), 0o600); err != nil {
			return err
		}
		return os.WriteFile(s.Disk, []byte(disk), 0o600)
	}
}

func TestWhatIsSavedIsLoaded(t *testing.T) {
	s := Store{Dir: filepath.Join(t.TempDir(), "warm")}
	key := Key("pfsense", "recipe", "domain", "7.2")
	if _, err := s.Load(key); !errors.Is(err, ErrAbsent) {
		t.Fatalf("an empty store gives %v, want ErrAbsent", err)
	}
	if _, err := s.Save(key, fill("memory", "disk")); err != nil {
		t.Fatal(err)
	}
	got, err := s.Load(key)
	if err != nil {
		t.Fatal(err)
	}
	if data, _ := os.ReadFile(got.Memory); string(data) != "memory" {
		t.Errorf("memory holds %q", data)
	}
	if data, _ := os.ReadFile(got.Disk); string(data) != "disk" {
		t.Errorf("disk holds %q", data)
	}
}

func TestADamagedStateIsRemovedAndSaid(t *testing.T) {
	s := Store{Dir: t.TempDir()}
	key := Key("ubuntu", "x")
	st, err := s.Save(key, fill("memory", "disk"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(st.Disk, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(st.Disk, []byte("dusk"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Load(key); err == nil || !strings.Contains(err.Error(), "damaged") || !strings.Contains(err.Error(), diskFile) {
		t.Errorf("loading a damaged state gives %v", err)
	}
	if _, err := s.Load(key); !errors.Is(err, ErrAbsent) {
		t.Errorf("the damaged state is still there: %v", err)
	}
}

func TestAFailedSaveLeavesNothing(t *testing.T) {
	s := Store{Dir: t.TempDir()}
	boom := errors.New("no space left")
	if _, err := s.Save("k", func(State) error { return boom }); !errors.Is(err, boom) {
		t.Fatalf("got %v", err)
	}
	left, _ := os.ReadDir(s.Dir)
	if len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestTheFirstOfTwoSavesStays(t *testing.T) {
	s := Store{Dir: t.TempDir()}
	if _, err := s.Save("k", fill("one", "1")); err != nil {
		t.Fatal(err)
	}
	st, err := s.Save("k", fill("two", "2"))
	if err != nil {
		t.Fatal(err)
	}
	if data, _ := os.ReadFile(st.Memory); string(data) != "one" {
		t.Errorf("the state in use was replaced by %q", data)
	}
}

func TestKeysDifferByEveryPart(t *testing.T) {
	if Key("a", "b", "c") == Key("a", "bc") || Key("a", "b") == Key("a", "c") {
		t.Error("two different definitions share a key")
	}
}
