package middleware

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"innkeeper/images/freenas/ddp"
)

// generalTable has the fields of system.general that are the table's as they
// stand (plugins/system.py of 13.0); of the web interface's only those without
// its certificate.
var generalTable = table{name: "system_settings", prefix: "stg_", columns: []column{
	{"id", integerKind},
	{"guiaddress", stringKind},
	{"guiv6address", stringKind},
	{"guiport", integerKind},
	{"guihttpsport", integerKind},
	{"guihttpsredirect", boolKind},
	{"language", stringKind},
	{"kbdmap", stringKind},
	{"timezone", stringKind},
	{"wizardshown", boolKind},
	{"guihttpsprotocols", stringKind},
}}

var generalUpdate = attribute{name: "general_settings", kind: objectKind, fields: []attribute{
	{name: "ui_certificate", kind: integerKind, null: true},
	{name: "ui_httpsport", kind: integerKind},
	{name: "ui_httpsredirect", kind: boolKind},
	{name: "ui_httpsprotocols", kind: listKind},
	{name: "ui_port", kind: integerKind},
	{name: "ui_address", kind: listKind},
	{name: "ui_v6address", kind: listKind},
	{name: "kbdmap", kind: stringKind},
	{name: "language", kind: stringKind, notEmpty: true},
	{name: "sysloglevel", kind: stringKind},
	{name: "syslogserver", kind: stringKind},
	{name: "timezone", kind: stringKind, notEmpty: true},
	{name: "crash_reporting", kind: boolKind, null: true},
	{name: "usage_collection", kind: boolKind, null: true},
}}

// generalConfig is system.general.config: the row, whose columns gui... are
// called ui_....
func (s *Server) generalConfig(ctx context.Context) (ddp.Record, error) {
	config, err := s.store.single(ctx, generalTable)
	if err != nil {
		return nil, err
	}
	for i, field := range config {
		switch field.Key {
		case "guiaddress", "guiv6address", "guihttpsprotocols":
			list := []string{}
			if err := json.Unmarshal([]byte(text(field.Value)), &list); err != nil {
				return nil, fmt.Errorf("read %s: %s: %w", generalTable.name, field.Key, err)
			}
			config[i].Value = list
		}
		if rest, ok := strings.CutPrefix(field.Key, "gui"); ok {
			config[i].Key = "ui_" + rest
		}
	}
	return config, nil
}

// generalUpdateMethod is system.general.update. The row is written even if
// nothing differs. A new time zone reloads "timeservices".
func (s *Server) generalUpdateMethod(ctx context.Context, params []any) (any, error) {
	data, err := generalUpdate.cleanObject(params[0], true)
	if err != nil {
		return nil, err
	}
	s.writing.Lock()
	defer s.writing.Unlock()
	old, err := s.generalConfig(ctx)
	if err != nil {
		return nil, err
	}
	changed := changes(old, data)
	zone := get(old, "timezone")
	if given, ok := changed["timezone"]; ok {
		zone = text(given)
	}
	choices, err := s.timezones()
	if err != nil {
		return nil, err
	}
	invalid := &validationError{}
	if !slices.Contains(choices, zone) {
		invalid.add("general_settings_update.timezone", "Timezone not known. Please select a valid timezone.")
	}
	if err := invalid.orNil(); err != nil {
		return nil, err
	}
	for name := range changed {
		if name != "timezone" {
			return nil, callError{errFault, "lookalike: a change of " + name + " is not built"}
		}
	}
	if err := s.store.update(ctx, generalTable, 1, []string{"timezone"}, []any{zone}); err != nil {
		return nil, err
	}
	if zone != get(old, "timezone") {
		if err := s.reloadTimeservices(ctx); err != nil {
			return nil, err
		}
	}
	return s.generalConfig(ctx)
}

const zoneinfo = "/usr/share/zoneinfo"

// timezones are the files that _initialize_timezone_choices finds on FreeBSD:
// no zone.tab, nothing below Etc that begins with GMT.
func (s *Server) timezones() ([]string, error) {
	base := filepath.Join(s.options.Root, zoneinfo)
	var found []string
	err := filepath.WalkDir(base, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(base, path)
		if err != nil || entry.IsDir() || entry.Name() == "zone.tab" || strings.Contains(path, "/Etc/GMT") {
			return err
		}
		// Debian has a symbolic link where FreeBSD has a second name.
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
			found = append(found, name)
		}
		return nil
	})
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	return found, err
}

// timezoneChoices is system.general.timezone_choices: a map of each to itself.
func (s *Server) timezoneChoices(context.Context, []any) (any, error) {
	choices, err := s.timezones()
	out := ddp.Record{}
	for _, name := range choices {
		out = append(out, ddp.Field{Key: name, Value: name})
	}
	return out, err
}

// generateLocaltime copies the zone's file (etc_files/localtime_config.py).
func (s *Server) generateLocaltime(ctx context.Context) error {
	config, err := s.generalConfig(ctx)
	if err != nil {
		return err
	}
	zone := get(config, "timezone")
	data, err := os.ReadFile(filepath.Join(s.options.Root, zoneinfo, zone))
	if err != nil {
		return fmt.Errorf("generate /etc/localtime: %w", err)
	}
	return errors.Join(s.write("/etc/localtime", string(data)), s.write("/var/db/zoneinfo", zone+"\n"))
}

// reloadTimeservices is the reload of the pseudo service of that name
// (plugins/service_/services/pseudo/misc.py).
func (s *Server) reloadTimeservices(ctx context.Context) error {
	if err := s.generateLocaltime(ctx); err != nil {
		return err
	}
	_, err := s.restartNTP(ctx)
	return err
}

// serviceReload is service.reload of the one service that is built.
func (s *Server) serviceReload(ctx context.Context, params []any) (any, error) {
	name, ok := params[0].(string)
	if !ok {
		return nil, schemaError{"service", "Not a string"}
	}
	if name != "timeservices" {
		return nil, callError{errFault, "lookalike: service.reload " + name + " is not built"}
	}
	s.writing.Lock()
	defer s.writing.Unlock()
	return true, s.reloadTimeservices(ctx)
}
