package rpm_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"innkeeper/agent/guest"
	"innkeeper/agent/guest/guesttest"
	"innkeeper/agent/mechanisms/rpm"
)

func TestQueryReadsTheDatabase(t *testing.T) {
	m := guesttest.New(nil).OnOutput("rpm --query --all *", strings.Join([]string{
		"gpg-pubkey\t0\tebd09883\t66299d00\t(none)\t1795486447",
		"openssl-libs\t1\t3.0.7\t24.el9\tx86_64\t1700000000",
		"glibc\t0\t2.34\t83.el9\ti686\t1700000001",
	}, "\n")+"\n")
	got, err := rpm.Query(t.Context(), m)
	want := []rpm.Installed{
		{Name: "openssl-libs", Arch: "x86_64", Version: "1:3.0.7-24.el9", At: 1700000000},
		{Name: "glibc", Arch: "i686", Version: "2.34-83.el9", At: 1700000001},
	}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got %+v, %v", got, err)
	}
	if got[0].String() != "openssl-libs-1:3.0.7-24.el9.x86_64" {
		t.Errorf("one is %s", got[0])
	}
	for _, spoilt := range []string{"what\n", "a\t0\t1\t1\tnoarch\tnow\n", "\t0\t1\t1\tnoarch\t1\n"} {
		if _, err := rpm.Query(t.Context(), guesttest.New(nil).OnOutput("rpm *", spoilt)); err == nil {
			t.Errorf("%q was read", spoilt)
		}
	}
	if _, err := rpm.Query(t.Context(), guesttest.New(nil).On("rpm *", guest.Result{Truncated: true})); err == nil {
		t.Error("half an answer was read")
	}
}

// What rpm 4.20.1 wrote.
func TestNeeding(t *testing.T) {
	const failed = "error: Failed dependencies:\n\tinn-base is needed by (installed) inn-guest-1.0-1.noarch\n\tlibx.so.1()(64bit) is needed by (installed) a-b-c-2:1.0-1.el9.x86_64\n"
	m := guesttest.New(nil).On("rpm --erase --test *", guest.Result{ExitCode: 1, Stderr: []byte(failed)})
	got, err := rpm.Needing(t.Context(), m, []string{"inn-base"})
	if err != nil || !slices.Equal(got, []string{"inn-guest", "a-b-c"}) {
		t.Errorf("got %q, %v", got, err)
	}
	m.On("rpm *", guest.Result{})
	if got, err := rpm.Needing(t.Context(), m, []string{"inn-base"}); err != nil || got != nil {
		t.Errorf("got %q, %v", got, err)
	}
	m.On("rpm *", guest.Result{ExitCode: 1, Stderr: []byte("error: package x is not installed\n")})
	if _, err := rpm.Needing(t.Context(), m, []string{"x"}); err == nil || !strings.HasSuffix(err.Error(), "package x is not installed") {
		t.Errorf("got %v", err)
	}
	busy := guest.Result{ExitCode: 1, Stderr: []byte("error: can't create transaction lock on /var/lib/rpm/.rpm.lock (Resource temporarily unavailable)\n")}
	m.On("rpm *", busy).On("rpmkeys *", busy)
	_, needing := rpm.Needing(t.Context(), m, []string{"x"})
	for _, err := range []error{
		needing, rpm.Erase(t.Context(), m, []string{"x"}), rpm.Import(t.Context(), m, "/k"), rpm.Forget(t.Context(), m, []string{"k"}),
	} {
		var locked *rpm.LockError
		if !errors.As(err, &locked) || !strings.Contains(locked.Message, ".rpm.lock") {
			t.Errorf("got %v", err)
		}
	}
}

