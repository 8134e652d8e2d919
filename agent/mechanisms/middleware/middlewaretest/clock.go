package middlewaretest

import (
	"encoding/json"
	"strings"
)

// clock is the configured zone and the NTP servers, by their rows' numbers.
type clock struct {
	zone    string
	servers []map[string]any
	next    int
}

func factoryClock() clock {
	return clock{zone: "America/Los_Angeles", next: 2, servers: []map[string]any{
		{"id": 1, "address": "0.freebsd.pool.ntp.org", "burst": false, "iburst": true, "prefer": false, "minpoll": 6, "maxpoll": 10},
		{"id": 2, "address": "1.freebsd.pool.ntp.org", "burst": false, "iburst": true, "prefer": true, "minpoll": 6, "maxpoll": 9},
	}}
}

// Zone is the configured zone.
func (s *Server) Zone() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.clock.zone
}

// SetZone changes the zone behind the agent's back, in the configuration only.
func (s *Server) SetZone(zone string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clock.zone = zone
}

// TimeServers are the NTP servers, each in JSON without its number.
func (s *Server) TimeServers() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []string
	for _, row := range s.clock.servers {
		text := "{"
		for _, key := range []string{"address", "burst", "iburst", "prefer", "minpoll", "maxpoll"} {
			b, err := json.Marshal(row[key])
			if err != nil {
				panic(err) // plain values
			}
			text += key + ":" + string(b) + " "
		}
		all = append(all, text+"}")
	}
	return all
}

func (s *Server) timeCall(method string, params []json.RawMessage) (any, error) {
	switch method {
	case "system.general.config":
		return map[string]any{"id": 1, "timezone": s.clock.zone, "language": "en"}, nil
	case "system.ntpserver.query":
		return s.clock.servers, nil
	case "service.reload":
		s.calls = append(s.calls, method)
		s.rendered(s.clock.zone)
		s.restartNTP()
		return true, nil
	}
	s.calls = append(s.calls, method)
	if method == "system.general.update" {
		var change struct{ Timezone string }
		if err := json.Unmarshal(params[0], &change); err != nil {
			return nil, err
		}
		if strings.HasPrefix(change.Timezone, "Etc/GMT") {
			return nil, invalid("general_settings_update.timezone", "Timezone not known. Please select a valid timezone.")
		}
		if s.clock.zone != change.Timezone {
			s.clock.zone = change.Timezone
			s.rendered(change.Timezone)
			s.restartNTP()
		}
		return map[string]any{"timezone": s.clock.zone}, nil
	}
	return s.timeServer(method, params)
}

func (s *Server) timeServer(method string, params []json.RawMessage) (any, error) {
	row := map[string]any{"burst": false, "iburst": true, "prefer": false, "minpoll": 6, "maxpoll": 10}
	at := len(s.clock.servers)
	if method != "system.ntpserver.create" {
		var id int
		if err := json.Unmarshal(params[0], &id); err != nil {
			return nil, err
		}
		for i, have := range s.clock.servers {
			if have["id"] == id {
				at, row = i, have
			}
		}
		if at == len(s.clock.servers) {
			return nil, refusal{"error": 2, "type": nil, "reason": "[ENOENT] None: does not exist", "extra": nil}
		}
	}
	if method == "system.ntpserver.delete" {
		s.clock.servers = append(s.clock.servers[:at:at], s.clock.servers[at+1:]...)
		s.restartNTP()
		return true, nil
	}
	if err := json.Unmarshal(params[len(params)-1], &row); err != nil {
		return nil, err
	}
	if row["force"] != true {
		return nil, invalid("ntpserver_create.address", "Server could not be reached. Check \"Force\" to continue regardless.")
	}
	delete(row, "force")
	if at == len(s.clock.servers) {
		s.clock.next++
		row["id"] = s.clock.next
		s.clock.servers = append(s.clock.servers, row)
	}
	s.restartNTP()
	return row, nil
}

// rendered tells Time, which may ask for values.
func (s *Server) rendered(zone string) {
	if s.Time != nil {
		s.mu.Unlock()
		defer s.mu.Lock()
		s.Time(zone)
	}
}

// restartNTP tells NTP, which may ask for values.
func (s *Server) restartNTP() {
	var addresses []string
	for _, row := range s.clock.servers {
		address, _ := row["address"].(string)
		addresses = append(addresses, address)
	}
	if s.NTP != nil {
		s.mu.Unlock()
		defer s.mu.Lock()
		s.NTP(addresses)
	}
}
