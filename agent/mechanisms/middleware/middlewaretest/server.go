// Package middlewaretest is a middlewared in the test's process, with as much
// of its configuration as the agent touches.
package middlewaretest

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"sync"
	"testing"

	"github.com/coder/websocket"
)

// Server answers on a unix socket. Its fields may be set before the first call.
type Server struct {
	// Socket is where it listens.
	Socket string
	// Version is what it claims to speak in a failed greeting, empty for a
	// greeting that succeeds.
	Version string
	// Noise is sent before every result: events that nobody asked for.
	Noise string
	// Live, if set, is told the full name as the kernel would be.
	Live func(fqdn string)
	// Before, if set, is called before each call; the connection breaks off if
	// it returns an error.
	Before func(method string) error

	// Syslog, if set, is told when syslog-ng is started anew.
	Syslog func()
	// Time, if set, is told when the zone's files were rendered, and NTP when
	// ntp.conf was and ntpd is started anew.
	Time func(zone string)
	NTP  func(addresses []string)

	mu       sync.Mutex
	config   map[string]any
	advanced map[string]any
	tasks    []map[string]any
	clock    clock
	next     int
	calls    []string
}

// Start starts a server on a short path of its own, until the test ends.
func Start(t testing.TB) *Server {
	t.Helper()
	dir, err := os.MkdirTemp("", "mw")
	if err != nil {
		t.Fatal(err)
	}
	s := New(filepath.Join(dir, "s"))
	listener, err := net.Listen("unix", s.Socket)
	if err != nil {
		t.Fatal(err)
	}
	h := &http.Server{Handler: s}
	done := make(chan struct{})
	go func() { defer close(done); _ = h.Serve(listener) }()
	t.Cleanup(func() {
		_ = h.Close()
		<-done
		_ = os.RemoveAll(dir)
	})
	return s
}

// New is a server that does not listen yet.
func New(socket string) *Server {
	return &Server{
		Socket: socket,
		config: map[string]any{"id": 1, "hostname": "truenas", "domain": "local", "hostname_local": "truenas", "nameserver1": "192.0.2.53"},
		advanced: map[string]any{
			"id": 1, "motd": "Welcome", "sysloglevel": "F_INFO", "syslogserver": "", "syslog_transport": "UDP",
			"syslog_tls_certificate": nil, "syslog_tls_certificate_authority": nil,
		},
		clock: factoryClock(),
	}
}

// SetAdvanced changes system.advanced behind the agent's back.
func (s *Server) SetAdvanced(key string, v any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.advanced[key] = v
}

// Advanced is a value of system.advanced.
func (s *Server) Advanced(key string) any {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.advanced[key]
}

// Set changes the configuration behind the agent's back.
func (s *Server) Set(key string, v any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.config[key] = v
}

// Get is a value of the configuration.
func (s *Server) Get(key string) any {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.config[key]
}

// Tasks are the init tasks.
func (s *Server) Tasks() []map[string]any {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]map[string]any(nil), s.tasks...)
}

// Calls are the methods called so far that change something.
func (s *Server) Calls() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.calls...)
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/websocket" {
		http.NotFound(w, r)
		return
	}
	conn, err := websocket.Accept(w, r, nil)
	if err != nil {
		return
	}
	defer func() { _ = conn.CloseNow() }()
	greeted := false
	for {
		_, b, err := conn.Read(r.Context())
		if err != nil {
			return
		}
		var m struct {
			Msg, ID, Method, Version string
			Params                   []json.RawMessage
		}
		if json.Unmarshal(b, &m) != nil {
			return
		}
		switch {
		case m.Msg == "connect" && (s.Version != "" || m.Version != "1"):
			reply(r.Context(), conn, map[string]any{"msg": "failed", "version": s.Version})
			return
		case m.Msg == "connect":
			greeted = true
			reply(r.Context(), conn, map[string]any{"msg": "connected", "session": "test"})
		case m.Msg == "method" && greeted && m.Params != nil:
			if s.Before != nil && s.Before(m.Method) != nil {
				return
			}
			if s.Noise != "" {
				reply(r.Context(), conn, json.RawMessage(s.Noise))
			}
			result, err := s.call(m.Method, m.Params)
			answer := map[string]any{"msg": "result", "id": m.ID, "result": result}
			var refused refusal
			if errors.As(err, &refused) {
				answer = map[string]any{"msg": "result", "id": m.ID, "error": map[string]any(refused)}
			}
			reply(r.Context(), conn, answer)
		default:
			return
		}
	}
}

func reply(ctx context.Context, conn *websocket.Conn, v any) {
	b, err := json.Marshal(v)
	if err == nil {
		_ = conn.Write(ctx, websocket.MessageText, b)
	}
}

// refusal is the error object of a reply.
type refusal map[string]any

func (refusal) Error() string { return "refused" }

