package reconcile

import (
	"testing"
)

func FuzzCopy(f *testing.F) {
	const document = `{"revision":1,"guest":"g","sections":{}}`
	f.Add([]byte(header + checksum([]byte(document)) + "\n" + document))
	f.Add([]byte(header + "\n{}"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if d, err := parseCopy(raw); err == nil && d.Validate() != nil {
			t.Fatal("a copy with an invalid document was taken")
		}
	})
}
