package mirror_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/clearsign"

	"innkeeper/harness/lab/mirror"
)

// What apt is served leads from the signature to the package's program.
func TestAptRepositoryHoldsTogether(t *testing.T) {
	key, err := mirror.NewKey("lab")
	if err != nil {
		t.Fatal(err)
	}
	files, err := mirror.Apt("/apt", key, []mirror.Package{{Name: "inn-hello", Version: "1.0", Needs: []string{"inn-base"}, Fails: true}})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(files)
	defer server.Close()
	signed, _ := clearsign.Decode(get(t, server.URL+"/apt/dists/stable/InRelease"))
	if signed == nil {
		t.Fatal("InRelease is not signed")
	}
	public, err := key.Public()
	if err != nil {
		t.Fatal(err)
	}
	ring, err := openpgp.ReadArmoredKeyRing(strings.NewReader(public))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := signed.VerifySignature(ring, nil); err != nil {
		t.Errorf("the key did not sign InRelease: %v", err)
	}
	index := get(t, server.URL+"/apt/dists/stable/main/binary-amd64/Packages")
	line := fmt.Sprintf(" %x %d main/binary-amd64/Packages\n", sha256.Sum256(index), len(index))
	if !strings.Contains(string(signed.Plaintext), line) {
		t.Errorf("the release\n%s\nlacks %q", signed.Plaintext, line)
	}
	deb := get(t, server.URL+"/apt/pool/inn-hello_1.0_all.deb")
	for _, want := range []string{
		"Package: inn-hello\n", "Depends: inn-base\n", "Filename: pool/inn-hello_1.0_all.deb\n", fmt.Sprintf("SHA256: %x\n", sha256.Sum256(deb)),
	} {
		if !strings.Contains(string(index), want) {
			t.Errorf("the index\n%s\nlacks %q", index, want)
		}
	}
	if got := programIn(t, deb); got != "#!/bin/sh\necho inn-hello 1.0\n" {
		t.Errorf("the program is %q", got)
	}
	if r, err := http.Get(server.URL + "/apt/nothing"); err != nil || r.StatusCode != http.StatusNotFound {
		t.Errorf("got %v, %v", r, err)
	}
}

func get(t *testing.T, url string) []byte {
	t.Helper()
	r, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil || r.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s, %v", url, r.Status, err)
	}
	return b
}

// programIn is the program in the last member of a package.
func programIn(t *testing.T, deb []byte) string {
	t.Helper()
	at := bytes.Index(deb, []byte("data.tar.gz"))
	if at < 0 {
		t.Fatal("the package has no data")
	}
	z, err := gzip.NewReader(bytes.NewReader(deb[at+60:]))
	if err != nil {
		t.Fatal(err)
	}
	z.Multistream(false)
	archive := tar.NewReader(z)
	for {
		h, err := archive.Next()
		if err != nil {
			t.Fatalf("the package has no program: %v", err)
		}
		if h.Name == "./usr/bin/inn-hello" {
			b, err := io.ReadAll(archive)
			if err != nil {
				t.Fatal(err)
			}
			return string(b)
		}
	}
}