func invalid(attribute, message string) error {
	return refusal{
		"error": 11, "type": "VALIDATION", "reason": "[EINVAL] " + attribute + ": " + message + "\n",
		"extra": []any{[]any{attribute, message, 22}},
	}
}

var (
	hostname = regexp.MustCompile(`^(?i)[a-z.\-0-9]*[a-z0-9]$`)
	domain   = regexp.MustCompile(`^[a-zA-Z.\-0-9]+$`)
)

func (s *Server) call(method string, params []json.RawMessage) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch method {
	case "network.configuration.config":
		return s.config, nil
	case "network.configuration.update":
		return s.update(params[0])
	case "system.advanced.config":
		return s.advanced, nil
	case "system.advanced.update":
		return s.updateAdvanced(params[0])
	case "system.general.config", "system.general.update", "system.ntpserver.query", "service.reload",
		"system.ntpserver.create", "system.ntpserver.update", "system.ntpserver.delete":
		return s.timeCall(method, params)
	case "service.restart":
		s.calls = append(s.calls, method)
		s.restartSyslog()
		return true, nil
	case "initshutdownscript.query":
		return s.query(params[0])
	case "initshutdownscript.create", "initshutdownscript.update", "initshutdownscript.delete":
		s.calls = append(s.calls, method)
		return s.task(method, params)
	}
	return nil, refusal{"error": 201, "type": nil, "reason": "[ENOMETHOD] Method '" + method + "' not found", "extra": nil}
}

func (s *Server) update(raw json.RawMessage) (any, error) {
	s.calls = append(s.calls, "network.configuration.update "+string(raw))
	var change map[string]any
	if err := json.Unmarshal(raw, &change); err != nil {
		return nil, err
	}
	for key, v := range change {
		text, _ := v.(string)
		switch {
		case key == "hostname" && !hostname.MatchString(text):
			return nil, invalid("global_configuration_update.hostname", "Does not match the pattern")
		case key == "domain" && !domain.MatchString(text):
			return nil, invalid("global_configuration_update.domain", "Does not match the pattern")
		case key != "hostname" && key != "domain":
			return nil, refusal{"error": 22, "type": nil, "reason": "[" + key + "] Field was not expected", "extra": nil}
		}
	}
	for key, v := range change {
		s.config[key] = v
	}
	if s.Live != nil {
		s.Live(s.config["hostname"].(string) + "." + s.config["domain"].(string))
	}
	return s.config, nil
}

var syslogServer = regexp.MustCompile(`^[\w.\-]+(:\d+)?$`)

func (s *Server) updateAdvanced(raw json.RawMessage) (any, error) {
	s.calls = append(s.calls, "system.advanced.update "+string(raw))
	var change map[string]any
	if err := json.Unmarshal(raw, &change); err != nil {
		return nil, err
	}
	if server, _ := change["syslogserver"].(string); server != "" && !syslogServer.MatchString(server) {
		return nil, invalid("advanced_settings_update.syslogserver", "Invalid syslog server format")
	}
	changed := false
	for key, v := range change {
		changed = changed || s.advanced[key] != v
		s.advanced[key] = v
	}
	if changed {
		s.restartSyslog()
	}
	return s.advanced, nil
}

// restartSyslog tells Syslog, which may ask for values.
func (s *Server) restartSyslog() {
	if s.Syslog != nil {
		s.mu.Unlock()
		defer s.mu.Lock()
		s.Syslog()
	}
}

func (s *Server) query(raw json.RawMessage) (any, error) {
	var filters [][]any
	if err := json.Unmarshal(raw, &filters); err != nil {
		return nil, err
	}
	found := []map[string]any{}
	for _, task := range s.tasks {
		match := true
		for _, f := range filters {
			match = match && len(f) == 3 && f[1] == "=" && task[f[0].(string)] == f[2]
		}
		if match {
			found = append(found, task)
		}
	}
	return found, nil
}

func (s *Server) task(method string, params []json.RawMessage) (any, error) {
	last := params[len(params)-1]
	if method == "initshutdownscript.create" {
		s.next++
		task := map[string]any{"script": nil, "script_text": nil}
		if err := json.Unmarshal(last, &task); err != nil {
			return nil, err
		}
		task["id"] = s.next
		s.tasks = append(s.tasks, task)
		return task, nil
	}
	var id int
	if err := json.Unmarshal(params[0], &id); err != nil {
		return nil, err
	}
	for i, task := range s.tasks {
		if task["id"] != id {
			continue
		}
		if method == "initshutdownscript.delete" {
			s.tasks = append(s.tasks[:i:i], s.tasks[i+1:]...)
			return true, nil
		}
		if err := json.Unmarshal(last, &task); err != nil {
			return nil, err
		}
		task["id"] = id
		return task, nil
	}
	return nil, refusal{"error": 2, "type": nil, "reason": "[ENOENT] None: does not exist", "extra": nil}
}
