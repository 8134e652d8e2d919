package build

import (
	"bufio"
	"context"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"sort"
	"strings"
)

// mirrorVariable overrides the Debian mirror that packages come from.
const mirrorVariable = "INNKEEPER_MIRROR"

// mirror is the Debian mirror to use: the variable's, else the one this
// machine's apt uses, else empty for mmdebstrap's own choice.
func mirror() string {
	if m := os.Getenv(mirrorVariable); m != "" {
		return m
	}
	files, _ := filepath.Glob("/etc/apt/sources.list.d/*")
	sort.Strings(files)
	for _, file := range append([]string{"/etc/apt/sources.list"}, files...) {
		if ext := filepath.Ext(file); ext != ".list" && ext != ".sources" {
			continue
		}
		data, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		if m := mirrorIn(string(data)); m != "" {
			return m
		}
	}
	return ""
}

// mirrorIn finds the first Debian archive in an apt source list, in the one
// line or the deb822 form (sources.list(5)). A mirror that serves Debian's main
// archive has it at a path that ends in /debian.
func mirrorIn(list string) string {
	lines := bufio.NewScanner(strings.NewReader(list))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		line, _, _ := strings.Cut(lines.Text(), "#")
		words := strings.Fields(line)
		if len(words) == 0 || (words[0] != "deb" && !strings.EqualFold(words[0], "URIs:")) {
			continue
		}
		for _, word := range words[1:] {
			if isArchive(word) {
				return word
			}
		}
	}
	return ""
}

func isArchive(word string) bool {
	u, err := url.Parse(word)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && path.Base(u.Path) == "debian"
}

// transportSetting matches the settings of this machine's apt without which
// its mirror may not answer.
var transportSetting = regexp.MustCompile(`^Acquire::(https?::([^:"]+::)?Proxy|ForceIPv[46]|Check-Valid-Until|Check-Date) "([^"\n]*)";$`)

// transport gives those settings as lines of apt.conf, none without apt.
func transport(ctx context.Context) []string {
	out, err := tool(ctx, "apt-config", "dump", "--no-empty").Output()
	if err != nil {
		return nil
	}
	return transportIn(string(out))
}

func transportIn(dump string) []string {
	var kept []string
	for line := range strings.Lines(dump) {
		if line = strings.TrimSpace(line); transportSetting.MatchString(line) {
			kept = append(kept, line)
		}
	}
	return kept
}
