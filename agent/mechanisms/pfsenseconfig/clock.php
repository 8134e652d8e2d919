guestd_reread();

$guestd_clock = array();
foreach (array('system/timezone', 'system/timeservers', 'ntpd/enable') as $path) {
	$guestd_clock[$path] = (string)guestd_get($path, '');
}
if ($guestd_request['set']) {
	$changes = false;
	foreach ($guestd_request['set'] as $path => $value) {
		if ($guestd_clock[$path] !== $guestd_request['expect'][$path]) {
			guestd_refuse('busy', "{$path} was changed meanwhile");
		}
		$changes = $changes || $guestd_clock[$path] !== $value;
	}
	if ($changes) {
		foreach ($guestd_request['set'] as $path => $value) {
			if ($guestd_clock[$path] !== $value) {
				guestd_set($path, $value);
			}
			$guestd_clock[$path] = $value;
		}
		guestd_save('guestd: time zone and servers');
	}
}
if ($guestd_request['zone']) {
	system_timezone_configure();
}
if ($guestd_request['ntp']) {
	system_ntp_configure();
}
guestd_answer(array('clock' => $guestd_clock));
