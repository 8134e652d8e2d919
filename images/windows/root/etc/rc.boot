#!/bin/busybox sh
# What must be there before any program of /etc/inittab. The network and ssh
# come first: Wine's start takes all of an emulated processor for a while.
export PATH=/usr/local/sbin:/usr/sbin:/usr/bin
busybox mount -t tmpfs -o nosuid,nodev,mode=755 run /run
busybox mkdir -p -m 755 /run/sshd /run/winpower /dev/pts /dev/shm
busybox mount -t devpts -o gid=5,mode=620 devpts /dev/pts
busybox mount -t tmpfs -o nosuid,nodev shm /dev/shm
busybox rm -rf /tmp/.wine-* /tmp/.winbindd
busybox ip link set lo up
winname --registry=/var/lib/wine/system.reg
dhcp &
/usr/sbin/sshd
