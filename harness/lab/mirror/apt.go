package mirror

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"net/http"
	"time"
)

// The names in an apt repository of the lab.
const (
	// Suite and Component are where its packages are.
	Suite     = "stable"
	Component = "main"
)

// Files is a repository: its files by their paths, which begin with a slash.
type Files map[string][]byte

// ServeHTTP implements http.Handler.
func (f Files) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	data, ok := f[r.URL.Path]
	if !ok {
		http.NotFound(w, r)
		return
	}
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(data))
}

// Apt is an apt repository of these packages, signed, below a path such as
// "/apt". (Debian's wiki, DebianRepository/Format.)
func Apt(path string, key *Key, packages []Package) (Files, error) {
	f := Files{}
	var index bytes.Buffer
	for _, p := range packages {
		deb, err := p.deb()
		if err != nil {
			return nil, fmt.Errorf("make the package %s %s: %w", p.Name, p.Version, err)
		}
		where := fmt.Sprintf("pool/%s_%s_all.deb", p.Name, p.Version)
		f[path+"/"+where] = deb
		fmt.Fprintf(&index, "%sFilename: %s\nSize: %d\nSHA256: %x\n\n", p.control(), where, len(deb), sha256.Sum256(deb))
	}
	list := Component + "/binary-amd64/Packages"
	dists := path + "/dists/" + Suite + "/"
	f[dists+list] = index.Bytes()
	release := fmt.Sprintf(`Origin: lab
Label: lab
Suite: %s
Codename: %s
Date: %s
Architectures: amd64 all
No-Support-for-Architecture-all: Packages
Components: %s
SHA256:
 %x %d %s
`, Suite, Suite, made.Format("Mon, 02 Jan 2006 15:04:05 UTC"), Component, sha256.Sum256(index.Bytes()), index.Len(), list)
	signed, err := key.clearsign([]byte(release))
	if err != nil {
		return nil, fmt.Errorf("sign the repository: %w", err)
	}
	f[dists+"InRelease"] = signed
	return f, nil
}
