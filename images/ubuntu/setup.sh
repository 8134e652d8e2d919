#!/bin/sh
set -eu
systemctl enable systemd-networkd systemd-resolved ssh
