package report

import (
	"fmt"
	"os"
	"path/filepath"
)

// KeepEvidence copies the evidence out of the run's folder, which is removed,
// to dir/SYSTEM/..., and has the report name the copies. What dir held of an
// earlier run is removed first.
func (r *Report) KeepEvidence(dir string) error {
	if err := os.RemoveAll(dir); err != nil {
		return fmt.Errorf("earlier evidence: %w", err)
	}
	for g := range r.Guests {
		for s := range r.Guests[g].Specs {
			spec := &r.Guests[g].Specs[s]
			for e := range spec.Evidence {
				kept, err := keepFile(spec.Evidence[e].Path, filepath.Join(dir, r.Guests[g].System))
				if err != nil {
					return fmt.Errorf("evidence of %s on %s: %w", spec.Name, r.Guests[g].System, err)
				}
				spec.Evidence[e].Path = kept
			}
		}
	}
	return nil
}

// keepFile copies DIR/SPEC/NAME to dir/SPEC/NAME.
func keepFile(path, dir string) (string, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	kept := filepath.Join(dir, filepath.Base(filepath.Dir(path)), filepath.Base(path))
	if err := os.MkdirAll(filepath.Dir(kept), 0o755); err != nil {
		return "", err
	}
	return kept, os.WriteFile(kept, data, 0o644)
}
