@include_once('gwlb.inc');
guestd_reread();

// A list in the configuration: an empty element is an empty string.
function guestd_list($path) {
	$all = guestd_get($path, array());
	return is_array($all) ? $all : array();
}

// The gateway that is guestd's own for an interface's role is known by its name.
define('GUESTD_GATEWAY', 'GUESTD_');

function guestd_network($roles) {
	$found = array('roles' => array(), 'gateways' => array(), 'servers' => array_values(guestd_list('system/dnsserver')));
	foreach (guestd_list('interfaces') as $role => $interface) {
		if ($roles !== null && !in_array($role, $roles)) {
			continue;
		}
		foreach (array('ipaddr', 'subnet', 'gateway', 'mtu') as $key) {
			$found['roles'][$role][$key] = isset($interface[$key]) ? (string)$interface[$key] : '';
		}
	}
	foreach (guestd_list('gateways/gateway_item') as $item) {
		if (strpos($item['name'], GUESTD_GATEWAY) === 0) {
			$found['gateways'][$item['interface']] = (string)$item['gateway'];
		}
	}
	$found['default4'] = (string)guestd_get('gateways/defaultgw4', '');
	$found['override'] = array_key_exists('dnsallowoverride', guestd_list('system'));
	return $found;
}

// What is true of the cards, by the functions that the page Status >
// Interfaces asks.
function guestd_live() {
	$live = array();
	foreach (guestd_list('interfaces') as $role => $interface) {
		$card = get_real_interface($role);
		$live[$role] = array(
			'card' => (string)$card, 'mac' => (string)get_interface_mac($card), 'enabled' => isset($interface['enable']),
			'address' => (string)get_interface_ip($role), 'bits' => (int)find_interface_subnet($card), 'mtu' => (int)get_interface_mtu($card),
		);
	}
	return $live;
}

// Writes a value of an element, or takes the element away for an empty one.
function guestd_put(&$element, $key, $value) {
	if ($value === '' || $value === array()) {
		unset($element[$key]);
	} else {
		$element[$key] = $value;
	}
}

function guestd_store($set) {
	foreach ($set['roles'] as $role => $values) {
		$interface = guestd_list("interfaces/$role");
		foreach ($values as $key => $value) {
			guestd_put($interface, $key, $value);
		}
		guestd_set("interfaces/$role", $interface);
	}
	$items = array();
	foreach (guestd_list('gateways/gateway_item') as $item) {
		if (strpos($item['name'], GUESTD_GATEWAY) !== 0) {
			$items[] = $item;
		}
	}
	foreach ($set['gateways'] as $role => $address) {
		// Whether it answers pings is not asked: one that does not would be
		// taken for down, and the default route away.
		$items[] = array('interface' => $role, 'gateway' => $address, 'name' => GUESTD_GATEWAY . strtoupper($role),
		    'weight' => '1', 'ipprotocol' => 'inet', 'descr' => 'guestd', 'monitor_disable' => '');
	}
	$gateways = guestd_list('gateways');
	guestd_put($gateways, 'gateway_item', $items);
	guestd_put($gateways, 'defaultgw4', $set['default4']);
	guestd_set('gateways', $gateways);
	$system = guestd_list('system');
	guestd_put($system, 'dnsserver', $set['servers']);
	unset($system['dnsallowoverride']);
	if ($set['override']) {
		$system['dnsallowoverride'] = '';
	}
	guestd_set('system', $system);
	guestd_save('guestd: network');
}

// The order in which the page Interfaces applies its changes, and after it
// that of System > General Setup for name servers.
function guestd_bring($roles, $before) {
	foreach ($roles as $role) {
		interface_bring_down($role, false, array('ifcfg' => $before[$role], 'ppps' => array()));
		interface_configure($role, true);
		if (function_exists('restart_interface_services')) {
			restart_interface_services($role, isset($before[$role]['ipaddrv6']) ? $before[$role]['ipaddrv6'] : '');
		}
	}
	setup_gateways_monitor();
	filter_configure();
	system_routing_configure();
	system_resolvconf_generate();
	if (guestd_enabled('dnsmasq')) {
		services_dnsmasq_configure();
	} elseif (guestd_enabled('unbound')) {
		services_unbound_configure();
	}
}

if ($guestd_request['set'] !== null) {
	$set = $guestd_request['set'];
	$dirty = guestd_dirty();
	if ($dirty && !$guestd_request['despite_dirty']) {
		guestd_refuse('busy', 'changes made in pfSense wait to be applied: ' . implode(', ', $dirty));
	}
	$is = guestd_network(array_keys($set['roles']));
	if ($guestd_request['expect'] !== null && $is != $guestd_request['expect']) {
		guestd_refuse('busy', 'the network was changed in pfSense meanwhile');
	}
	$before = array();
	foreach ($guestd_request['apply'] as $role) {
		$before[$role] = array('realif' => get_real_interface($role)) + guestd_list("interfaces/$role");
	}
	if ($is != $set) {
		guestd_store($set);
	}
	guestd_bring($guestd_request['apply'], $before);
}
$is = guestd_network(null);
$is['roles'] = (object)$is['roles'];
$is['gateways'] = (object)$is['gateways'];
guestd_answer(array('network' => $is, 'live' => (object)guestd_live(), 'router' => (string)route_get_default('inet'),
    'dirty' => guestd_dirty()));
