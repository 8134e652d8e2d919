package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime/debug"
)

// misbehave does not return, unless there is nothing to be done badly.
func misbehave(do string) {
	switch do {
	case "crash":
		crash()
	case "exit":
		fmt.Fprintln(os.Stderr, "leaving with status 3, as told")
		os.Exit(3)
	case "hang":
		hang()
	case "flood":
		flood()
	case "eat":
		eat()
	case "fork":
		fork()
	case "garbage":
		fmt.Println("this is not of the protocol")
		os.Exit(0)
	}
}

// hang waits for what never comes, deaf to polite requests to end.
func hang() {
	deaf := make(chan os.Signal, 1)
	signal.Notify(deaf)
	for range deaf { //nolint:revive // every signal is ignored
	}
}

// flood writes to both streams for as long as it is let.
func flood() {
	block := append(bytes.Repeat([]byte("flood "), 1<<13), '\n')
	for {
		if _, err := os.Stdout.Write(block); err != nil {
			os.Exit(1)
		}
		if _, err := os.Stderr.Write(block); err != nil {
			os.Exit(1)
		}
	}
}

// hoard keeps what eat takes from being given back.
var hoard [][]byte

// eat takes memory and uses it for as long as it is let.
func eat() {
	const page = 4096
	debug.SetGCPercent(-1) // nothing is garbage, and looking for it takes time
	for {
		// A whole limit at once: where the system counts what was asked for, the
		// first request fails; where it counts what is used, touching is seen.
		b := make([]byte, 512<<20)
		for i := 0; i < len(b); i += page {
			b[i] = 1
		}
		hoard = append(hoard, b)
	}
}

// fork leaves processes behind that hang and hold its output open, and crashes:
// a child, one that has detached itself, and one that has and whose parent has
// ended, as a daemon does.
func fork() {
	leave(false)
	leave(true)
	parent := self(parentOfOne)
	if err := parent.Run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	crash()
}

func leave(detached bool) {
	child := self(leftBehind)
	if detached {
		detach(child)
	}
	if err := child.Start(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Fprintf(os.Stderr, "left behind: %d\n", child.Process.Pid)
}

func self(argument string) *exec.Cmd {
	path, err := os.Executable()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	cmd := exec.Command(path, argument)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	return cmd
}
