package catalogue_test

import (
	"io/fs"
	"regexp"
	"slices"
	"strings"
	"testing"

	"innkeeper/images/build"
	"innkeeper/images/catalogue"
	"innkeeper/images/system"
)

func TestTheSystemsAreThoseOfTheMatrix(t *testing.T) {
	var names []string
	for _, s := range catalogue.All() {
		names = append(names, s.Name)
	}
	if got := strings.Join(names, " "); got != "ubuntu centos windows openfiler freenas pfsense" {
		t.Errorf("got %s", got)
	}
}

func TestLookup(t *testing.T) {
	if s, err := catalogue.Lookup("centos"); err != nil || s.Title != "CentOS" {
		t.Errorf("%v, %v", s.Title, err)
	}
	_, err := catalogue.Lookup("beos")
	if err == nil || !strings.Contains(err.Error(), `no system "beos": there are ubuntu, centos, windows`) {
		t.Errorf("got %v", err)
	}
}

// TestEveryEntryIsWhole holds each entry to what its users rely on.
func TestEveryEntryIsWhole(t *testing.T) {
	for _, s := range catalogue.All() {
		t.Run(s.Name, func(t *testing.T) {
			if s.Title == "" || s.MemoryMiB == 0 || s.Lookalike.Underneath == "" || s.Lookalike.GOOS == "" || s.Lookalike.GOARCH == "" {
				t.Error("the entry has no title, memory, target, or word on what really runs")
			}
			if len(s.Vendor) == 0 {
				t.Error("no image of the vendor's is named")
			}
			for _, v := range s.Vendor {
				if v.SHA256 != "" && !regexp.MustCompile(`^[0-9a-f]{64}$`).MatchString(v.SHA256) {
					t.Errorf("%s: %q is not a SHA-256", v.Version, v.SHA256)
				}
			}
			tools(t, s.Tools)
			if _, err := build.RecipeHash(s); err != nil {
				t.Error(err)
			}
			if s.Lookalike.Files != nil {
				if _, err := fs.Stat(s.Lookalike.Files, "root"); err != nil {
					t.Errorf("the recipe's files: %v", err)
				}
			}
		})
	}
}

func tools(t *testing.T, tools system.Tools) {
	t.Helper()
	if tools.Agent == "" || tools.PluginDir == "" || tools.StateDir == "" || len(tools.Hostname) == 0 ||
		len(tools.RestartService) == 0 || len(tools.Processes) == 0 || len(tools.SystemLog) == 0 || len(tools.Reboot) == 0 {
		t.Error("the tools leave something out")
	}
	if (len(tools.Logging.Formats) > 0) != (len(tools.Logging.Write) > 0) {
		t.Error("there is a way to write to the log without a word on where it can go, or the other way round")
	}
	if can := tools.Time; len(can.Zone) > 0 && (!slices.Contains(can.SetZone, "{{zone}}") || len(can.Files) == 0) ||
		len(can.Zone) == 0 && len(can.Follows)+len(can.Corrections) > 0 || len(can.Follows) == 0 && len(can.Corrections) > 0 {
		t.Error("what the tools say of the time is not whole")
	}
	for _, c := range append([]system.Check{tools.Service}, tools.Hostname...) {
		want := strings.NewReplacer("{{name}}", "n", "{{domain}}", "d", "{{fqdn}}", "n.d").Replace(c.Want)
		re, err := regexp.Compile("(?m)" + want)
		if err != nil || c.Title == "" || len(c.Command) == 0 {
			t.Errorf("check %q: %v", c.Title, err)
			continue
		}
		if re.MatchString("") {
			t.Errorf("check %q is content with nothing", c.Title)
		}
	}
}
