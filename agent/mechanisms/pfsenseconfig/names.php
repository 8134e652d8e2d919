guestd_reread();

function guestd_names() {
	return array('hostname' => (string)guestd_get('system/hostname', ''), 'domain' => (string)guestd_get('system/domain', ''));
}

if ($guestd_request['set'] !== null) {
	$set = $guestd_request['set'];
	if (!is_hostname($set['hostname']) || strpos($set['hostname'], '.') !== false) {
		guestd_refuse('hostname', 'pfSense does not take ' . json_encode($set['hostname']) . ' as a host name');
	}
	if (!is_domain($set['domain'])) {
		guestd_refuse('domain', 'pfSense does not take ' . json_encode($set['domain']) . ' as a domain');
	}
	$dirty = guestd_dirty();
	if ($dirty && !$guestd_request['despite_dirty']) {
		guestd_refuse('busy', 'changes made in pfSense wait to be applied: ' . implode(', ', $dirty));
	}
	$is = guestd_names();
	if ($guestd_request['expect'] !== null && $is != $guestd_request['expect']) {
		guestd_refuse('busy', 'the names were changed to ' . $is['hostname'] . '.' . $is['domain'] . ' meanwhile');
	}
	if ($is != $set) {
		guestd_set('system/hostname', $set['hostname']);
		guestd_set('system/domain', $set['domain']);
		guestd_save('guestd: host name ' . $set['hostname'] . '.' . $set['domain']);
	}
	// The order in which the page System > General Setup applies them, without
	// the steps for the time, which no name changes.
	system_hostname_configure();
	system_hosts_generate();
	system_resolvconf_generate();
	if (guestd_enabled('dnsmasq')) {
		services_dnsmasq_configure();
	} elseif (guestd_enabled('unbound')) {
		services_unbound_configure();
	}
	filter_configure();
	// syslogd asks for the name when it starts or is told to read anew.
	@include_once('syslog.inc');
	if (function_exists('system_syslogd_start')) {
		system_syslogd_start(true);
	}
}
guestd_answer(array('names' => guestd_names(), 'dirty' => guestd_dirty()));
