package middleware

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	_ "modernc.org/sqlite" // the database/sql driver "sqlite"
)

// The tables and columns are those of truenas/middleware 13.0
// (plugins/network.py, plugins/init_shutdown_script.py, plugins/system.py,
// plugins/ntp.py),
// without the columns that only high availability and encrypting disks fill.
const tables = `
CREATE TABLE IF NOT EXISTS network_globalconfiguration (
	id INTEGER NOT NULL PRIMARY KEY,
	gc_hostname VARCHAR(120) NOT NULL, gc_hostname_b VARCHAR(120), gc_domain VARCHAR(120) NOT NULL,
	gc_ipv4gateway VARCHAR(42) NOT NULL, gc_ipv6gateway VARCHAR(42) NOT NULL,
	gc_nameserver1 VARCHAR(42) NOT NULL, gc_nameserver2 VARCHAR(42) NOT NULL, gc_nameserver3 VARCHAR(42) NOT NULL,
	gc_httpproxy VARCHAR(255) NOT NULL, gc_netwait_enabled BOOLEAN NOT NULL, gc_netwait_ip VARCHAR(300) NOT NULL,
	gc_hosts TEXT NOT NULL, gc_domains TEXT NOT NULL, gc_service_announcement TEXT NOT NULL,
	gc_hostname_virtual VARCHAR(120));
INSERT OR IGNORE INTO network_globalconfiguration VALUES
	(1, 'truenas', NULL, 'local', '', '', '', '', '', '', 0, '', '', '', '{"mdns": true, "wsd": true, "netbios": false}', NULL);
CREATE TABLE IF NOT EXISTS tasks_initshutdown (
	id INTEGER NOT NULL PRIMARY KEY,
	ini_type VARCHAR(15) NOT NULL, ini_command VARCHAR(300) NOT NULL, ini_script VARCHAR(255),
	ini_when VARCHAR(15) NOT NULL, ini_enabled BOOLEAN NOT NULL, ini_timeout INTEGER NOT NULL,
	ini_comment VARCHAR(255) NOT NULL, ini_script_text TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS system_advanced (
	id INTEGER NOT NULL PRIMARY KEY,
	adv_consolemenu BOOLEAN NOT NULL, adv_serialconsole BOOLEAN NOT NULL,
	adv_serialport VARCHAR(120) NOT NULL, adv_serialspeed VARCHAR(120) NOT NULL,
	adv_powerdaemon BOOLEAN NOT NULL, adv_swapondrive INTEGER NOT NULL, adv_overprovision INTEGER,
	adv_consolemsg BOOLEAN NOT NULL, adv_traceback BOOLEAN NOT NULL, adv_advancedmode BOOLEAN NOT NULL,
	adv_autotune BOOLEAN NOT NULL, adv_debugkernel BOOLEAN NOT NULL, adv_uploadcrash BOOLEAN NOT NULL,
	adv_anonstats BOOLEAN NOT NULL, adv_motd TEXT NOT NULL, adv_boot_scrub INTEGER NOT NULL,
	adv_fqdn_syslog BOOLEAN NOT NULL, adv_sed_user VARCHAR(120) NOT NULL,
	adv_sysloglevel VARCHAR(120) NOT NULL, adv_syslogserver VARCHAR(120) NOT NULL, adv_syslog_transport VARCHAR(12) NOT NULL,
	adv_syslog_tls_certificate_id INTEGER, adv_syslog_tls_certificate_authority_id INTEGER);
INSERT OR IGNORE INTO system_advanced VALUES
	(1, 0, 0, '0x2f8', '9600', 0, 2, NULL, 1, 1, 0, 0, 0, 1, 1, 'Welcome', 7, 0, 'user', 'f_info', '', 'UDP', NULL, NULL);
CREATE TABLE IF NOT EXISTS system_settings (
	id INTEGER NOT NULL PRIMARY KEY,
	stg_guiaddress TEXT NOT NULL, stg_guiv6address TEXT NOT NULL, stg_guiport INTEGER NOT NULL,
	stg_guihttpsport INTEGER NOT NULL, stg_guihttpsredirect BOOLEAN NOT NULL, stg_language VARCHAR(120) NOT NULL,
	stg_kbdmap VARCHAR(120) NOT NULL, stg_birthday DATETIME, stg_timezone VARCHAR(120) NOT NULL,
	stg_wizardshown BOOLEAN NOT NULL, stg_pwenc_check VARCHAR(100) NOT NULL, stg_guicertificate_id INTEGER,
	stg_crash_reporting BOOLEAN, stg_usage_collection BOOLEAN, stg_guihttpsprotocols TEXT NOT NULL);
INSERT OR IGNORE INTO system_settings VALUES
	(1, '["0.0.0.0"]', '["::"]', 80, 443, 0, 'en', '', NULL, 'America/Los_Angeles', 0, '', NULL, NULL, NULL,
	'["TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"]');
CREATE TABLE IF NOT EXISTS system_ntpserver (
	id INTEGER NOT NULL PRIMARY KEY,
	ntp_address VARCHAR(120) NOT NULL, ntp_burst BOOLEAN NOT NULL, ntp_iburst BOOLEAN NOT NULL,
	ntp_prefer BOOLEAN NOT NULL, ntp_minpoll INTEGER NOT NULL, ntp_maxpoll INTEGER NOT NULL);
INSERT OR IGNORE INTO system_ntpserver VALUES
	(1, '0.freebsd.pool.ntp.org', 0, 1, 0, 6, 10), (2, '1.freebsd.pool.ntp.org', 0, 1, 0, 6, 10),
	(3, '2.freebsd.pool.ntp.org', 0, 1, 0, 6, 10);
`

