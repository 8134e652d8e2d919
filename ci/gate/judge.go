package main

import (
	"fmt"
	"strings"

	"innkeeper/images/catalogue"
	"innkeeper/images/system"
	"innkeeper/matrix/report"
)

// requirement is a system and the least fidelity it must have been run at.
type requirement struct {
	system   string
	fidelity system.Fidelity
}

// parseRequirements reads SYSTEM[=FIDELITY] words. None stands for all systems
// at vendor fidelity; of a system named twice the last word counts.
func parseRequirements(words []string) ([]requirement, error) {
	if len(words) == 0 {
		words = []string{"all"}
	}
	var list []requirement
	for _, word := range words {
		name, fidelity, given := strings.Cut(word, "=")
		want := requirement{name, system.Fidelity(fidelity)}
		if !given {
			want.fidelity = system.Vendor
		}
		if want.fidelity != system.Vendor && want.fidelity != system.Lookalike {
			return nil, fmt.Errorf("--require %q: fidelity is vendor or lookalike", word)
		}
		if name == "all" {
			for _, s := range catalogue.All() {
				list = replaceRequirement(list, requirement{s.Name, want.fidelity})
			}
			continue
		}
		if _, err := catalogue.Lookup(name); err != nil {
			return nil, fmt.Errorf("--require %q: %w", word, err)
		}
		list = replaceRequirement(list, want)
	}
	return list, nil
}

func replaceRequirement(list []requirement, r requirement) []requirement {
	for i := range list {
		if list[i].system == r.system {
			list[i] = r
			return list
		}
	}
	return append(list, r)
}

// judge returns every reason to hold the release.
func judge(r *report.Report, wants []requirement, labels string) (reasons []string) {
	if r.Focus != "" {
		reasons = append(reasons, fmt.Sprintf("the report is of a part of the specs: matrix run --focus %q", r.Focus))
	}
	if r.Labels != labels {
		reasons = append(reasons, fmt.Sprintf("the report is of the specs that the label filter %q selects, wanted is %q", r.Labels, labels))
	}
	for _, want := range wants {
		g := find(r, want.system)
		if g == nil {
			reasons = append(reasons, want.system+": missing from the report")
			continue
		}
		reasons = append(reasons, judgeGuest(g, want)...)
	}
	return reasons
}

func judgeGuest(g *report.Guest, want requirement) (reasons []string) {
	hold := func(format string, args ...any) {
		reasons = append(reasons, g.System+": "+fmt.Sprintf(format, args...))
	}
	if g.Error != "" {
		hold("the column could not do its work: %s", firstLine(g.Error))
	}
	if rank(system.Fidelity(g.Fidelity)) < rank(want.fidelity) {
		hold("ran on %s, required is %s", or(g.Fidelity, "no guest"), want.fidelity)
	}
	passed := 0
	for _, s := range g.Specs {
		switch {
		case s.State == "passed" && s.Attempts > 1:
			hold("flaky: %s passed at attempt %d", s.Name, s.Attempts)
		case s.State == "passed":
			passed++
		case s.State == "skipped" || s.State == "pending":
			hold("%s: %s: %s", s.State, s.Name, or(firstLine(s.Message), "no reason given"))
		default:
			hold("%s: %s: %s", s.State, s.Name, firstLine(s.Message))
		}
	}
	if passed == 0 {
		hold("no spec passed")
	}
	return reasons
}

func find(r *report.Report, name string) *report.Guest {
	for i := range r.Guests {
		if r.Guests[i].System == name {
			return &r.Guests[i]
		}
	}
	return nil
}

func rank(f system.Fidelity) int {
	switch f {
	case system.Vendor:
		return 2
	case system.Lookalike:
		return 1
	}
	return 0
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(s), "\n")
	return line
}

func or(s, other string) string {
	if s == "" {
		return other
	}
	return s
}
