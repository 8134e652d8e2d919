package middleware

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"innkeeper/images/freenas/ddp"
)

// advancedTable has the fields of system.advanced (plugins/system.py of
// 13.0) without the passwords of disks that encrypt themselves.
var advancedTable = table{name: "system_advanced", prefix: "adv_", columns: []column{
	{"id", integerKind},
	{"consolemenu", boolKind},
	{"serialconsole", boolKind},
	{"serialport", stringKind},
	{"serialspeed", stringKind},
	{"powerdaemon", boolKind},
	{"swapondrive", integerKind},
	{"overprovision", integerKind},
	{"consolemsg", boolKind},
	{"traceback", boolKind},
	{"advancedmode", boolKind},
	{"autotune", boolKind},
	{"debugkernel", boolKind},
	{"uploadcrash", boolKind},
	{"anonstats", boolKind},
	{"motd", stringKind},
	{"boot_scrub", integerKind},
	{"fqdn_syslog", boolKind},
	{"sed_user", stringKind},
	{"sysloglevel", stringKind},
	{"syslogserver", stringKind},
	{"syslog_transport", stringKind},
	{"syslog_tls_certificate", integerKind},
	{"syslog_tls_certificate_authority", integerKind},
}}

// syslogFields are those after whose change syslog-ng is started anew; no
// other is built here.
var syslogFields = []string{
	"fqdn_syslog", "sysloglevel", "syslogserver", "syslog_transport",
	"syslog_tls_certificate", "syslog_tls_certificate_authority",
}

var advancedUpdate = attribute{name: "system_advanced_update", kind: objectKind, fields: []attribute{
	{name: "advancedmode", kind: boolKind},
	{name: "autotune", kind: boolKind},
	{name: "boot_scrub", kind: integerKind},
	{name: "consolemenu", kind: boolKind},
	{name: "consolemsg", kind: boolKind},
	{name: "debugkernel", kind: boolKind},
	{name: "fqdn_syslog", kind: boolKind},
	{name: "motd", kind: stringKind},
	{name: "powerdaemon", kind: boolKind},
	{name: "serialconsole", kind: boolKind},
	{name: "serialport", kind: stringKind},
	{name: "serialspeed", kind: stringKind, enum: []string{"9600", "19200", "38400", "57600", "115200"}},
	{name: "swapondrive", kind: integerKind},
	{name: "overprovision", kind: integerKind, null: true},
	{name: "traceback", kind: boolKind},
	{name: "uploadcrash", kind: boolKind},
	{name: "anonstats", kind: boolKind},
	{name: "sed_user", kind: stringKind, enum: []string{"USER", "MASTER"}},
	{name: "sysloglevel", kind: stringKind, enum: []string{
		"F_EMERG", "F_ALERT", "F_CRIT", "F_ERR", "F_WARNING", "F_NOTICE", "F_INFO", "F_DEBUG", "F_IS_DEBUG",
	}},
	{name: "syslogserver", kind: stringKind},
	{name: "syslog_transport", kind: stringKind, enum: []string{"UDP", "TCP", "TLS"}},
	{name: "syslog_tls_certificate", kind: integerKind, null: true},
	{name: "syslog_tls_certificate_authority", kind: integerKind, null: true},
}}

// advancedConfig is system.advanced.config: the row, with the level and the
// user in capitals, which the database has in small letters.
func (s *Server) advancedConfig(ctx context.Context) (ddp.Record, error) {
	config, err := s.store.single(ctx, advancedTable)
	if err != nil {
		return nil, err
	}
	for _, word := range []string{"sysloglevel", "sed_user"} {
		config = config.With(word, strings.ToUpper(get(config, word)))
	}
	return config, nil
}

// advancedUpdateMethod is system.advanced.update. Unchanged values write
// nothing.
func (s *Server) advancedUpdateMethod(ctx context.Context, params []any) (any, error) {
	data, err := advancedUpdate.cleanObject(params[0], true)
	if err != nil {
		return nil, err
	}
	s.writing.Lock()
	defer s.writing.Unlock()
	old, err := s.advancedConfig(ctx)
	if err != nil {
		return nil, err
	}
	changed := changes(old, data)
	invalid := &validationError{}
	validateAdvanced(merged(old, changed), invalid)
	if err := invalid.orNil(); err != nil || len(changed) == 0 {
		return old, err
	}
	var names []string
	var values []any
	for _, c := range advancedTable.columns {
		value, ok := changed[c.name]
		switch {
		case !ok:
			continue
		case !slices.Contains(syslogFields, c.name):
			return nil, callError{errFault, "lookalike: a change of " + c.name + " is not built"}
		case c.name == "sysloglevel":
			value = strings.ToLower(text(value))
		}
		names, values = append(names, c.name), append(values, value)
	}
	if err := s.store.update(ctx, advancedTable, 1, names, values); err != nil {
		return nil, err
	}
	config, err := s.advancedConfig(ctx)
	if err != nil {
		return nil, err
	}
	_, err = s.restartSyslog(config)
	return config, err
}

