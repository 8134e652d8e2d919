#!/bin/sh
# Makes a Debian root the appliance's: the busybox commands that stand in for
# services, /usr/local/etc, and the templates of the file systems in memory.
set -eu

ln -sf busybox /usr/bin/udhcpc
mkdir -p /data /etc/local/rc.d /conf/base
chmod 0755 /data
# The vendor's build makes the same two files.
/usr/local/bin/middlewared factory /data/factory-v1.db
cp /data/factory-v1.db /data/freenas-v1.db
rm -rf /usr/local/etc
ln -s ../../etc/local /usr/local/etc
rm -f /etc/debian_version /usr/lib/os-release
chmod +x /etc/rc.d/*

# The kernel's name until the middleware has set one, as on a new appliance.
printf 'truenas.local\n' >/etc/hostname

# Of the NTP daemon's package the daemon alone: its tools are in Python.
rm -rf /usr/lib/python3* /usr/bin/python3* /usr/share/python3 /etc/python3* /etc/ntpsec /etc/apparmor.d

# What is copied into memory at every start costs time. The bundle of
# certificates stays, the link for each of them goes; and the configuration of
# Debian's own tools is never read here.
find /etc/ssl/certs -type l -delete
rm -rf /etc/apt /etc/cron.* /etc/default /etc/dpkg /etc/init.d /etc/rc?.d /etc/rcS.d \
	/etc/initramfs-tools /etc/kernel /etc/logrotate.d /etc/selinux /etc/ssh/moduli /etc/sv /etc/systemd /etc/skel /etc/update-motd.d

cp -a /etc /conf/base/etc
mkdir -p /conf/base/var/cache /conf/base/var/crash /conf/base/var/db /conf/base/var/empty \
	/conf/base/var/lib /conf/base/var/log /conf/base/var/spool
mkdir -p -m 1777 /conf/base/var/tmp
ln -s /run /conf/base/var/run
ln -s /run/lock /conf/base/var/lock
for name in etc var; do
	echo 65535 >"/conf/base/$name/md_size"
done
