guestd_reread();

$guestd_zone = (string)guestd_get('system/timezone', '');
if ($guestd_request['set'] !== null) {
	if ($guestd_zone !== $guestd_request['expect']) {
		guestd_refuse('busy', 'the time zone was changed meanwhile');
	}
	if ($guestd_zone !== $guestd_request['set']) {
		$guestd_zone = $guestd_request['set'];
		guestd_set('system/timezone', $guestd_zone);
		guestd_save('guestd: time zone');
	}
}
if ($guestd_request['apply']) {
	system_timezone_configure();
}
guestd_answer(array('zone' => $guestd_zone));
