package state

// Packages is the desired value of the section "packages": which packages a
// machine has, and from which repositories of ours they come.
type Packages struct {
	// Wanted maps the name of a package, as the system's own package manager
	// has it, to what is chosen for it. Packages without an entry are left as
	// they are.
	Wanted map[string]Package `json:"wanted,omitempty"`
	// Repositories maps a name to a repository that packages come from, beside
	// those that the machine has of its own. One that is left out again is
	// taken away; what came from it stays.
	Repositories map[string]Repository `json:"repositories,omitempty"`
}

// Package is what is chosen for one package.
type Package struct {
	// State is "present", "newest" or "absent".
	State string `json:"state"`
	// Version is the one version that is wanted, in the system's own notation;
	// empty means any. For "present" only.
	Version string `json:"version,omitempty"`
	// Hold keeps the package from being upgraded, downgraded or removed by
	// anyone but the agent.
	Hold bool `json:"hold,omitempty"`
}

// The states of a package.
const (
	// PackagePresent is a package that is installed.
	PackagePresent = "present"
	// PackageNewest is one that is installed in the newest version that the
	// machine knows of.
	PackageNewest = "newest"
	// PackageAbsent is one that is not installed.
	PackageAbsent = "absent"
)

// Repository is a place that packages come from.
type Repository struct {
	// URL is where it begins, http or https.
	URL string `json:"url"`
	// Suite is the distribution in an apt repository, or a path in it that ends
	// in a slash and has no components (sources.list(5)). Other systems have none.
	Suite string `json:"suite,omitempty"`
	// Components are the parts of an apt repository's suite.
	Components []string `json:"components,omitempty"`
	// Key is one or more OpenPGP public keys, armored (RFC 9580 section 6.2),
	// of which one must have signed what comes from the repository.
	Key string `json:"key"`
}
