package state

import (
	"embed"
	"encoding/json"
	"fmt"
	"strings"
)

//go:embed schema/*.json
var schemas embed.FS

// Schema is the JSON Schema (draft 2020-12) of a document, "desired" or
// "reported", or of a section known to the agent, "hostname". It says no more
// than Validate, which stays the judge.
func Schema(name string) (json.RawMessage, error) {
	b, err := schemas.ReadFile("schema/" + name + ".json")
	if err != nil {
		return nil, fmt.Errorf("no schema is named %q; there are %s", name, strings.Join(Schemas(), ", "))
	}
	return b, nil
}

// Schemas lists the names that Schema knows.
func Schemas() []string {
	entries, err := schemas.ReadDir("schema")
	if err != nil { // embedded, so it is there
		panic(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, strings.TrimSuffix(e.Name(), ".json"))
	}
	return names
}