func merged(old ddp.Record, changed map[string]any) map[string]any {
	all := map[string]any{}
	for _, f := range old {
		all[f.Key] = f.Value
	}
	for name, value := range changed {
		all[name] = value
	}
	return all
}

var syslogServer = regexp.MustCompile(`^[\pL\pN_.\-]+(:\d+)?\n?\z`)

// validateAdvanced is __validate_fields. Its schema is not the argument's name.
// There are no authorities here, so that none is found.
func validateAdvanced(config map[string]any, invalid *validationError) {
	const schema = "advanced_settings_update."
	if server := text(config["syslogserver"]); server != "" {
		if !syslogServer.MatchString(server) {
			invalid.add(schema+"syslogserver", "Invalid syslog server format")
		} else if _, port, ok := strings.Cut(strings.TrimSuffix(server, "\n"), ":"); ok {
			if n, err := strconv.Atoi(port); err != nil || n > 65535 {
				invalid.add(schema+"syslogserver", "Port must be in the range of 0 to 65535.")
			}
		}
	}
	if config["syslog_transport"] == "TLS" {
		if config["syslog_tls_certificate_authority"] == nil {
			invalid.add(schema+"syslog_tls_certificate_authority", "This is required when using TLS as syslog transport")
		}
		invalid.add(schema+"syslog_tls_certificate_authority", "Unable to locate specified CA")
	}
}

// serviceRestart is service.restart of the services that are built.
func (s *Server) serviceRestart(ctx context.Context, params []any) (any, error) {
	name, ok := params[0].(string)
	if !ok {
		return nil, schemaError{"service", "Not a string"}
	}
	if name != "syslogd" && name != "ntpd" && name != "routing" {
		return nil, callError{errFault, "lookalike: service.restart " + name + " is not built"}
	}
	s.writing.Lock()
	defer s.writing.Unlock()
	if name == "routing" {
		return true, s.restartRouting(ctx)
	}
	if name == "ntpd" {
		return s.restartNTP(ctx)
	}
	config, err := s.advancedConfig(ctx)
	if err != nil {
		return nil, err
	}
	return s.restartSyslog(config)
}

// restartSyslog says whether syslog-ng runs then; that it does not is no error
// (plugins/service.py).
func (s *Server) restartSyslog(config ddp.Record) (runs bool, err error) {
	if err := s.generateSyslog(config); err != nil {
		return false, err
	}
	if err := s.options.Service("syslog-ng", "restart"); err != nil {
		s.options.Log.Warn("restart syslog-ng", "error", err)
		return false, nil
	}
	return true, nil
}

const syslogBase = "/conf/base/etc/local/syslog-ng.conf.freenas"

// generateSyslog renders syslog-ng.conf: the vendor's, and the remote target
// (etc_files/syslogd.py). udp() and tcp() send as RFC 3164 says, from port 514.
func (s *Server) generateSyslog(config ddp.Record) error {
	base, err := os.ReadFile(filepath.Join(s.options.Root, syslogBase))
	if err != nil {
		return fmt.Errorf("generate syslog-ng.conf: %w", err)
	}
	conf := string(base)
	if full, _ := config.Get("fqdn_syslog"); full == true {
		conf = strings.ReplaceAll(conf, "use-fqdn(no)", "use-fqdn(yes)")
	}
	if server := get(config, "syslogserver"); server != "" {
		host, port, ok := strings.Cut(server, ":")
		if !ok {
			port = "514"
		}
		conf += fmt.Sprintf("destination loghost { %s(%q port(%s) localport(514)); };\n", strings.ToLower(get(config, "syslog_transport")), host, port)
		conf += fmt.Sprintf("log { source(src); filter(%s);destination(loghost); };\n", strings.ToLower(get(config, "sysloglevel")))
	}
	return s.write("/etc/local/syslog-ng.conf", conf)
}
