@include_once('syslog.inc'); // before 2.5 its functions are in system.inc
guestd_reread();

// What of <syslog> says where records go; the rest of it stays as it is.
function guestd_syslog_keys() {
	return array('enable', 'remoteserver', 'remoteserver2', 'remoteserver3', 'format', 'logall', 'system', 'filter', 'dhcp',
	    'auth', 'portalauth', 'vpn', 'dpinger', 'hostapd', 'resolver', 'ppp', 'routing', 'ntpd');
}

function guestd_syslog_all() {
	$all = guestd_get('syslog', array());
	return is_array($all) ? $all : array();
}

function guestd_syslog() {
	$found = array();
	foreach (array_intersect_key(guestd_syslog_all(), array_flip(guestd_syslog_keys())) as $key => $value) {
		$found[$key] = (string)$value;
	}
	return $found;
}

if ($guestd_request['set'] !== null) {
	$is = guestd_syslog();
	if ($is != $guestd_request['expect']) {
		guestd_refuse('busy', 'the logging settings were changed meanwhile');
	}
	if ($is != $guestd_request['set']) {
		guestd_set('syslog', $guestd_request['set'] + array_diff_key(guestd_syslog_all(), array_flip(guestd_syslog_keys())));
		guestd_save('guestd: remote logging');
	}
}
if ($guestd_request['apply']) {
	system_syslogd_start();
}
guestd_answer(array('syslog' => (object)guestd_syslog()));
