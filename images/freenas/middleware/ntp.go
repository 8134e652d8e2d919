package middleware

import (
	"context"
	"fmt"
	"net"
	"strings"
	"time"
)

var ntpTable = table{name: "system_ntpserver", prefix: "ntp_", thing: "NTPServer", columns: []column{
	{"id", integerKind},
	{"address", stringKind},
	{"burst", boolKind},
	{"iburst", boolKind},
	{"prefer", boolKind},
	{"minpoll", integerKind},
	{"maxpoll", integerKind},
}}

// ntpSchema is the attributes of create; update has the same under its own name
// (plugins/ntp.py).
func ntpSchema(name string) attribute {
	return attribute{name: name, kind: objectKind, fields: []attribute{
		{name: "address", kind: stringKind},
		{name: "burst", kind: boolKind, fallback: false},
		{name: "iburst", kind: boolKind, fallback: true},
		{name: "prefer", kind: boolKind, fallback: false},
		{name: "minpoll", kind: integerKind, fallback: 6},
		{name: "maxpoll", kind: integerKind, fallback: 10},
		{name: "force", kind: boolKind},
	}}
}

var (
	ntpCreate = ntpSchema("ntp_create")
	ntpUpdate = ntpSchema("ntp_update")
)

func (s *Server) ntpCreateMethod(ctx context.Context, params []any) (any, error) {
	data, err := ntpCreate.cleanObject(params[0], false)
	if err != nil {
		return nil, err
	}
	s.writing.Lock()
	defer s.writing.Unlock()
	if err := s.cleanNTP("ntpserver_create", data); err != nil {
		return nil, err
	}
	names, values := ntpTable.row(data)
	id, err := s.store.insert(ctx, ntpTable, names, values)
	if err != nil {
		return nil, err
	}
	if _, err := s.restartNTP(ctx); err != nil {
		return nil, err
	}
	return s.store.record(ctx, ntpTable, id)
}

func (s *Server) ntpUpdateMethod(ctx context.Context, params []any) (any, error) {
	id, err := identifier(params[0])
	if err != nil {
		return nil, err
	}
	data, err := ntpUpdate.cleanObject(params[1], true)
	if err != nil {
		return nil, err
	}
	s.writing.Lock()
	defer s.writing.Unlock()
	old, err := s.store.record(ctx, ntpTable, id)
	if err != nil {
		return nil, err
	}
	all := merged(old, data)
	if err := s.cleanNTP("ntpserver_update", all); err != nil {
		return nil, err
	}
	names, values := ntpTable.row(all)
	if err := s.store.update(ctx, ntpTable, id, names, values); err != nil {
		return nil, err
	}
	if _, err := s.restartNTP(ctx); err != nil {
		return nil, err
	}
	return s.store.record(ctx, ntpTable, id)
}

// ntpDelete answers true whether or not the row was there, as datastore.delete.
func (s *Server) ntpDelete(ctx context.Context, params []any) (any, error) {
	id, err := identifier(params[0])
	if err != nil {
		return nil, err
	}
	s.writing.Lock()
	defer s.writing.Unlock()
	if err := s.store.remove(ctx, ntpTable, id); err != nil {
		return nil, err
	}
	_, err = s.restartNTP(ctx)
	return true, err
}

// cleanNTP is clean: the server is asked even if it need not answer.
func (s *Server) cleanNTP(schema string, data map[string]any) error {
	address, ok := data["address"].(string)
	if !ok {
		return fmt.Errorf("'address'") // a KeyError: it is not required by the schema
	}
	usable := s.options.AskTime != nil && s.options.AskTime(address)
	invalid := &validationError{}
	if data["force"] != true && !usable {
		invalid.add(schema+".address", "Server could not be reached. Check \"Force\" to continue regardless.")
	}
	least, _ := data["minpoll"].(int)
	most, _ := data["maxpoll"].(int)
	if most <= least {
		invalid.add(schema+".maxpoll", "Max Poll should be higher than Min Poll")
	}
	return invalid.orNil()
}

// askTimeout is ntplib's.
const askTimeout = 5 * time.Second

// AskTime is test_ntp_server: whether a server answers a client's packet of
// version 2 (ntplib's default).
func AskTime(address string) bool {
	conn, err := net.DialTimeout("udp", net.JoinHostPort(address, "123"), askTimeout)
	if err != nil {
		return false
	}
	defer conn.Close()
	request := make([]byte, 48)
	request[0] = 2<<3 | 3
	if err := conn.SetDeadline(time.Now().Add(askTimeout)); err != nil {
		return false
	}
	if _, err := conn.Write(request); err != nil {
		return false
	}
	n, err := conn.Read(make([]byte, 256))
	return err == nil && n >= len(request)
}

// restartNTP renders ntp.conf and starts ntpd anew. That it does not run then is
// no error (plugins/service.py).
func (s *Server) restartNTP(ctx context.Context) (runs bool, err error) {
	if err := s.generateNTP(ctx); err != nil {
		return false, err
	}
	if err := s.options.Service("ntpd", "restart"); err != nil {
		s.options.Log.Warn("restart ntpd", "error", err)
		return false, nil
	}
	return true, nil
}

// generateNTP renders ntp.conf (etc_files/ntp.conf): all packets are ignored
// but those of the servers and the machine's own.
func (s *Server) generateNTP(ctx context.Context) error {
	servers, err := s.store.records(ctx, ntpTable)
	if err != nil {
		return err
	}
	var out strings.Builder
	for _, server := range servers {
		out.WriteString("server " + get(server, "address"))
		for _, flag := range []string{"burst", "iburst", "prefer"} {
			if on, _ := server.Get(flag); on == true {
				out.WriteString(" " + flag)
			}
		}
		for _, poll := range []string{"maxpoll", "minpoll"} {
			if n, _ := server.Get(poll); n != 0 {
				fmt.Fprintf(&out, " %s %v", poll, n)
			}
		}
		out.WriteString("\n")
	}
	if len(servers) > 0 {
		out.WriteString("restrict default ignore\nrestrict -6 default ignore\nrestrict 127.0.0.1\nrestrict -6 ::1\nrestrict 127.127.1.0\n")
	}
	for _, server := range servers {
		fmt.Fprintf(&out, "restrict %s nomodify notrap nopeer noquery\n", get(server, "address"))
	}
	return s.write("/etc/ntp.conf", out.String())
}
