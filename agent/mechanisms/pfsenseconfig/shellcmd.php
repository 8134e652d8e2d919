guestd_reread();

// Keeps exactly one entry with the mark in <system><shellcmd>, or none if
// there is no command.
$before = guestd_get('system/shellcmd', array());
if (!is_array($before)) {
	$before = ($before === '') ? array() : array($before);
}
$after = array();
foreach ($before as $command) {
	if (strpos($command, $guestd_request['mark']) === false) {
		$after[] = $command;
	} elseif ($command === $guestd_request['command'] && !in_array($command, $after)) {
		$after[] = $command;
	}
}
if ($guestd_request['command'] !== '' && !in_array($guestd_request['command'], $after)) {
	$after[] = $guestd_request['command'];
}
if ($after !== array_values($before)) {
	guestd_set('system/shellcmd', $after);
	guestd_save($guestd_request['command'] !== '' ? 'guestd: start with the system' : 'guestd: no longer start with the system');
}
guestd_answer(array('changed' => $after !== array_values($before)));
