//go:build linux

package main

import (
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// deviceTimeout bounds the wait for the disk. Its driver finds it while the
// module is loaded, so anything above a second is a broken machine.
const deviceTimeout = 20 * time.Second

// awaitDevice returns when the file is there, woken by the kernel's events
// about new devices.
func awaitDevice(file string) error {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_KOBJECT_UEVENT)
	if err != nil {
		return fmt.Errorf("listen for devices: %w", err)
	}
	defer unix.Close(fd)
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: 1}); err != nil {
		return fmt.Errorf("listen for devices: %w", err)
	}
	buf := make([]byte, 8192)
	end := time.Now().Add(deviceTimeout)
	for {
		if _, err := os.Stat(file); err == nil {
			return nil
		}
		left := unix.NsecToTimeval(int64(max(time.Until(end), time.Microsecond)))
		if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &left); err != nil {
			return err
		}
		if _, _, err := unix.Recvfrom(fd, buf, 0); err != nil && time.Now().After(end) {
			return fmt.Errorf("no %s after %s: is the disk a virtio one?", file, deviceTimeout)
		}
	}
}
