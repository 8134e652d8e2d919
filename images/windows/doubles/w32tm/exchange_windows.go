package main

import (
	"context"
	"fmt"
	"net"

	"golang.org/x/sys/windows"

	"innkeeper/images/windows/w32time"
)

const ntpPort = 123

// exchange is a w32time.Exchange on a socket of Windows' own: Go's package net
// sets SIO_UDP_NETRESET on every UDP socket, which Wine 10 does not know, and
// gives none.
func exchange(host string, request []byte) (answer []byte, address string, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), w32time.AskTimeout)
	defer cancel()
	found, err := net.DefaultResolver.LookupNetIP(ctx, "ip4", host)
	if err != nil {
		return nil, "", err
	}
	var data windows.WSAData
	if err := windows.WSAStartup(0x202, &data); err != nil {
		return nil, "", fmt.Errorf("start winsock: %w", err)
	}
	defer func() { _ = windows.WSACleanup() }()
	socket, err := windows.Socket(windows.AF_INET, windows.SOCK_DGRAM, windows.IPPROTO_UDP)
	if err != nil {
		return nil, "", fmt.Errorf("open a socket: %w", err)
	}
	defer func() { _ = windows.Closesocket(socket) }()
	if err := windows.SetsockoptInt(socket, windows.SOL_SOCKET, windows.SO_RCVTIMEO, int(w32time.AskTimeout.Milliseconds())); err != nil {
		return nil, "", fmt.Errorf("limit the wait: %w", err)
	}
	if err := windows.Connect(socket, &windows.SockaddrInet4{Port: ntpPort, Addr: found[0].Unmap().As4()}); err != nil {
		return nil, "", err
	}
	var n, flags uint32
	if err := windows.WSASend(socket, &windows.WSABuf{Len: uint32(len(request)), Buf: &request[0]}, 1, &n, 0, nil, nil); err != nil {
		return nil, "", err
	}
	answer = make([]byte, 256)
	if err := windows.WSARecv(socket, &windows.WSABuf{Len: uint32(len(answer)), Buf: &answer[0]}, 1, &n, &flags, nil, nil); err != nil {
		return nil, "", err
	}
	return answer[:n], found[0].Unmap().String(), nil
}
