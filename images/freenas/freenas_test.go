package freenas

import (
	"io/fs"
	"regexp"
	"strings"
	"testing"
)

func TestEveryStartedScriptIsThere(t *testing.T) {
	for _, name := range []string{"root/etc/rc", "root/etc/rc.shutdown"} {
		text, err := fs.ReadFile(files, name)
		if err != nil {
			t.Fatal(err)
		}
		match := regexp.MustCompile(`(?m)^for script in (.*); do$`).FindSubmatch(text)
		if match == nil {
			t.Fatalf("%s starts no scripts", name)
		}
		for _, script := range strings.Fields(string(match[1])) {
			if _, err := fs.Stat(files, "root/etc/rc.d/"+script); err != nil {
				t.Errorf("%s names %s: %v", name, script, err)
			}
		}
	}
}

func TestChecksCompile(t *testing.T) {
	replace := strings.NewReplacer("{{name}}", "nas1", "{{domain}}", `example\.net`, "{{fqdn}}", `nas1\.example\.net`)
	for _, check := range append(System.Tools.Hostname, System.Tools.Service) {
		if _, err := regexp.Compile(replace.Replace(check.Want)); err != nil {
			t.Errorf("%s: %v", check.Title, err)
		}
	}
}

func TestUnpinnedImagesSaySo(t *testing.T) {
	for _, image := range System.Vendor {
		if image.SHA256 == "" && !strings.Contains(image.Notes, "not available to pin") {
			t.Errorf("%s has no checksum and its notes do not say why", image.Version)
		}
	}
}
