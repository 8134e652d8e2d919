package pfsense

import (
	"context"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// tree lays the image's PHP and configuration into a folder with a hostname(1)
// that only notes what it was told.
func tree(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	for _, part := range []string{"root/etc", "root/cf"} {
		err := fs.WalkDir(files, part, func(path string, entry fs.DirEntry, err error) error {
			target := filepath.Join(root, strings.TrimPrefix(path, "root/"))
			if err != nil {
				return err
			}
			if entry.IsDir() {
				return os.MkdirAll(target, 0o755)
			}
			data, err := fs.ReadFile(files, path)
			if err != nil {
				return err
			}
			return os.WriteFile(target, data, 0o644)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, dir := range []string{"bin", "tmp", "var/run", "var/etc", "var/db"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("cf/conf", filepath.Join(root, "conf")); err != nil {
		t.Fatal(err)
	}
	fake := "#!/bin/sh\necho \"$*\" >>" + root + "/hostname.log\n"
	if err := os.WriteFile(filepath.Join(root, "bin/hostname"), []byte(fake), 0o755); err != nil {
		t.Fatal(err)
	}
	return root
}

// php runs a script in the tree and returns what it printed.
func php(t *testing.T, root, script string) string {
	t.Helper()
	program, err := exec.LookPath("php")
	if err != nil {
		t.Fatal("php is not installed: these tests need the Debian packages php-cli and php-xml")
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, "-d", "include_path=.:"+root+"/etc/inc", "-d", "display_errors=stderr",
		"-r", `require_once("config.inc"); require_once("functions.inc"); `+script)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("php %s: %v\n%s", script, err, out)
	}
	return string(out)
}

func read(t *testing.T, root, path string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestHostnameInTheGUIsOrder(t *testing.T) {
	root := tree(t)
	php(t, root, `config_set_path("system/hostname", "fw1"); config_set_path("system/domain", "example.net");
		if (write_config("a name", true) === -1) { exit(1); }
		exit(system_hostname_configure() | system_hosts_generate() | system_resolvconf_generate() |
		     services_unbound_configure() | services_dnsmasq_configure() | system_ntp_configure() | filter_configure());`)
	if got := read(t, root, "hostname.log"); got != "fw1.example.net\n" {
		t.Errorf("hostname(1) was told %q", got)
	}
	if got, want := read(t, root, "etc/hosts"), "127.0.0.1\tlocalhost localhost.example.net\n::1\tlocalhost localhost.example.net\n"; got != want {
		t.Errorf("hosts = %q, want %q", got, want)
	}
	if got, want := read(t, root, "etc/resolv.conf"), "search example.net\n"; got != want {
		t.Errorf("resolv.conf = %q, want %q", got, want)
	}
	xml := read(t, root, "cf/conf/config.xml")
	if !strings.HasPrefix(xml, "<?xml version=\"1.0\"?>\n<pfsense>\n") {
		t.Errorf("config.xml begins with %q", xml[:40])
	}
	for _, want := range []string{
		"\t\t<hostname>fw1</hostname>\n\t\t<domain>example.net</domain>\n", "\t\t<dnsallowoverride></dnsallowoverride>\n",
		"<description><![CDATA[(system): a name]]></description>", "\t\t\t<descr><![CDATA[WAN]]></descr>\n",
	} {
		if !strings.Contains(xml, want) {
			t.Errorf("config.xml lacks %q:\n%s", want, xml)
		}
	}
	if backup := read(t, root, "cf/conf/backup/config-1701734400.xml"); !strings.Contains(backup, "<hostname>pfSense</hostname>") {
		t.Errorf("the backup is not of the old configuration:\n%s", backup)
	}
	if got := php(t, root, `echo json_encode(get_backups()[0]["description"]);`); got != `"(system): lookalike's first configuration"` {
		t.Errorf("the newest backup = %s", got)
	}
}

func TestWritingWhatWasReadChangesNothingButTheRevision(t *testing.T) {
	root := tree(t)
	before := read(t, root, "cf/conf/config.xml")
	php(t, root, `write_config("same");`)
	cut := regexp.MustCompile(`(?s)\t<revision>.*</revision>\n`)
	if after := read(t, root, "cf/conf/config.xml"); cut.ReplaceAllString(after, "") != cut.ReplaceAllString(before, "") {
		t.Errorf("before:\n%s\nafter:\n%s", before, after)
	}
}

func TestResolversOfDHCP(t *testing.T) {
	root := tree(t)
	for path, text := range map[string]string{"nameserver_vtnet0": "198.51.100.53\nnonsense\n", "searchdomain_vtnet0": "lab.test\n"} {
		if err := os.WriteFile(filepath.Join(root, "var/etc", path), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	php(t, root, `config_set_path("system/dnsserver", ["192.0.2.53"]); system_resolvconf_generate();`)
	if got, want := read(t, root, "etc/resolv.conf"), "nameserver 198.51.100.53\nnameserver 192.0.2.53\nsearch lab.test\n"; got != want {
		t.Errorf("with override: %q, want %q", got, want)
	}
	php(t, root, `config_del_path("system/dnsallowoverride"); system_resolvconf_generate();`)
	if got, want := read(t, root, "etc/resolv.conf"), "search home.arpa\n"; got != want {
		t.Errorf("without: %q, want %q", got, want)
	}
}

func TestTheCacheIsBelieved(t *testing.T) {
	root := tree(t)
	php(t, root, ``)
	path := filepath.Join(root, "cf/conf/config.xml")
	edited := strings.Replace(read(t, root, "cf/conf/config.xml"), "<hostname>pfSense<", "<hostname>byhand<", 1)
	if err := os.WriteFile(path, []byte(edited), 0o644); err != nil {
		t.Fatal(err)
	}
	if got := php(t, root, `echo config_get_path("system/hostname");`); got != "pfSense" {
		t.Errorf("after an edit by hand: %q, want the cached pfSense", got)
	}
	if got := php(t, root, `$config = parse_config(true); echo config_get_path("system/hostname");`); got != "byhand" {
		t.Errorf("parse_config(true): %q, want byhand", got)
	}
}

func TestPaths(t *testing.T) {
	root := tree(t)
	for script, want := range map[string]string{
		`echo json_encode(config_get_path("interfaces/wan/ipaddr"));`:                                                                                    `"dhcp"`,
		`echo json_encode(config_get_path("/interfaces//wan/ipaddr"));`:                                                                                  `"dhcp"`,
		`echo json_encode(config_get_path("nothing/here"));`:                                                                                             `null`,
		`echo json_encode(config_get_path("nothing/here", 7));`:                                                                                          `7`,
		`echo json_encode(config_get_path("gateways"));`:                                                                                                 `""`,
		`echo json_encode(config_get_path("gateways", []));`:                                                                                             `[]`,
		`echo json_encode(config_path_enabled("interfaces/wan"));`:                                                                                       `true`,
		`echo json_encode(config_path_enabled("system", "dnsallowoverride"));`:                                                                           `true`,
		`echo json_encode(config_set_path("system/hostname/deep", 1, "no"));`:                                                                            `"no"`,
		`echo json_encode(config_set_path("a/b/c", "x") . config_get_path("a/b/c"));`:                                                                    `"xx"`,
		`echo json_encode([config_del_path("system/hostname"), config_del_path("none/x")]);`:                                                             `["pfSense",null]`,
		`echo json_encode([is_hostname("a.b"), is_hostname("test."), is_domain("-a"), is_unqualified_hostname("a_b"), is_unqualified_hostname("a.b")]);`: `[true,false,false,true,false]`,
	} {
		if got := php(t, root, script); got != want {
			t.Errorf("%s = %s, want %s", script, got, want)
		}
	}
}

func TestListsAndText(t *testing.T) {
	root := tree(t)
	got := php(t, root, `config_set_path("system/shellcmd", ["one & <two>", "b"]); config_set_path("system/dnsserver", []);
		config_set_path("interfaces/wan/descr", "Zürich <1>"); write_config("lists");
		echo json_encode([$config["system"]["shellcmd"], $config["system"]["dnsserver"] ?? null, $config["interfaces"]["wan"]["descr"]], JSON_UNESCAPED_UNICODE);`)
	if want := `[["one & <two>","b"],null,"Zürich <1>"]`; got != want {
		t.Errorf("read back %s, want %s", got, want)
	}
	if xml := read(t, root, "cf/conf/config.xml"); !strings.Contains(xml, "<shellcmd>one &amp; &lt;two&gt;</shellcmd>\n\t\t<shellcmd>b</shellcmd>") {
		t.Errorf("config.xml:\n%s", xml)
	}
}

func TestWriteConfigRefuses(t *testing.T) {
	root := tree(t)
	if got := php(t, root, `$config["reset_factory_defaults"] = true; echo json_encode(write_config("x"));`); got != "false" {
		t.Errorf("under a factory reset: %s, want false", got)
	}
	if got := php(t, root, `rename(g_get("cf_conf_path"), g_get("cf_path") . "/gone"); echo json_encode(write_config("x", false));`); !strings.HasSuffix(got, "-1") {
		t.Errorf("without a folder to write to: %s, want -1", got)
	}
}

func TestBackupsAreLimitedAndRestored(t *testing.T) {
	root := tree(t)
	php(t, root, `config_set_path("system/backupcount", "2");
		foreach ([10, 20, 30] as $time) { $config["revision"]["time"] = $time; config_set_path("system/hostname", "n$time"); write_config("n$time"); }`)
	got := php(t, root, `foreach (glob(g_get("cf_conf_path") . "/backup/config-*.xml") as $f) { echo basename($f), " "; }`)
	if want := "config-20.xml config-30.xml "; got != want {
		t.Errorf("backups = %q, want %q", got, want)
	}
	if got := php(t, root, `echo config_restore(g_get("cf_conf_path") . "/backup/config-30.xml"), config_get_path("system/hostname");`); got != "0n20" {
		t.Errorf("config_restore: %q, want 0n20", got)
	}
	if got := php(t, root, `echo config_restore("/nonexistent");`); got != "1" {
		t.Errorf("config_restore of nothing: %q, want 1", got)
	}
}

func TestBrokenConfigurationComesFromTheBackup(t *testing.T) {
	root := tree(t)
	php(t, root, `write_config("good");`)
	for _, broken := range []string{"", "<?xml version=\"1.0\"?>\n<pfsense><system>"} {
		if err := os.WriteFile(filepath.Join(root, "cf/conf/config.xml"), []byte(broken), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Remove(filepath.Join(root, "tmp/config.cache")); err != nil {
			t.Fatal(err)
		}
		if got := php(t, root, `echo config_get_path("system/hostname");`); got != "pfSense" {
			t.Errorf("after %q: %q", broken, got)
		}
	}
}

// A syslogd is started anew with files rendered from the configuration.
func TestSyslog(t *testing.T) {
	root := tree(t)
	if err := os.MkdirAll(filepath.Join(root, "usr/sbin"), 0o755); err != nil {
		t.Fatal(err)
	}
	fake := "#!/bin/sh\necho \"$*\" >>" + root + "/syslogd.log\n"
	if err := os.WriteFile(filepath.Join(root, "usr/sbin/syslogd"), []byte(fake), 0o755); err != nil {
		t.Fatal(err)
	}
	php(t, root, `system_syslogd_start();`)
	if got := read(t, root, "var/etc/syslog.d/pfSense.conf"); strings.Contains(got, "@") {
		t.Errorf("records are sent without a server: %s", got)
	}
	php(t, root, `foreach (["enable" => "", "logall" => "", "remoteserver" => "192.0.2.60:1514", "remoteserver2" => "2001:db8::1", "format" => "rfc5424"] as $k => $v) { config_set_path("syslog/$k", $v); } system_syslogd_start();`)
	got := read(t, root, "var/etc/syslog.d/pfSense.conf")
	if !strings.HasSuffix(got, "!*\n*.*\t\t@192.0.2.60:1514\n*.*\t\t@[2001:db8::1]\n") {
		t.Errorf("got %s", got)
	}
	options := "-s -c -c -P " + root + "/var/run/syslog.pid -f " + root + "/etc/syslog.conf\n"
	if got := read(t, root, "syslogd.log"); got != options+"-O rfc5424 "+options {
		t.Errorf("syslogd was called with %s", got)
	}
}

// Gateways are those of the configuration and that of DHCP, which is known as
// long as its client has told a router.
func TestGateways(t *testing.T) {
	root := tree(t)
	router := filepath.Join(root, "tmp/vtnet0_router")
	if err := os.WriteFile(router, []byte("198.51.100.1\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	const list = `foreach (return_gateways_array() as $name => $g) { echo "$name {$g["gateway"]} {$g["interface"]} {$g["friendlyiface"]}\n"; }`
	if got, want := php(t, root, list), "WAN_DHCP 198.51.100.1 vtnet0 wan\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	const fixed = `config_set_path("interfaces/wan/ipaddr", "192.0.2.10"); config_set_path("gateways", ["gateway_item" => [
		["name" => "GW", "interface" => "wan", "gateway" => "192.0.2.1", "ipprotocol" => "inet"],
		["name" => "OFF", "interface" => "wan", "gateway" => "192.0.2.2", "disabled" => ""],
		["name" => "GW6", "interface" => "wan", "gateway" => "fe80::1", "ipprotocol" => "inet6"]]]);`
	if got, want := php(t, root, fixed+list), "GW 192.0.2.1 vtnet0 wan\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	php(t, root, `foreach (["nameserver", "searchdomain"] as $kind) { file_put_contents(g_get("varetc_path") . "/{$kind}_nonet9", "x"); }
		config_set_path("interfaces/opt9", ["if" => "nonet9", "ipaddr" => "dhcp"]); file_put_contents(g_get("tmp_path") . "/nonet9_router", "x");
		interface_bring_down("opt9");`)
	for _, gone := range []string{"tmp/nonet9_router", "var/etc/nameserver_nonet9", "var/etc/searchdomain_nonet9"} {
		if _, err := os.Stat(filepath.Join(root, gone)); err == nil {
			t.Errorf("%s is still there", gone)
		}
	}
}

func TestWhatIsNotBuiltFails(t *testing.T) {
	root := tree(t)
	for _, script := range []string{
		`config_set_path("unbound/enable", ""); services_unbound_configure();`,
		`config_set_path("syslog/enable", ""); config_set_path("syslog/remoteserver", "a"); config_set_path("syslog/vpn", "yes"); system_syslogd_start();`,
		`config_set_path("dhcpd/wan/enable", ""); restart_interface_services("wan");`,
		`config_set_path("staticroutes/route", [["network" => "10.0.0.0/8"]]); system_routing_configure();`,
		`config_set_path("gateways/defaultgw4", "GROUP"); system_routing_configure();`,
	} {
		got := php(t, root, `try { `+script+` echo "done"; } catch (Error $e) { echo $e->getMessage(); }`)
		if !strings.Contains(got, "not built") && !strings.Contains(got, "undefined function") {
			t.Errorf("%s = %q", script, got)
		}
	}
}

func TestEveryPHPFileParses(t *testing.T) {
	root := tree(t)
	for _, pattern := range []string{"etc/inc/*.inc", "etc/rc.bootup", "etc/rc.newwanip", "etc/rc.start_packages"} {
		paths, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil || len(paths) == 0 {
			t.Fatalf("%s: %v, %v", pattern, paths, err)
		}
		for _, path := range paths {
			if out, err := exec.Command("php", "-l", path).CombinedOutput(); err != nil {
				t.Errorf("%s: %v\n%s", path, err, out)
			}
		}
	}
}

// noteNTPD lays an ntpd into the tree that only notes what it was told.
func noteNTPD(t *testing.T, root string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Join(root, "usr/local/sbin"), 0o755); err != nil {
		t.Fatal(err)
	}
	fake := "#!/bin/sh\necho \"$*\" >>" + root + "/ntpd.log\n"
	if err := os.WriteFile(filepath.Join(root, "usr/local/sbin/ntpd"), []byte(fake), 0o755); err != nil {
		t.Fatal(err)
	}
}

func TestNTP(t *testing.T) {
	root := tree(t)
	noteNTPD(t, root)
	php(t, root, `config_set_path("system/timeservers", "ntp.lab.test  2.pfsense.pool.ntp.org"); config_set_path("ntpd/prefer", "ntp.lab.test "); system_ntp_configure();`)
	conf := read(t, root, "var/etc/ntpd.conf")
	for _, want := range []string{
		"\nserver ntp.lab.test iburst maxpoll 9 prefer\n", "\npool 2.pfsense.pool.ntp.org iburst maxpoll 9\n",
		"\nrestrict default kod limited nomodify nopeer notrap\n", "\nrestrict source kod limited nomodify notrap\n",
	} {
		if !strings.Contains(conf, want) {
			t.Errorf("ntpd.conf lacks %q:\n%s", want, conf)
		}
	}
	if got, want := read(t, root, "ntpd.log"), "-g -c "+root+"/var/etc/ntpd.conf -p "+root+"/var/run/ntpd.pid\n"; got != want {
		t.Errorf("ntpd was told %q, want %q", got, want)
	}
	php(t, root, `config_set_path("ntpd/enable", "disabled"); system_ntp_configure();`)
	if _, err := os.Stat(filepath.Join(root, "var/etc/ntpd.conf")); !os.IsNotExist(err) {
		t.Errorf("turned off, its configuration is still there: %v", err)
	}
	if got := read(t, root, "ntpd.log"); strings.Count(got, "\n") != 1 {
		t.Errorf("turned off, it was started: %q", got)
	}
}
