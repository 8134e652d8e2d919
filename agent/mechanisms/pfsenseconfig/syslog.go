package pfsenseconfig

import (
	"context"
	_ "embed"

	"innkeeper/agent/guest"
)

//go:embed syslog.php
var syslogScript string

// Syslog is what of <syslog> says where records go, by the names of its
// elements (pfSense's www/status_logs_settings.php). One that only has to be
// there, such as "enable", is an empty text.
type Syslog map[string]string

// RemoteServers are the elements of the targets, of which pfSense has three.
var RemoteServers = [3]string{"remoteserver", "remoteserver2", "remoteserver3"}

type syslogRequest struct {
	Set    Syslog `json:"set"`
	Expect Syslog `json:"expect"`
	Apply  bool   `json:"apply"`
}

type syslogResponse struct {
	Syslog Syslog `json:"syslog"`
}

// ReadSyslog reads where records go.
func ReadSyslog(ctx context.Context, m guest.Machine) (Syslog, error) {
	var r syslogResponse
	err := run(ctx, m, syslogScript, syslogRequest{}, &r)
	return r.Syslog, err
}

// SetSyslog saves where records go, provided that the configuration has what
// is expected; else it is refused as busy. ApplySyslog makes it so.
func SetSyslog(ctx context.Context, m guest.Machine, s, expect Syslog) error {
	var r syslogResponse
	return run(ctx, m, syslogScript, syslogRequest{Set: some(s), Expect: some(expect)}, &r)
}

// ApplySyslog has pfSense render syslogd's files and start it anew. That
// applies nothing else that was saved.
func ApplySyslog(ctx context.Context, m guest.Machine) error {
	var r syslogResponse
	return run(ctx, m, syslogScript, syslogRequest{Apply: true}, &r)
}

// some is never null in JSON.
func some(s Syslog) Syslog {
	if s == nil {
		return Syslog{}
	}
	return s
}
