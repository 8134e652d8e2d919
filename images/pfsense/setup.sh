#!/bin/sh
# Makes a Debian root the firewall's: the busybox commands that stand in for
# services, PHP where pfSense has it and with its include path, /conf.
set -eu

ln -sf busybox /usr/bin/udhcpc
ln -sf ../libexec/freebsd-base /usr/sbin/syslogd
rm -f /etc/debian_version /usr/lib/os-release
ln -s cf/conf /conf
mkdir -p /cf/conf/backup /var/etc /var/db /usr/local/bin /usr/local/etc/rc.d

ln -sf /usr/bin/php /usr/local/bin/php
for conf in /etc/php/*/cli/conf.d; do
	# Of PHP's extensions only what the includes use: each costs time to load.
	for ini in "$conf"/*.ini; do
		case $ini in
		*-posix.ini | *-xml.ini) ;;
		*) rm "$ini" ;;
		esac
	done
	printf 'include_path = ".:/etc/inc:/usr/local/pfSense/include"\npcre.jit = 0\n' >"$conf/90-pfsense.ini"
done
# Of the NTP daemon's package the daemon alone: its tools are in Python.
mkdir -p /usr/local/sbin
ln -s ../../sbin/ntpd /usr/local/sbin/ntpd
rm -rf /usr/lib/python3* /usr/bin/python3* /usr/share/python3 /etc/python3* /etc/ntpsec
printf 'pfSense.home.arpa\n' >/etc/hostname
