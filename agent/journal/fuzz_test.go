package journal

import "testing"

func FuzzParse(f *testing.F) {
	body := `{"section":"hostname","program":{"Path":"/guestd"}}`
	f.Add([]byte(header + checksum([]byte(body)) + "\n" + body))
	f.Add([]byte(header))
	f.Add([]byte("\n"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		r, err := parse(raw)
		if err == nil && (r.Section == "" || r.Program.Path == "") {
			t.Errorf("took %q for a record", raw)
		}
	})
}
