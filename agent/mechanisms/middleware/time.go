package middleware

import "context"

// Timezone reads the configured zone, a name of IANA's database.
func (c *Client) Timezone(ctx context.Context) (string, error) {
	var config struct {
		Timezone string `json:"timezone"`
	}
	err := c.Call(ctx, &config, "system.general.config")
	return config.Timezone, err
}

// SetTimezone changes the zone, in the database and live. The middleware starts
// ntpd anew if it differs (plugins/system.py, do_update).
func (c *Client) SetTimezone(ctx context.Context, zone string) error {
	return c.Call(ctx, nil, "system.general.update", map[string]string{"timezone": zone})
}

// ReloadTime renders the zone's files and ntp.conf, and starts ntpd anew.
func (c *Client) ReloadTime(ctx context.Context) error {
	return c.Call(ctx, nil, "service.reload", "timeservices")
}

// TimeServer is an NTP server of the configuration (plugins/ntp.py). MinPoll
// and MaxPoll are powers of two, in seconds.
type TimeServer struct {
	Address string `json:"address"`
	Burst   bool   `json:"burst"`
	IBurst  bool   `json:"iburst"`
	Prefer  bool   `json:"prefer"`
	MinPoll int    `json:"minpoll"`
	MaxPoll int    `json:"maxpoll"`
}

// NewTimeServer is a server with the middleware's defaults.
func NewTimeServer(address string) TimeServer {
	return TimeServer{Address: address, IBurst: true, MinPoll: 6, MaxPoll: 10}
}

type timeServerRow struct {
	ID int `json:"id"`
	TimeServer
}

// forcedTimeServer is taken without an answer of the server, which may be away.
type forcedTimeServer struct {
	TimeServer
	Force bool `json:"force"`
}

func (c *Client) timeServerRows(ctx context.Context) ([]timeServerRow, error) {
	var rows []timeServerRow
	err := c.Call(ctx, &rows, "system.ntpserver.query", []any{}, map[string]any{"order_by": []string{"id"}})
	return rows, err
}

// TimeServers reads the NTP servers.
func (c *Client) TimeServers(ctx context.Context) ([]TimeServer, error) {
	rows, err := c.timeServerRows(ctx)
	servers := make([]TimeServer, len(rows))
	for i, row := range rows {
		servers[i] = row.TimeServer
	}
	return servers, err
}

// SetTimeServers makes the NTP servers these, row by row: there is no call for
// all, and ntpd is started anew by each. The middleware asks each server first,
// and waits 5 s for one that is away.
func (c *Client) SetTimeServers(ctx context.Context, servers []TimeServer) error {
	rows, err := c.timeServerRows(ctx)
	if err != nil {
		return err
	}
	for i, s := range servers {
		switch {
		case i >= len(rows):
			err = c.Call(ctx, nil, "system.ntpserver.create", forcedTimeServer{s, true})
		case rows[i].TimeServer != s:
			err = c.Call(ctx, nil, "system.ntpserver.update", rows[i].ID, forcedTimeServer{s, true})
		}
		if err != nil {
			return err
		}
	}
	for _, row := range rows[min(len(servers), len(rows)):] {
		if err := c.Call(ctx, nil, "system.ntpserver.delete", row.ID); err != nil {
			return err
		}
	}
	return nil
}
