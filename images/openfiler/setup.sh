#!/bin/sh
# Finishes the Openfiler lookalike in its own root.
set -eu
# Debian's run levels go; those of Red Hat's systems lie in /etc/rc.d.
rm -rf /etc/init.d /etc/rcS.d /etc/rc.local
ln -s rc.d/init.d /etc/init.d
for level in 0 1 2 3 4 5 6; do
	rm -rf /etc/rc$level.d
	mkdir -p /etc/rc.d/rc$level.d
	ln -s rc.d/rc$level.d /etc/rc$level.d
done
for service in network rsyslog sshd openfiler-appliance; do
	chkconfig --add $service
done
chkconfig --add ntpd
mkdir -p /var/lib/ntp
# Debian's ntpd looks elsewhere than ntp.org's.
mkdir -p /etc/ntpsec
ln -sf ../ntp.conf /etc/ntpsec/ntp.conf
ln -s halt /etc/rc.d/init.d/reboot
ln -s ../init.d/halt /etc/rc.d/rc0.d/S01halt
ln -s ../init.d/reboot /etc/rc.d/rc6.d/S01reboot
# What an Openfiler has not.
rm -f /etc/os-release /usr/lib/os-release /etc/debian_version /etc/hostname
rm -rf /etc/network /etc/default/networking
mkdir -p /var/lib/dhclient
# The DHCP client writes it.
rm -f /etc/resolv.conf
: >/etc/resolv.conf
# Debian has it elsewhere than the initscripts look.
[ -e /usr/sbin/arping ] || ln -s ../bin/arping /usr/sbin/arping