func TestParallelPassesOverWhatIsNotThere(t *testing.T) {
	m := guesttest.New(nil).On("rpm --query *", guest.Result{ExitCode: 1, Stdout: []byte("kernel\nno package provides kernel-PAE\nkernel-core\n")})
	if got, err := rpm.Parallel(t.Context(), m); err != nil || !slices.Equal(got, []string{"kernel", "kernel-core"}) {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestFilesPassOverWhatCannotBeRead(t *testing.T) {
	m := guesttest.New(nil).On("rpm --query --list *", guest.Result{
		ExitCode: 1, Stdout: []byte("/usr/bin/a b\n(contains no files)\n"), Stderr: []byte("error: open of x failed\n"),
	})
	if got, err := rpm.Files(t.Context(), m, []string{"x", "y"}); err != nil || !slices.Equal(got, []string{"/usr/bin/a b"}) {
		t.Errorf("got %q, %v", got, err)
	}
}

// armored is a key of Ed25519 that rpm 4.20.1 called id.
const (
	armored = `-----BEGIN PGP PUBLIC KEY BLOCK-----

xjMEZimdABYJKwYBBAHaRw8BAQdATdHoVFC1Fz0EVH6bTM61phWV9nYQcxh0Y4tW
eLGk4QvNEmxhYiA8bGFiQGxhYi50ZXN0PsK9BBMWCABvBYJmKZ0AAgsHCRD2VHMW
69CYgzUUAAAAAAAcABBzYWx0QG5vdGF0aW9ucy5vcGVucGdwanMub3JnTeafAwl+
TVIv8cgvkf9qQAIVCAIWAAIZAQKbAwIeARYhBEDQ3qqgxkHvE2f5afZUcxbr0JiD
AABmOwEA+qEkv7Tjay+tcb3mU/tlulYDbEvqNyNr7lthecXv8H0BAL4q4h957NzJ
0AURxbyCXzkDwBBu5sgzQr+i4DINArUFzjgEZimdABIKKwYBBAGXVQEFAQEHQCoD
aIhaXxLQXfm5k11A8xhLeAT1EY37ap26Y9+XTgIjAwEKCcKuBBgWCABgBYJmKZ0A
CRD2VHMW69CYgzUUAAAAAAAcABBzYWx0QG5vdGF0aW9ucy5vcGVucGdwanMub3Jn
ML0u8YoSUp0wd+8uIxPfUgKbDBYhBEDQ3qqgxkHvE2f5afZUcxbr0JiDAAC0IwD+
OfF9TpxjJlRRN+5fG17Cu7Q/I4zBFQUK5P3kDagzq6kA/1Fh+Qs6yvlC2lil+gMn
NQbmsia0wSK0nmzpC8cIac4O
=J97w
-----END PGP PUBLIC KEY BLOCK-----`
	id = "ebd09883-66299d00"
)

func TestKeyIDsAreRPMs(t *testing.T) {
	for _, text := range []string{armored, armored + "\nand again\n" + armored} {
		if got, err := rpm.KeyIDs(text); err != nil || !slices.Equal(got, []string{id}) {
			t.Errorf("got %q, %v", got, err)
		}
	}
	wrap := func(body string) string {
		return "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n" + body + "\n-----END PGP PUBLIC KEY BLOCK-----\n"
	}
	for why, text := range map[string]string{
		"no public key":           "nothing",
		"has no end":              "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nAAAA\n",
		"read an armored key":     wrap("%%%%"),
		"not of version 4":        wrap("mAYGAAAAAQE="), // tag 6, six bytes, of version 6
		"in the midst":            wrap("mAcEAAAA"),
		"midst of a packet":       wrap("xuBAAAA="), // a part of one
		"ends in the midst of a ": wrap("mwA="),     // of a length that is not told
	} {
		if got, err := rpm.KeyIDs(text); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("%s: got %q, %v", why, got, err)
		}
	}
}

func TestKeysAreAskedForAndForgotten(t *testing.T) {
	m := guesttest.New(nil).
		OnOutput("rpm --query --all *", "b-1\na-1\nb-1\n").
		On("rpm --erase --allmatches -- gpg-pubkey-a-1 gpg-pubkey-b-1", guest.Result{})
	ids, err := rpm.Keys(t.Context(), m)
	if err != nil || !slices.Equal(ids, []string{"a-1", "b-1"}) {
		t.Fatalf("got %q, %v", ids, err)
	}
	if err := rpm.Forget(t.Context(), m, ids); err != nil {
		t.Error(err)
	}
}

// No answer of rpm is read over the end of a field or a line, nor does one make
// a version that is none.
func FuzzQuery(f *testing.F) {
	f.Add("openssl-libs\t1\t3.0.7\t24.el9\tx86_64\t1700000000\n")
	f.Add("gpg-pubkey\t0\ta\tb\t(none)\t1\na\t0\t1\t1\tnoarch\t2\n")
	f.Fuzz(func(t *testing.T, out string) {
		got, err := rpm.Query(t.Context(), guesttest.New(nil).OnOutput("rpm *", out))
		if err != nil {
			return
		}
		for _, p := range got {
			if strings.ContainsAny(p.Name+p.Version+p.Arch, "\t\n") || p.Name == "" || !strings.Contains(p.Version, "-") {
				t.Fatalf("%q has the package %+v", out, p)
			}
		}
	})
}

// The lists that rpm gives are read a line at a time, and what is no word of
// theirs is passed over.
func FuzzLists(f *testing.F) {
	f.Add("/usr/bin/a\n(contains no files)\nkernel\nno package provides kernel-PAE\nebd09883-66299d00\n")
	f.Fuzz(func(t *testing.T, out string) {
		m := guesttest.New(nil).OnOutput("rpm *", out)
		files, err1 := rpm.Files(t.Context(), m, []string{"x"})
		names, err2 := rpm.Parallel(t.Context(), m)
		keys, err3 := rpm.Keys(t.Context(), m)
		if err := errors.Join(err1, err2, err3); err != nil {
			t.Fatal(err)
		}
		for _, path := range files {
			if path[0] != '/' || strings.Contains(path, "\n") {
				t.Fatalf("%q has the path %q", out, path)
			}
		}
		for _, word := range append(names, keys...) {
			if word == "" || strings.ContainsAny(word, " \n") {
				t.Fatalf("%q has the word %q", out, word)
			}
		}
	})
}

// What rpm says stands in the way is never read as a version or an
// architecture, and there is no more of it than there are lines.
func FuzzNeeding(f *testing.F) {
	f.Add("error: Failed dependencies:\n\tinn-base is needed by (installed) inn-guest-1.0-1.noarch\n")
	f.Fuzz(func(t *testing.T, said string) {
		m := guesttest.New(nil).On("rpm *", guest.Result{ExitCode: 1, Stderr: []byte(said)})
		got, err := rpm.Needing(t.Context(), m, []string{"x"})
		if err == nil && len(got) == 0 || len(got) > strings.Count(said, "is needed by") {
			t.Fatalf("%q: got %q, %v", said, got, err)
		}
	})
}

// Each key has an ID in rpm's form, whatever the bytes.
func FuzzKeyIDs(f *testing.F) {
	f.Add(armored)
	f.Add("-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nmAYGAAAAAQE=\n=AAAA\n-----END PGP PUBLIC KEY BLOCK-----")
	f.Fuzz(func(t *testing.T, text string) {
		ids, err := rpm.KeyIDs(text)
		if err == nil && len(ids) == 0 {
			t.Fatal("no key and no error")
		}
		for _, id := range ids {
			var key, made uint32
			if n, err := fmt.Sscanf(id, "%08x-%08x", &key, &made); n != 2 || err != nil || len(id) != 17 {
				t.Fatalf("%q is no key's ID", id)
			}
		}
	})
}
