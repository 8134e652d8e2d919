package netplan

import (
	"fmt"
	"path"
	"reflect"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Definition is what one file says of one interface.
type Definition struct {
	// Type is "ethernets", "vlans", "bonds" ...
	Type string
	// ID is the definition's name; without a match it is the interface's too.
	ID string
	// MatchMAC and MatchName are its match, by address or by name or pattern.
	MatchMAC, MatchName string
	// MatchOther says that it matches by something else, a driver.
	MatchOther bool
	// SetName is the name that it gives to the interface, or empty.
	SetName string
	// Renderer is who carries it out, or empty.
	Renderer string
}

// Names says how a definition stands to an interface.
type Names int

// The answers of Names.
const (
	// Not: it is about other interfaces.
	Not Names = iota
	// This: it is about this interface alone.
	This
	// Among: it may be about this interface and others.
	Among
)

// Names says whether the definition is about the interface with this name and
// hardware address.
func (d Definition) Names(device, mac string) Names {
	switch {
	case d.Type != "ethernets":
		if d.ID == device {
			return Among // a bond, a bridge: more than an interface of its own
		}
		return Not
	case d.MatchMAC != "":
		if strings.EqualFold(d.MatchMAC, mac) {
			return This
		}
		return Not
	case d.MatchName != "":
		hit, err := path.Match(d.MatchName, device)
		switch {
		case d.MatchName == device:
			return This
		case hit || err != nil:
			return Among
		}
		return Not
	case d.MatchOther:
		return Among
	case d.ID == device:
		return This
	}
	return Not
}

// Parse reads the definitions of a file and the renderer that it chooses for
// all of them.
func Parse(text string) (definitions []Definition, renderer string, err error) {
	root, err := decode(text)
	if err != nil || root == nil {
		return nil, "", err
	}
	network := child(root, "network")
	if network == nil || network.Kind != yaml.MappingNode {
		return nil, "", nil
	}
	for i := 0; i+1 < len(network.Content); i += 2 {
		kind, all := network.Content[i].Value, network.Content[i+1]
		if kind == "renderer" {
			renderer = all.Value
			continue
		}
		if all.Kind != yaml.MappingNode {
			continue
		}
		for j := 0; j+1 < len(all.Content); j += 2 {
			definitions = append(definitions, definition(kind, all.Content[j].Value, all.Content[j+1]))
		}
	}
	return definitions, renderer, nil
}

func definition(kind, id string, body *yaml.Node) Definition {
	d := Definition{Type: kind, ID: id, SetName: scalar(body, "set-name"), Renderer: scalar(body, "renderer")}
	match := child(body, "match")
	if match == nil {
		return d
	}
	d.MatchMAC, d.MatchName = scalar(match, "macaddress"), scalar(match, "name")
	d.MatchOther = d.MatchMAC == "" && d.MatchName == ""
	return d
}

// decode is the top mapping of a file, nil if the file is empty.
func decode(text string) (*yaml.Node, error) {
	var document yaml.Node
	if err := yaml.Unmarshal([]byte(text), &document); err != nil {
		return nil, fmt.Errorf("not YAML: %w", err)
	}
	if len(document.Content) == 0 {
		return nil, nil
	}
	return document.Content[0], nil
}

// child is the value of a key of a mapping, or nil.
func child(n *yaml.Node, key string) *yaml.Node {
	if n == nil || n.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i+1]
		}
	}
	return nil
}

func scalar(n *yaml.Node, key string) string {
	if v := child(n, key); v != nil && v.Kind == yaml.ScalarNode {
		return v.Value
	}
	return ""
}

// Cut takes a definition out of a file and leaves every other line as it is.
// Lists of several files are joined by netplan, never replaced, so that an
// interface can only be had by being the only one that defines it.
func Cut(text, kind, id string) (string, error) {
	root, err := decode(text)
	if err != nil {
		return "", err
	}
	all := child(child(root, "network"), kind)
	if child(all, id) == nil {
		return text, nil
	}
	at, parent := keyNode(all, id), keyNode(child(root, "network"), kind)
	if at.Line == parent.Line {
		return "", fmt.Errorf("%s %s stands in one line with others; give it lines of its own", kind, id)
	}
	if len(all.Content) == 2 {
		at = parent // an empty mapping is an error to netplan
	}
	out := cutBlock(text, at.Line, at.Column)
	return out, sameBut(text, out, kind, id)
}

func keyNode(n *yaml.Node, key string) *yaml.Node {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i]
		}
	}
	return nil
}

// cutBlock takes out the line of a key and those below it that are indented
// deeper, with blank lines and comments between them.
func cutBlock(text string, line, column int) string {
	lines := strings.SplitAfter(text, "\n")
	end := line // the first line that stays, counted from 0
	for i := line; i < len(lines); i++ {
		bare := strings.TrimSpace(lines[i])
		indent := len(lines[i]) - len(strings.TrimLeft(lines[i], " "))
		if bare == "" || bare[0] == '#' {
			continue
		}
		// A list may begin in the column of its key.
		if indent < column && !(indent == column-1 && strings.HasPrefix(bare, "- ")) {
			break
		}
		end = i + 1
	}
	return strings.Join(lines[:line-1], "") + strings.Join(lines[end:], "")
}

// sameBut makes sure that cutting lines changed nothing but the definition.
func sameBut(before, after, kind, id string) error {
	was, is := map[string]any{}, map[string]any{}
	if err := yaml.Unmarshal([]byte(before), &was); err != nil {
		return err
	}
	if err := yaml.Unmarshal([]byte(after), &is); err != nil {
		return fmt.Errorf("%s %s cannot be taken out line by line: %w", kind, id, err)
	}
	network, ok := was["network"].(map[string]any)
	if !ok {
		return fmt.Errorf("%s %s is in a file whose keys are not all text", kind, id)
	}
	if all, ok := network[kind].(map[string]any); ok {
		delete(all, id)
		if len(all) == 0 {
			delete(network, kind)
		}
	}
	if len(network) == 0 && is["network"] == nil {
		is["network"] = network
	}
	if !reflect.DeepEqual(was, is) {
		return fmt.Errorf("%s %s cannot be taken out line by line; move it to a file of its own", kind, id)
	}
	return nil
}
