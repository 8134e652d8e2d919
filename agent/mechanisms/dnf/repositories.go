package dnf

import (
	"fmt"
	"strings"
)

// Repositories is the agent's own list of repositories (dnf.conf(5), "REPO
// OPTIONS"), and KeyFile what begins the path of the file with each one's keys.
const (
	Repositories = "/etc/yum.repos.d/guestd.repo"
	KeyFile      = "/etc/pki/rpm-gpg/RPM-GPG-KEY-guestd-"
)

// prefix begins the identifiers of the agent's repositories.
const prefix = "guestd-"

// Repository is one entry of Repositories.
type Repository struct{ Name, URL string }

const repositoriesHead = "# Written by guestd; what is changed here is lost.\n"

// RenderRepositories is the text of Repositories, empty without any. Each
// package has to be signed; whether the index is, differs between vendors.
func RenderRepositories(all []Repository) string {
	if len(all) == 0 {
		return ""
	}
	var b strings.Builder
	b.WriteString(repositoriesHead)
	for _, r := range all {
		fmt.Fprintf(&b, "\n[%s%s]\nname=%s%s\nbaseurl=%s\nenabled=1\ngpgcheck=1\ngpgkey=file://%s%s\n",
			prefix, r.Name, prefix, r.Name, r.URL, KeyFile, r.Name)
	}
	return b.String()
}

// ParseRepositories reads what RenderRepositories wrote; other lines are passed
// over.
func ParseRepositories(text string) []Repository {
	var all []Repository
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if name, ok := strings.CutPrefix(line, "["+prefix); ok {
			all = append(all, Repository{Name: strings.TrimSuffix(name, "]")})
		}
		if url, ok := strings.CutPrefix(line, "baseurl="); ok && len(all) > 0 {
			all[len(all)-1].URL = url
		}
	}
	return all
}
