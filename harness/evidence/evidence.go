// Package evidence gathers what tells why a spec failed, before anything is
// torn down, and writes it where the report finds it.
package evidence

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"innkeeper/harness/event"
)

// Source is one thing to gather.
type Source struct {
	// Name is console, screenshot, agent-log, system-log ...
	Name string
	// Type is the media type; "image/png" gives a .png file, "application/json"
	// a .json file, "application/vnd.tcpdump.pcap" a .pcap file, else .txt.
	Type string
	// Read gets it.
	Read func(ctx context.Context) ([]byte, error)
}

// each bounds one source: a guest that hangs must not hang its evidence.
const each = 20 * time.Second

// Gather reads every source and writes it below dir, in a folder named after
// the spec. A source that cannot be read is evidence too: its file says why.
func Gather(ctx context.Context, dir, spec string, sources []Source) ([]event.Evidence, error) {
	folder := filepath.Join(dir, slug(spec))
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, fmt.Errorf("evidence: %w", err)
	}
	var gathered []event.Evidence
	var errs []error
	for _, s := range sources {
		data, kind := read(ctx, s)
		if len(data) == 0 {
			continue
		}
		file := filepath.Join(folder, s.Name+extension(kind))
		if err := os.WriteFile(file, data, 0o600); err != nil {
			errs = append(errs, fmt.Errorf("evidence %s: %w", s.Name, err))
			continue
		}
		gathered = append(gathered, event.Evidence{Name: s.Name, Path: file, Type: kind})
	}
	return gathered, errors.Join(errs...)
}

func read(ctx context.Context, s Source) (data []byte, kind string) {
	ctx, cancel := context.WithTimeout(ctx, each)
	defer cancel()
	data, err := s.Read(ctx)
	if err != nil {
		return append(data, fmt.Sprintf("\n%s could not be gathered: %v\n", s.Name, err)...), "text/plain"
	}
	return data, s.Type
}

func extension(kind string) string {
	switch kind {
	case "image/png":
		return ".png"
	case "application/json":
		return ".json"
	case "application/vnd.tcpdump.pcap":
		return ".pcap"
	}
	return ".txt"
}

var unfit = regexp.MustCompile(`[^a-z0-9]+`)

func slug(spec string) string {
	s := strings.Trim(unfit.ReplaceAllString(strings.ToLower(spec), "-"), "-")
	if len(s) > 80 {
		s = s[:80]
	}
	if s == "" {
		return "suite"
	}
	return s
}
