// Runs in pfSense's own PHP, over pfSense's own functions. What it finds out
// or did it says in one line that begins with the mark; all else on standard
// output comes from the functions it calls.

function guestd_answer($value) {
	echo "\n" . GUESTD_MARK . json_encode($value) . "\n";
	exit(0);
}

function guestd_refuse($code, $message) {
	guestd_answer(array('code' => $code, 'message' => $message));
}

foreach (array('config.inc', 'functions.inc', 'util.inc', 'interfaces.inc', 'system.inc',
    'services.inc', 'filter.inc') as $guestd_file) {
	require_once($guestd_file);
}

// Reads config.xml itself: until 2.7.2 a cache without any check of its age
// would answer, and a web page may have written since this process began.
function guestd_reread() {
	global $config;
	if (function_exists('config_read_file')) {
		$read = config_read_file(false, false);
	} else {
		$read = parse_config(true);
	}
	if (is_array($read) && !empty($read)) {
		$config = $read;
	}
	if (!is_array($config) || empty($config)) {
		guestd_refuse('failed', 'pfSense could not read its configuration, /cf/conf/config.xml');
	}
}

// The path functions came with 2.7.0; before there is only the array.
function guestd_get($path, $default) {
	global $config;
	if (function_exists('config_get_path')) {
		return config_get_path($path, $default);
	}
	$at = $config;
	foreach (explode('/', $path) as $key) {
		if (!is_array($at) || !isset($at[$key])) {
			return $default;
		}
		$at = $at[$key];
	}
	return $at;
}

function guestd_set($path, $value) {
	global $config;
	if (function_exists('config_set_path')) {
		config_set_path($path, $value);
		return;
	}
	$at = &$config;
	foreach (explode('/', $path) as $key) {
		if (!is_array($at)) {
			$at = array();
		}
		$at = &$at[$key];
	}
	$at = $value;
}

// Whether <section><enable/> stands in the configuration: an empty element is
// an empty string, so it is the key that counts.
function guestd_enabled($section) {
	$value = guestd_get($section, null);
	return is_array($value) && array_key_exists('enable', $value);
}

// Says what an administrator has saved and not yet applied, or what is being
// installed: pfSense keeps a file for each.
function guestd_dirty() {
	$names = array();
	foreach (glob('/var/run/*.dirty') ?: array() as $file) {
		$names[] = basename($file, '.dirty');
	}
	foreach (array('/tmp/.interfaces.apply' => 'interfaces', '/tmp/.system_routes.apply' => 'routes') as $file => $name) {
		if (file_exists($file) && !in_array($name, $names)) {
			$names[] = $name;
		}
	}
	return $names;
}

// write_config gives false without permission or while a factory reset is
// pending, and -1 when the file could not be written.
function guestd_save($description) {
	$saved = write_config($description);
	if ($saved === false) {
		guestd_refuse('failed', 'pfSense refused to save its configuration (write_config gave false): a factory reset is pending, or the configuration is read-only');
	}
	if ($saved === -1) {
		guestd_refuse('failed', 'pfSense could not write its configuration (write_config gave -1): the disk that holds /cf/conf may be full or mounted read-only; see the system log');
	}
}
