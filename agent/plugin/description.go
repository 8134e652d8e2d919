package plugin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"innkeeper/agent/systems/section"
)

var nameOfSection = regexp.MustCompile(`^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$`)

// describe has the plugin in a file say what it is.
func (d *Directory) describe(ctx context.Context, path string) (section.Description, error) {
	p := Program{Section: strings.TrimSuffix(filepath.Base(path), ".exe"), Path: path}
	p.Description.DeadlineSeconds = int(describeDeadline / time.Second)
	raw, err := d.Caller.Call(ctx, p, Request{Operation: section.OpDescribe, Section: p.Section})
	if err != nil {
		return section.Description{}, fmt.Errorf("it does not describe itself: %w", err)
	}
	return ParseDescription(raw)
}

// ParseDescription reads the result of describe.
func ParseDescription(raw json.RawMessage) (section.Description, error) {
	var desc section.Description
	if err := json.Unmarshal(raw, &desc); err != nil {
		return desc, fmt.Errorf("its description is not of the protocol: %w", err)
	}
	if len(desc.Sections) == 0 {
		return desc, errors.New("its description names no section")
	}
	for _, name := range desc.Sections {
		if !nameOfSection.MatchString(name) {
			return desc, fmt.Errorf("its description names the section %q; a name is lower case letters, digits and inner hyphens, a letter first, at most 63", name)
		}
	}
	slices.Sort(desc.Sections)
	return desc, nil
}
