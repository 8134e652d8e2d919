package middleware

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sort"
	"strconv"
	"strings"

	"innkeeper/images/freenas/ddp"
)

// method is one method of the API.
type method struct {
	// required and accepted are how many arguments it takes.
	required, accepted int
	// schema describes the arguments that core.get_methods shows.
	schema []attribute
	// private methods are callable, but not listed.
	private, job, filterable bool
	run                      func(context.Context, []any) (any, error)
}

// api is every method of this double.
func (s *Server) api() map[string]method {
	return map[string]method{
		"core.ping":                       {run: func(context.Context, []any) (any, error) { return "pong", nil }},
		"core.get_methods":                {accepted: 1, run: s.getMethods},
		"core.get_jobs":                   {accepted: 2, filterable: true, run: s.getJobs},
		"auth.login":                      {required: 2, accepted: 3, run: refuseLogin},
		"system.version":                  {run: s.version},
		"system.product_type":             {run: func(context.Context, []any) (any, error) { return "CORE", nil }},
		"system.info":                     {run: s.info},
		"network.configuration.config":    {run: func(ctx context.Context, _ []any) (any, error) { return s.networkConfig(ctx) }},
		"network.configuration.update":    {required: 1, accepted: 1, schema: []attribute{networkUpdate}, run: s.networkUpdateMethod},
		"system.advanced.config":          {run: func(ctx context.Context, _ []any) (any, error) { return s.advancedConfig(ctx) }},
		"system.advanced.update":          {required: 1, accepted: 1, schema: []attribute{advancedUpdate}, run: s.advancedUpdateMethod},
		"system.general.config":           {run: func(ctx context.Context, _ []any) (any, error) { return s.generalConfig(ctx) }},
		"system.general.update":           {required: 1, accepted: 1, schema: []attribute{generalUpdate}, run: s.generalUpdateMethod},
		"system.general.timezone_choices": {run: s.timezoneChoices},
		"system.ntpserver.query":          {accepted: 2, filterable: true, run: s.queryMethod(ntpTable)},
		"system.ntpserver.create":         {required: 1, accepted: 1, schema: []attribute{ntpCreate}, run: s.ntpCreateMethod},
		"system.ntpserver.update": {
			required: 2, accepted: 2, schema: []attribute{{name: "id", kind: integerKind}, ntpUpdate}, run: s.ntpUpdateMethod,
		},
		"system.ntpserver.delete": {
			required: 1, accepted: 1, schema: []attribute{{name: "id", kind: integerKind}}, run: s.ntpDelete,
		},
		"service.reload":           {required: 1, accepted: 2, schema: []attribute{{name: "service", kind: stringKind}}, run: s.serviceReload},
		"service.start":            {required: 1, accepted: 2, schema: []attribute{{name: "service", kind: stringKind}}, run: s.serviceStart},
		"service.restart":          {required: 1, accepted: 2, schema: []attribute{{name: "service", kind: stringKind}}, run: s.serviceRestart},
		"initshutdownscript.query": {accepted: 2, filterable: true, run: s.queryMethod(taskTable)},
		"initshutdownscript.get_instance": {
			required: 1, accepted: 1, private: true, run: s.taskGet,
		},
		"initshutdownscript.create": {required: 1, accepted: 1, schema: []attribute{taskCreate}, run: s.taskCreate},
		"initshutdownscript.update": {
			required: 2, accepted: 2, schema: []attribute{{name: "id", kind: integerKind}, taskUpdate}, run: s.taskUpdate,
		},
		"initshutdownscript.delete": {
			required: 1, accepted: 1, schema: []attribute{{name: "id", kind: integerKind}}, run: s.taskDelete,
		},
		"initshutdownscript.execute_init_tasks": {
			required: 1, accepted: 1, private: true, job: true, run: s.executeInitTasks,
		},
		"interface.query":               {accepted: 2, filterable: true, run: s.interfaceQuery},
		"interface.create":              {required: 1, accepted: 1, schema: []attribute{interfaceCreate}, run: s.interfaceCreateMethod},
		"interface.update":              {required: 2, accepted: 2, schema: []attribute{{name: "id", kind: stringKind}, interfaceUpdate}, run: s.interfaceUpdateMethod},
		"interface.delete":              {required: 1, accepted: 1, schema: []attribute{{name: "id", kind: stringKind}}, run: s.interfaceDelete},
		"interface.has_pending_changes": {run: s.hasPendingChanges},
		"interface.commit":              {accepted: 1, schema: []attribute{commitOptions}, run: s.interfaceCommit},
		"interface.checkin":             {run: s.interfaceCheckin},
		"interface.checkin_waiting":     {run: s.checkinWaiting},
		"interface.rollback":            {run: s.interfaceRollback},
		"interface.sync":                {accepted: 1, run: s.interfaceSync},
		"interfaces.sync":               {accepted: 1, private: true, run: s.interfaceSync}, // the older name, an alias
		"route.sync":                    {private: true, run: s.routeSyncMethod},
		"route.system_routes":           {accepted: 2, filterable: true, run: s.systemRoutes},
		"staticroute.query":             {accepted: 2, filterable: true, run: s.queryMethod(routeTable)},
		"staticroute.create":            {required: 1, accepted: 1, schema: []attribute{staticRouteCreate}, run: s.staticRouteCreateMethod},
		"staticroute.delete":            {required: 1, accepted: 1, schema: []attribute{{name: "id", kind: integerKind}}, run: s.staticRouteDelete},
		"dns.sync":                      {private: true, run: s.dnsSync},
		"etc.generate_checkpoint":       {required: 1, accepted: 1, private: true, run: s.generateCheckpoint},
	}
}

