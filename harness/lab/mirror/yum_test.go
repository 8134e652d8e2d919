package mirror_test

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/xml"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/ProtonMail/go-crypto/openpgp"

	"innkeeper/harness/lab/mirror"
)

// What dnf is served leads from the signature to the package, and the package
// is signed, too.
func TestYumRepositoryHoldsTogether(t *testing.T) {
	key, err := mirror.NewKey("lab")
	if err != nil {
		t.Fatal(err)
	}
	files, err := mirror.Yum("/yum", key, []mirror.Package{{Name: "inn-hello", Version: "1.0", Needs: []string{"inn-base"}, Fails: true}})
	if err != nil {
		t.Fatal(err)
	}
	public, err := key.Public()
	if err != nil {
		t.Fatal(err)
	}
	ring, err := openpgp.ReadArmoredKeyRing(strings.NewReader(public))
	if err != nil {
		t.Fatal(err)
	}
	list := files["/yum/repodata/repomd.xml"]
	if _, err := openpgp.CheckArmoredDetachedSignature(ring, bytes.NewReader(list), bytes.NewReader(files["/yum/repodata/repomd.xml.asc"]), nil); err != nil {
		t.Errorf("the key did not sign repomd.xml: %v", err)
	}
	primary := indexIn(t, files, list, "primary")
	rpm := files["/yum/packages/inn-hello-1.0-1.noarch.rpm"]
	for _, want := range []string{
		"<name>inn-hello</name>", `<rpm:entry name="inn-base">`, fmt.Sprintf("%x</checksum>", sha256.Sum256(rpm)),
		`<location href="packages/inn-hello-1.0-1.noarch.rpm">`, `xmlns:rpm="http://linux.duke.edu/metadata/rpm"`,
	} {
		if !strings.Contains(primary, want) {
			t.Errorf("the index\n%s\nlacks %q", primary, want)
		}
	}
	if lists := indexIn(t, files, list, "filelists"); !strings.Contains(lists, "<file>/usr/bin/inn-hello</file>") {
		t.Errorf("the index\n%s\nlacks the program", lists)
	}
	// A package begins with a magic number (rpm's file format, version 4).
	if !bytes.HasPrefix(rpm, []byte{0xED, 0xAB, 0xEE, 0xDB}) || !bytes.Contains(rpm, []byte("exit 42")) {
		t.Errorf("the package of %d bytes is none, or its script is missing", len(rpm))
	}
}

// indexIn is an index of repomd.xml, unpacked and held to its sums.
func indexIn(t *testing.T, files mirror.Files, list []byte, kind string) string {
	t.Helper()
	var md struct {
		Data []struct {
			Kind     string `xml:"type,attr"`
			Sum      string `xml:"checksum"`
			OpenSum  string `xml:"open-checksum"`
			Location struct {
				Href string `xml:"href,attr"`
			} `xml:"location"`
		} `xml:"data"`
	}
	if err := xml.Unmarshal(list, &md); err != nil {
		t.Fatal(err)
	}
	for _, d := range md.Data {
		if d.Kind != kind {
			continue
		}
		packed := files["/yum/"+d.Location.Href]
		if got := fmt.Sprintf("%x", sha256.Sum256(packed)); got != d.Sum {
			t.Errorf("the sum of %s is %s, repomd.xml says %s", kind, got, d.Sum)
		}
		z, err := gzip.NewReader(bytes.NewReader(packed))
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(z)
		if err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprintf("%x", sha256.Sum256(data)); got != d.OpenSum {
			t.Errorf("the sum of %s unpacked is %s, repomd.xml says %s", kind, got, d.OpenSum)
		}
		return string(data)
	}
	t.Fatalf("repomd.xml has no %s", kind)
	return ""
}
