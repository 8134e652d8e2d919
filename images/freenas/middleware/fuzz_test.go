package middleware

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
)

// No arguments may bring the middleware down or break its configuration.
func FuzzCall(f *testing.F) {
	root := f.TempDir()
	for _, dir := range []string{"data", "etc", "var/run", "var/db", "etc/local", "usr/share/zoneinfo/Asia", "conf/base/etc/local"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			f.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(root, syslogBase), []byte("use-fqdn(no);\n"), 0o644); err != nil {
		f.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, zoneinfo, "Asia/Kolkata"), nil, 0o644); err != nil {
		f.Fatal(err)
	}
	ctx := context.Background()
	s, err := New(ctx, Options{
		Root: root, SetHostname: func(string) error { return nil },
		Service: func(string, string) error { return nil },
		Log:     slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = s.store.db.Close() })
	f.Add("network.configuration.update", `{"hostname":"nas1","domains":["a"],"service_announcement":{"mdns":false}}`, `null`)
	f.Add("initshutdownscript.create", `{"type":"COMMAND","when":"SHUTDOWN","command":"true"}`, `7`)
	f.Add("initshutdownscript.update", `1`, `{"type":"SCRIPT","script_text":"x"}`)
	f.Add("initshutdownscript.query", `[["id",">",1],["OR",[["when","~","P"]]]]`, `{"order_by":["-id"],"limit":1,"select":["id"]}`)
	f.Add("core.get_methods", `"core"`, ``)
	f.Add("system.advanced.update", `{"syslogserver":"log:514","sysloglevel":"F_ERR","syslog_transport":"TCP","syslog_tls_certificate":null}`, ``)
	f.Add("service.restart", `"syslogd"`, ``)
	f.Add("system.general.update", `{"timezone":"Asia/Kolkata"}`, ``)
	f.Add("system.ntpserver.create", `{"address":"ntp.lab.test","force":true}`, ``)
	f.Add("system.ntpserver.update", `1`, `{"minpoll":10,"force":true}`)
	f.Add("system.ntpserver.delete", `1`, ``)
	f.Fuzz(func(t *testing.T, method, first, second string) {
		if method == "initshutdownscript.execute_init_tasks" {
			return // runs what was created
		}
		var params []json.RawMessage
		for _, param := range []string{first, second} {
			if param != "" {
				params = append(params, json.RawMessage(param))
			}
		}
		if _, err := s.Call(ctx, method, params); err != nil {
			_ = answer(err)
		}
		_, errNetwork := s.networkConfig(ctx)
		_, errAdvanced := s.advancedConfig(ctx)
		_, errGeneral := s.generalConfig(ctx)
		_, errNTP := s.store.records(ctx, ntpTable)
		if err := errors.Join(errNetwork, errAdvanced, errGeneral, errNTP); err != nil {
			t.Fatalf("after %s(%s, %s): %v", method, first, second, err)
		}
	})
}
