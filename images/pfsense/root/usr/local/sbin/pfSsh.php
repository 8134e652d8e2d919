#!/usr/local/bin/php
<?php
/*
 * The developer shell: PHP lines from standard input, run by a line "exec",
 * ended by "exit"; or "playback NAME ARGUMENTS" for a session recorded in
 * /etc/phpshellsessions. A double written from the documented behaviour of
 * pfSense CE 2.7.2, of which no sessions are here. As with the real one the
 * exit status says nothing.
 */

require_once('config.inc');
require_once('functions.inc');

function playback_text($text) {
	eval($text);
}

if (($argv[1] ?? '') === 'playback') {
	$session = '/etc/phpshellsessions/' . basename($argv[2] ?? '');
	if (!is_file($session)) {
		echo "Error.  Could not find playback file.\n";
		exit;
	}
	$argv = array_slice($argv, 2);
	playback_text(file_get_contents($session));
	exit;
}
$text = '';
while (($line = fgets(STDIN)) !== false) {
	$word = trim($line);
	if ($word === 'exit') {
		exit;
	}
	if ($word === 'exec' || $word === 'exec;') {
		playback_text($text);
		$text = '';
		continue;
	}
	$text .= $line;
}
