package mirror

import (
	"bytes"
	"fmt"

	"github.com/google/rpmpack"
)

// release is that of each package, the part of its version after the hyphen.
const release = "1"

// rpm is the package in rpm's format (version 4), signed. A script that fails
// after the installation is but a warning to rpm, so it is the one before it.
// That a shell is needed is not said: a lookalike's database of rpm is empty.
func (p Package) rpm(key *Key) ([]byte, error) {
	meta := rpmpack.RPMMetaData{
		Name: p.Name, Version: p.Version, Release: release, Arch: "noarch",
		Summary: "package of the lab", Description: "package of the lab", Licence: "none",
		BuildHost: "lab.test", BuildTime: made, Compressor: "gzip", Epoch: rpmpack.NoEpoch,
	}
	for _, name := range p.Needs {
		need, err := rpmpack.NewRelation(name)
		if err != nil {
			return nil, err
		}
		meta.Requires = append(meta.Requires, need)
	}
	r, err := rpmpack.NewRPM(meta)
	if err != nil {
		return nil, err
	}
	stamp := uint32(made.Unix())
	r.AddFile(rpmpack.RPMFile{
		Name: p.path(), Body: []byte(p.program()), Mode: 0o100755, Owner: "root", Group: "root", MTime: stamp,
	})
	if p.Padding > 0 {
		r.AddFile(rpmpack.RPMFile{
			Name: "/usr/share/" + p.Name, Body: bytes.Repeat([]byte("x"), p.Padding), Mode: 0o100644, Owner: "root", Group: "root", MTime: stamp,
		})
	}
	if p.Fails {
		r.AddPrein(fmt.Sprintf("echo the lab says no >&2\nexit %d\n", failure))
	}
	r.SetPGPSigner(key.detached)
	var b bytes.Buffer
	if err := r.Write(&b); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// path is where the program is.
func (p Package) path() string { return "/usr/bin/" + p.Name }
