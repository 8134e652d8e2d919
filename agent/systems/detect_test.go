package systems_test

import (
	"errors"
	"strings"
	"testing"

	"innkeeper/agent/guest"
	"innkeeper/agent/guest/guesttest"
	"innkeeper/agent/systems"
)

func ran(kernel string, files map[string]string) *guesttest.Fake {
	f := guesttest.New(files)
	if kernel != "" {
		f.OnOutput("uname -s", kernel+"\n").OnOutput("uname -sr", kernel+" 1.2\n")
	}
	return f
}

func osRelease(text string) map[string]string { return map[string]string{"/etc/os-release": text} }

const (
	trueNAS = "/data/freenas-v1.db"
	midclt  = "/usr/local/bin/midclt"
	globals = "/etc/inc/globals.inc"
	config  = "/cf/conf/config.xml"
	version = "/etc/version"
	pfXML   = "<?xml version=\"1.0\"?>\n<!-- c -->\n<pfsense>\n\t<version>23.3</version>\n"
)

func TestDetect(t *testing.T) {
	for name, c := range map[string]struct {
		machine       *guesttest.Fake
		name, version string
	}{
		"ubuntu":           {ran("Linux", osRelease("ID=ubuntu\nVERSION_ID=\"24.04\"\n")), "ubuntu", "24.04"},
		"centos stream":    {ran("Linux", osRelease("NAME=\"CentOS Stream\"\nID=\"centos\"\nVERSION_ID=\"9\"\nID_LIKE=\"rhel fedora\"\n")), "centos", "Stream 9"},
		"centos 7":         {ran("Linux", osRelease("NAME=\"CentOS Linux\"\nID=\"centos\"\nVERSION_ID=\"7\"\n")), "centos", "7"},
		"openfiler":        {ran("Linux", map[string]string{"/etc/distro-release": "Openfiler ESA, release 2.99.1\n"}), "openfiler", "2.99.1"},
		"openfiler, bare":  {ran("Linux", map[string]string{"/opt/openfiler/etc/x": "", "/usr/bin/conary": ""}), "openfiler", ""},
		"truenas core":     {ran("FreeBSD", map[string]string{trueNAS: "", midclt: "", version: "TrueNAS-13.0-U6.1 (8f1e)\n", "/etc/os-release": "ID=freebsd\n"}), "freenas", "13.0-U6.1"},
		"pfsense":          {ran("FreeBSD", map[string]string{config: pfXML, globals: "", version: "2.7.2-RELEASE\n"}), "pfsense", "2.7.2"},
		"pfsense, by link": {ran("FreeBSD", map[string]string{"/conf/config.xml": pfXML, globals: ""}), "pfsense", ""},
		"windows":          {ran("", map[string]string{`C:\Windows\System32\kernel32.dll`: "MZ"}), "windows", ""},
		// Under Wine the Linux beneath shows through.
		"windows over linux": {ran("Linux", map[string]string{`C:\Windows\System32\kernel32.dll`: "MZ", "/etc/os-release": "ID=debian\n"}), "windows", ""},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := systems.Detect(c.machine)
			if err != nil {
				t.Fatal(err)
			}
			if s.Name() != c.name || s.Version(c.machine) != c.version {
				t.Errorf("found %s %q, want %s %q", s.Name(), s.Version(c.machine), c.name, c.version)
			}
			if w := c.machine.Writes(); len(w) > 0 {
				t.Errorf("detection wrote %v", w)
			}
		})
	}
}

func TestDetectRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		machine *guesttest.Fake
		want    string
	}{
		"ubuntu core":        {ran("Linux", osRelease("ID=ubuntu-core\nPRETTY_NAME=\"Ubuntu Core 24\"\n")), "Ubuntu Core 24 is not supported: "},
		"made from ubuntu":   {ran("Linux", osRelease("ID=linuxmint\nID_LIKE=\"ubuntu debian\"\nPRETTY_NAME=Mint\n")), "Mint is not supported: it is made from Ubuntu"},
		"debian":             {ran("Linux", osRelease("ID=debian\nPRETTY_NAME=\"Debian GNU/Linux 13 (trixie)\"\n")), "Debian GNU/Linux 13 (trixie) is not supported: "},
		"rocky":              {ran("Linux", osRelease("ID=rocky\nID_LIKE=\"rhel centos fedora\"\nPRETTY_NAME=\"Rocky Linux 9.4\"\n")), "Rocky Linux 9.4 is not supported: it is a relation of CentOS"},
		"rhel":               {ran("Linux", osRelease("ID=\"rhel\"\nPRETTY_NAME=\"Red Hat Enterprise Linux 9\"\n")), "Red Hat Enterprise Linux 9 is not supported: "},
		"centos 6":           {ran("Linux", osRelease("ID=centos\nVERSION_ID=6\nPRETTY_NAME=\"CentOS 6\"\n")), "CentOS 7 and later"},
		"scale":              {ran("Linux", map[string]string{trueNAS: "", "/usr/bin/midclt": "", version: "TrueNAS-SCALE-24.04\n", "/data/manifest.json": "{}", "/etc/os-release": "ID=debian\nPRETTY_NAME=Debian\n"}), "TrueNAS SCALE runs on Linux"},
		"scale, bare":        {ran("Linux", map[string]string{version: "25.04.1\n", "/data/manifest.json": "{}"}), "TrueNAS SCALE runs on Linux"},
		"freenas 11":         {ran("FreeBSD", map[string]string{trueNAS: "", midclt: "", version: "FreeNAS-11.3-U5 (x)\n"}), "update to TrueNAS CORE 12 or 13"},
		"opnsense":           {ran("FreeBSD", map[string]string{"/conf/config.xml": "<?xml version=\"1.0\"?>\n<opnsense>\n", "/usr/local/opnsense/version/core": ""}), "OPNsense is not supported: "},
		"plain freebsd":      {ran("FreeBSD", map[string]string{"/etc/os-release": "ID=freebsd\nPRETTY_NAME=\"FreeBSD 14.1\"\n"}), "FreeBSD 14.1 is not a system that guestd keeps; those are windows, freenas"},
		"nothing known":      {ran("NetBSD", nil), "NetBSD 1.2 is not a system that guestd keeps"},
		"nothing at all":     {ran("", nil), "this machine is not a system that guestd keeps"},
		"pfsense on linux":   {ran("Linux", map[string]string{config: pfXML, globals: ""}), "is not a system that guestd keeps"},
		"someone's manifest": {ran("FreeBSD", map[string]string{"/data/manifest.json": ""}), "is not a system that guestd keeps"},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := systems.Detect(c.machine)
			var unknown *systems.UnknownError
			if s != nil || !errors.As(err, &unknown) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, %v, want %q", s, err, c.want)
			}
		})
	}
}

// What every system must have for the daemon to run on it.
func TestEverySystemIsWhole(t *testing.T) {
	seen := map[string]bool{}
	for _, s := range systems.All() {
		l := s.Layout()
		for _, path := range []string{l.Binary, l.StateDir, l.PluginDir, l.LogFile, l.JoinFile} {
			if path == "" {
				t.Errorf("%s: the layout %+v is not whole", s.Name(), l)
			}
		}
		if s.Sections()["hostname"] == nil {
			t.Errorf("%s has no host name", s.Name())
		}
		if s.Service(guest.Local()) == nil {
			t.Errorf("%s has no service", s.Name())
		}
		if seen[s.Name()] {
			t.Errorf("%s is there twice", s.Name())
		}
		seen[s.Name()] = true
	}
	if len(seen) != 6 {
		t.Errorf("there are %d systems", len(seen))
	}
}