// Call runs a method by its name, as a message on the socket does.
func (s *Server) Call(ctx context.Context, name string, params []json.RawMessage) (any, error) {
	dot := strings.LastIndexByte(name, '.')
	if dot < 0 {
		return nil, callError{errBadMessage, "Invalid method name"}
	}
	m, ok := s.methods[name]
	if !ok {
		for known := range s.methods {
			if strings.HasPrefix(known, name[:dot]+".") {
				return nil, callError{errNoMethod, fmt.Sprintf("Method '%s' not found in '%s'", name[dot+1:], name[:dot])}
			}
		}
		return nil, callError{errNoMethod, fmt.Sprintf("Service '%s' not found", name[:dot])}
	}
	if len(params) > m.accepted {
		return nil, fmt.Errorf("%s() takes from %d to %d positional arguments but %d were given",
			name[dot+1:], m.required+1, m.accepted+1, len(params)+1)
	}
	if len(params) < m.required {
		return nil, schemaError{name[dot+1:], "attribute required"}
	}
	values := make([]any, len(params))
	for i, param := range params {
		value, err := ddp.Decode(param)
		if err != nil {
			return nil, fmt.Errorf("argument %d: %w", i+1, err)
		}
		values[i] = value
	}
	return m.run(ctx, values)
}

// getMethods is core.get_methods: the methods, or those of one service, with
// the JSON schemas of what they accept.
func (s *Server) getMethods(_ context.Context, params []any) (any, error) {
	service := ""
	if len(params) > 0 && params[0] != nil {
		name, ok := params[0].(string)
		if !ok {
			return nil, schemaError{"service", "Not a string"}
		}
		service = name + "."
	}
	var names []string
	for name, m := range s.methods {
		if !m.private && strings.HasPrefix(name, service) {
			names = append(names, name)
		}
	}
	sort.Strings(names)
	out := ddp.Record{}
	for _, name := range names {
		m := s.methods[name]
		accepts := []any{}
		for _, schema := range m.schema {
			shown := schema.describe()
			shown["title"], shown["_required_"] = schema.name, true
			accepts = append(accepts, shown)
		}
		out = append(out, ddp.Field{Key: name, Value: map[string]any{
			"accepts": accepts, "job": m.job, "filterable": m.filterable, "description": nil,
		}})
	}
	return out, nil
}