// store is the configuration database.
type store struct{ db *sql.DB }

// openStore opens the database at path and makes what it lacks.
func openStore(ctx context.Context, path string) (*store, error) {
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=busy_timeout(5000)&_pragma=synchronous(2)")
	if err != nil {
		return nil, fmt.Errorf("open the database %s: %w", path, err)
	}
	db.SetMaxOpenConns(1) // one writer; the middleware, too, writes from one thread
	var present int
	err = db.QueryRowContext(ctx, `SELECT count(*) FROM sqlite_master WHERE name IN ('network_globalconfiguration', 'tasks_initshutdown', 'system_advanced', 'system_settings', 'system_ntpserver', 'network_staticroute')`).Scan(&present)
	if err == nil && present < 6 {
		_, err = db.ExecContext(ctx, tables+interfaceTables)
	}
	if err != nil {
		_ = db.Close()
		return nil, fmt.Errorf("prepare the database %s: %w", path, err)
	}
	return &store{db}, nil
}

// Factory makes a database with the defaults of a new installation.
func Factory(ctx context.Context, path string) error {
	s, err := openStore(ctx, path)
	if err != nil {
		return err
	}
	return s.db.Close()
}

// query reads all rows of a table, each as values in the order of columns.
func (s *store) query(ctx context.Context, table, prefix string, columns []column) ([][]any, error) {
	selected := make([]string, len(columns))
	for i, c := range columns {
		selected[i] = field(prefix, c.name)
	}
	rows, err := s.db.QueryContext(ctx, "SELECT "+strings.Join(selected, ", ")+" FROM "+table+" ORDER BY id")
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", table, err)
	}
	defer rows.Close()
	var all [][]any
	for rows.Next() {
		targets := make([]any, len(columns))
		for i, c := range columns {
			switch c.kind {
			case boolKind:
				targets[i] = new(bool)
			case integerKind:
				targets[i] = new(sql.NullInt64)
			default:
				targets[i] = new(sql.NullString)
			}
		}
		if err := rows.Scan(targets...); err != nil {
			return nil, fmt.Errorf("read %s: %w", table, err)
		}
		values := make([]any, len(columns))
		for i, target := range targets {
			switch v := target.(type) {
			case *bool:
				values[i] = *v
			case *sql.NullInt64:
				if v.Valid {
					values[i] = int(v.Int64)
				}
			case *sql.NullString:
				if v.Valid {
					values[i] = v.String
				}
			}
		}
		all = append(all, values)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read %s: %w", table, err)
	}
	return all, nil
}

// field is the name of a column in the database; only id has no prefix, and
// what refers to another table ends in _id.
func field(prefix, name string) string {
	switch name {
	case "id":
		return name
	case "syslog_tls_certificate", "syslog_tls_certificate_authority":
		return prefix + name + "_id"
	}
	return prefix + name
}

// update writes values into the row of that id.
func (s *store) update(ctx context.Context, t table, id int, names []string, values []any) error {
	assignments := make([]string, len(names))
	for i, name := range names {
		assignments[i] = field(t.prefix, name) + " = ?"
	}
	if _, err := s.db.ExecContext(ctx, "UPDATE "+t.name+" SET "+strings.Join(assignments, ", ")+" WHERE id = ?", append(values, id)...); err != nil {
		return fmt.Errorf("write %s: %w", t.name, err)
	}
	return nil
}

// insert adds a row and returns its id.
func (s *store) insert(ctx context.Context, t table, names []string, values []any) (int, error) {
	fields, marks := make([]string, len(names)), make([]string, len(names))
	for i, name := range names {
		fields[i], marks[i] = field(t.prefix, name), "?"
	}
	result, err := s.db.ExecContext(ctx, "INSERT INTO "+t.name+" ("+strings.Join(fields, ", ")+") VALUES ("+strings.Join(marks, ", ")+")", values...)
	if err != nil {
		return 0, fmt.Errorf("write %s: %w", t.name, err)
	}
	id, err := result.LastInsertId()
	if err != nil {
		return 0, fmt.Errorf("write %s: %w", t.name, err)
	}
	return int(id), nil
}

// remove deletes a row; one that is not there is no error.
func (s *store) remove(ctx context.Context, t table, id int) error {
	if _, err := s.db.ExecContext(ctx, "DELETE FROM "+t.name+" WHERE id = ?", id); err != nil {
		return fmt.Errorf("write %s: %w", t.name, err)
	}
	return nil
}
