package plugin

import "innkeeper/agent/systems/section"

// Program is an executable that serves a section.
type Program struct {
	// Section is the section it serves here.
	Section string
	// Path and Args start it.
	Path string
	Args []string
	// Builtin is false for an executable of the plugin directory.
	Builtin bool
	// Description is what it says of itself.
	Description section.Description
}

// Builtin is the program that serves a section of the agent's own: the agent
// itself, as a child, that is told the system so as not to have to find out.
func Builtin(executable, name, system string, d section.Description) Program {
	return Program{
		Section: name, Path: executable, Args: []string{"plugin", "--system", system, name},
		Builtin: true, Description: d,
	}
}

// Refused is an executable of the plugin directory that is not run.
type Refused struct {
	Path   string `json:"path"`
	Reason string `json:"reason"`
}

// Programs are what there is to serve sections with.
type Programs struct {
	// BySection has the program of each section.
	BySection map[string]Program
	// Refused has what was found and is not used, and why.
	Refused []Refused
}
