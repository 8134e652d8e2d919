package middleware

import (
	"context"
	"encoding/json"
	"strings"
)

// taskTable has type and when in lower case; the API shows them in upper case.
var taskTable = table{
	name: "tasks_initshutdown", prefix: "ini_", thing: "InitShutdownScript",
	shown: words(strings.ToUpper, "type", "when"), kept: words(strings.ToLower, "type", "when"),
	columns: []column{
		{"id", integerKind},
		{"type", stringKind},
		{"command", stringKind},
		{"script", stringKind},
		{"when", stringKind},
		{"enabled", boolKind},
		{"timeout", integerKind},
		{"comment", stringKind},
		{"script_text", stringKind},
	},
}

// taskSchema is the attributes of create; update has the same under its own
// name (plugins/init_shutdown_script.py).
func taskSchema(name string) attribute {
	return attribute{name: name, kind: objectKind, fields: []attribute{
		{name: "type", kind: stringKind, required: true, enum: []string{"COMMAND", "SCRIPT"}},
		{name: "command", kind: stringKind, null: true},
		{name: "script_text", kind: stringKind, null: true},
		{name: "script", kind: fileKind, null: true},
		{name: "when", kind: stringKind, required: true, enum: []string{"PREINIT", "POSTINIT", "SHUTDOWN"}},
		{name: "enabled", kind: boolKind, fallback: true},
		{name: "timeout", kind: integerKind, fallback: 10},
		{name: "comment", kind: stringKind, fallback: "", max: 255},
	}}
}

var (
	taskCreate = taskSchema("init_shutdown_script_create")
	taskUpdate = taskSchema("init_shutdown_script_update")
)

// queryParams are the arguments of every query method.
func queryParams(params []any) (filters []any, options map[string]any, err error) {
	if len(params) > 0 {
		list, ok := params[0].([]any)
		if !ok {
			return nil, nil, schemaError{"query-filters", "Not a list"}
		}
		filters = list
	}
	if len(params) > 1 {
		if options, err = queryOptions.cleanObject(params[1], true); err != nil {
			return nil, nil, err
		}
	}
	return filters, options, nil
}

func (s *Server) taskGet(ctx context.Context, params []any) (any, error) {
	id, err := identifier(params[0])
	if err != nil {
		return nil, err
	}
	return s.store.record(ctx, taskTable, id)
}

func identifier(value any) (int, error) {
	id, err := attribute{name: "id", kind: integerKind}.clean(value)
	if err != nil {
		return 0, err
	}
	number, ok := id.(int)
	if !ok {
		return 0, schemaError{"id", "Not an integer"}
	}
	return number, nil
}

func (s *Server) taskCreate(ctx context.Context, params []any) (any, error) {
	data, err := taskCreate.cleanObject(params[0], false)
	if err != nil {
		return nil, err
	}
	if err := validateTask(taskCreate, data); err != nil {
		return nil, err
	}
	s.writing.Lock()
	defer s.writing.Unlock()
	names, values := taskTable.row(data)
	id, err := s.store.insert(ctx, taskTable, names, values)
	if err != nil {
		return nil, err
	}
	return s.store.record(ctx, taskTable, id)
}

func (s *Server) taskUpdate(ctx context.Context, params []any) (any, error) {
	id, err := identifier(params[0])
	if err != nil {
		return nil, err
	}
	data, err := taskUpdate.cleanObject(params[1], true)
	if err != nil {
		return nil, err
	}
	s.writing.Lock()
	defer s.writing.Unlock()
	old, err := s.store.record(ctx, taskTable, id)
	if err != nil {
		return nil, err
	}
	all := merged(old, data)
	if err := validateTask(taskUpdate, all); err != nil {
		return nil, err
	}
	names, values := taskTable.row(all)
	if err := s.store.update(ctx, taskTable, id, names, values); err != nil {
		return nil, err
	}
	return s.store.record(ctx, taskTable, id)
}

// taskDelete answers true whether or not the row was there, as datastore.delete.
func (s *Server) taskDelete(ctx context.Context, params []any) (any, error) {
	id, err := identifier(params[0])
	if err != nil {
		return nil, err
	}
	s.writing.Lock()
	defer s.writing.Unlock()
	return true, s.store.remove(ctx, taskTable, id)
}

// validateTask checks what belongs together and empties what does not count.
func validateTask(schema attribute, data map[string]any) error {
	invalid := &validationError{}
	schema.validate(data, invalid)
	if err := invalid.orNil(); err != nil {
		return err
	}
	command, script, body := text(data["command"]), text(data["script"]), text(data["script_text"])
	if data["type"] == "COMMAND" {
		if command == "" {
			invalid.add(schema.name+".command", "This field is required")
		}
		data["script"], data["script_text"] = "", ""
		return invalid.orNil()
	}
	switch {
	case script != "" && body != "":
		invalid.add(schema.name+".script", "Only one of two fields should be provided")
	case script == "" && body == "":
		invalid.add(schema.name+".script", "Either 'script' or 'script_text' field is required")
	}
	data["command"], data["script"], data["script_text"] = "", script, body
	return invalid.orNil()
}

// raw encodes what cannot fail to encode.
func raw(value any) json.RawMessage {
	out, err := json.Marshal(value)
	if err != nil {
		return json.RawMessage("null")
	}
	return out
}
