#!/bin/sh
# Finishes the Ubuntu lookalike in its own root.
set -eu
systemctl enable systemd-networkd systemd-resolved systemd-timesyncd rsyslog ssh
# Ubuntu keeps the journal over a reboot.
install -d -g systemd-journal -m 2755 /var/log/journal
