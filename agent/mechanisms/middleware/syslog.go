package middleware

import "context"

// Syslog are the settings of system.advanced that say where the log goes.
// TrueNAS sends to one target (plugins/system.py of 13.0).
type Syslog struct {
	// Server is "host" or "host:port", empty for none.
	Server string `json:"syslogserver"`
	// Level is the least severe that is sent, "F_EMERG" to "F_DEBUG".
	Level string `json:"sysloglevel"`
	// Transport is "UDP", "TCP" or "TLS".
	Transport string `json:"syslog_transport"`
}

// SyslogConfig reads the settings.
func (c *Client) SyslogConfig(ctx context.Context) (Syslog, error) {
	var s Syslog
	err := c.Call(ctx, &s, "system.advanced.config")
	return s, err
}

// SetSyslog changes the settings. The middleware renders syslog-ng.conf and
// starts syslog-ng anew if any of them differs from what it has.
func (c *Client) SetSyslog(ctx context.Context, s Syslog) error {
	return c.Call(ctx, nil, "system.advanced.update", s)
}

// RestartSyslog renders syslog-ng.conf and starts syslog-ng anew. It says
// whether it runs then.
func (c *Client) RestartSyslog(ctx context.Context) (runs bool, err error) {
	err = c.Call(ctx, &runs, "service.restart", "syslogd")
	return runs, err
}
