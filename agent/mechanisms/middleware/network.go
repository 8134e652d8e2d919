package middleware

import "context"

// Network are the names in network.configuration. The full name is Hostname
// and Domain joined by a dot (etc_files/hostname.py).
type Network struct {
	Hostname string `json:"hostname"`
	Domain   string `json:"domain"`
}

// NetworkConfig reads the names. It also says whether the machine is one of a
// pair, which has a name for each node.
func (c *Client) NetworkConfig(ctx context.Context) (n Network, pair bool, err error) {
	var config struct {
		Network
		HostnameB *string `json:"hostname_b"`
	}
	err = c.Call(ctx, &config, "network.configuration.config")
	return config.Network, config.HostnameB != nil && *config.HostnameB != "", err
}

// SetNetwork changes the names, in the database and live.
func (c *Client) SetNetwork(ctx context.Context, n Network) error {
	return c.Call(ctx, nil, "network.configuration.update", n)
}