// refuseLogin is auth.login: this lookalike knows no passwords.
func refuseLogin(context.Context, []any) (any, error) { return false, nil }

// version is /etc/version without the revision in parentheses.
func (s *Server) version(context.Context, []any) (any, error) {
	data, err := os.ReadFile(filepath.Join(s.options.Root, "/etc/version"))
	if err != nil {
		return nil, fmt.Errorf("read the version: %w", err)
	}
	version, _, _ := strings.Cut(string(data), " (")
	return strings.TrimSpace(version), nil
}

// info is system.info as far as this machine knows it.
func (s *Server) info(ctx context.Context, _ []any) (any, error) {
	version, err := s.version(ctx, nil)
	if err != nil {
		return nil, err
	}
	hostname, err := os.Hostname()
	if err != nil {
		return nil, fmt.Errorf("read the host name: %w", err)
	}
	memory, uptime, err := procfs()
	if err != nil {
		return nil, err
	}
	general, err := s.generalConfig(ctx)
	if err != nil {
		return nil, err
	}
	return ddp.Record{
		{Key: "version", Value: version},
		{Key: "hostname", Value: hostname},
		{Key: "physmem", Value: memory},
		{Key: "cores", Value: runtime.NumCPU()},
		{Key: "uptime_seconds", Value: uptime},
		{Key: "timezone", Value: get(general, "timezone")},
	}, nil
}

// procfs reads memory in bytes and uptime in seconds from the Linux kernel
// beneath.
func procfs() (memory int64, uptime float64, err error) {
	file, err := os.Open("/proc/meminfo")
	if err != nil {
		return 0, 0, fmt.Errorf("read the memory's size: %w", err)
	}
	defer file.Close()
	scanner := bufio.NewScanner(file)
	for scanner.Scan() {
		if rest, ok := strings.CutPrefix(scanner.Text(), "MemTotal:"); ok {
			kib, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
			if err != nil {
				return 0, 0, fmt.Errorf("read the memory's size: %w", err)
			}
			memory = kib << 10
			break
		}
	}
	data, err := os.ReadFile("/proc/uptime")
	if err != nil {
		return 0, 0, fmt.Errorf("read the uptime: %w", err)
	}
	first, _, _ := strings.Cut(string(data), " ")
	uptime, err = strconv.ParseFloat(first, 64)
	return memory, uptime, errors.Join(err, scanner.Err())
}

// dnsSync is dns.sync, which the DHCP client's script calls for a new lease.
func (s *Server) dnsSync(ctx context.Context, _ []any) (any, error) {
	// Not s.writing: a sync of the interfaces holds that while it waits for the
	// DHCP client, whose script calls this.
	s.resolving.Lock()
	defer s.resolving.Unlock()
	config, err := s.networkConfig(ctx)
	if err != nil {
		return nil, err
	}
	return nil, s.renderDNS(config)
}

// generateCheckpoint renders, at one of the boot's checkpoints, every file
// this double knows.
func (s *Server) generateCheckpoint(ctx context.Context, params []any) (any, error) {
	s.writing.Lock()
	defer s.writing.Unlock()
	switch params[0] {
	case "initial":
		config, err := s.networkConfig(ctx)
		if err != nil {
			return nil, err
		}
		return nil, errors.Join(s.generateRC(config), s.generateHosts(config), s.syncDNS(config), s.generateLocaltime(ctx), s.generateNTP(ctx))
	case "pool_import":
		config, err := s.advancedConfig(ctx)
		if err != nil {
			return nil, err
		}
		return nil, s.generateSyslog(config)
	}
	return nil, callError{errInvalid, fmt.Sprintf("lookalike: checkpoint %v is not built", params[0])}
}
