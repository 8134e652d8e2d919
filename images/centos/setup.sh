#!/bin/sh
# Finishes the CentOS lookalike in its own root.
set -eu
systemctl enable NetworkManager chronyd rsyslog sshd
# CentOS' names for what Debian calls otherwise.
ln -sf centos-release /etc/redhat-release
ln -sf centos-release /etc/system-release
ln -sf /etc/chrony.conf /etc/chrony/chrony.conf
# NetworkManager writes it.
rm -f /etc/resolv.conf
: >/etc/resolv.conf
# Debian's cards are not configured by NetworkManager's ifupdown plugin here.
rm -rf /etc/network
