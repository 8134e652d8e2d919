package packages

import (
	"maps"
	"slices"
	"strings"

	"innkeeper/agent/systems/places"
)

// inventory is all that is installed on a machine, by name. As a text it has a
// package a line, so that two can be compared and a checkpoint can hold one.
type inventory map[string]entry

// entry is one installed package.
type entry struct {
	// version is newest where it will be what the package manager finds, and
	// none where the first installation broke off before there was one.
	version      string
	hold, broken bool
}

// What stands for a version: an equals sign and a question mark are in none.
const (
	newest = "="
	none   = "?"
)

const (
	wordHold   = "hold"
	wordBroken = "broken"
)

func (i inventory) value() places.Value {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(i)) {
		e := i[name]
		b.WriteString(name + " " + e.version)
		if e.hold {
			b.WriteString(" " + wordHold)
		}
		if e.broken {
			b.WriteString(" " + wordBroken)
		}
		b.WriteByte('\n')
	}
	return places.Some(b.String())
}

func parseInventory(v places.Value) inventory {
	i := inventory{}
	for line := range strings.Lines(places.Text(v)) {
		words := strings.Fields(line)
		if len(words) < 2 {
			continue
		}
		i[words[0]] = entry{
			version: words[1],
			hold:    slices.Contains(words[2:], wordHold), broken: slices.Contains(words[2:], wordBroken),
		}
	}
	return i
}

// step is one package on the way from one inventory to another.
type step struct {
	name     string
	from, to entry
	// was and will say whether the package is there.
	was, will bool
}

// steps are the differences, sorted by name.
func steps(from, to inventory) []step {
	names := maps.Clone(from)
	maps.Copy(names, to)
	var all []step
	for _, name := range slices.Sorted(maps.Keys(names)) {
		s := step{name: name}
		s.from, s.was = from[name]
		s.to, s.will = to[name]
		if s.was != s.will || s.from != s.to {
			all = append(all, s)
		}
	}
	return all
}

// String is the step in words.
func (s step) String() string {
	switch {
	case !s.will && s.from.broken:
		return "take away " + s.name + ", whose installation was cut short"
	case !s.will:
		return "remove " + s.name + " " + s.from.version
	case s.from.version == none:
		return "bring " + s.name + " to the newest version"
	case !s.was && s.to.version == newest:
		return "install " + s.name
	case !s.was:
		return "install " + s.name + " " + s.to.version
	case s.to.version == newest:
		return "bring " + s.name + " from " + s.from.version + " to the newest version"
	case s.from.version != s.to.version:
		return "bring " + s.name + " from " + s.from.version + " to " + s.to.version
	case s.from.broken && !s.to.broken:
		return "end the installation of " + s.name + " that was cut short"
	case s.to.hold:
		return "hold " + s.name
	}
	return "let " + s.name + " be changed by others"
}

// mostTold is how many packages a change names.
const mostTold = 20

// toldSteps are the differences of two inventories in words.
func toldSteps(is, want places.Value) string {
	var told []string
	for i, s := range steps(parseInventory(is), parseInventory(want)) {
		if i == mostTold {
			told = append(told, "and more")
			break
		}
		told = append(told, s.String())
	}
	return strings.Join(told, ", ")
}
