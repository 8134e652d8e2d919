package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
)

// guestdMark begins what a spec adds to the end of this program to have it say
// that it is a guestd: the mark, a version, and what it does when it is to be
// the daemon, "crash" or "hang"; its sections are those of the guestd beside it
// but for "blind", which has none.
const guestdMark = "\nfaultplugin as guestd "

// guestd answers as one, if this program was made to be one: it says the right
// things of itself and is no good.
func guestd(command string) {
	version, mode, ok := told()
	if !ok {
		return
	}
	switch command {
	case "version":
		raw, err := json.Marshal(map[string]string{"version": version, "target": runtime.GOOS + "/" + runtime.GOARCH})
		if err != nil {
			os.Exit(1)
		}
		fmt.Println(string(raw))
		os.Exit(0)
	case "run":
		if mode == "hang" {
			hang()
		}
		os.Exit(3)
	case "plugin":
		if mode == "blind" {
			os.Exit(3)
		}
		os.Exit(asTheOther())
	}
}

// asTheOther does what the guestd that this one is to replace does.
func asTheOther() int {
	path, err := os.Executable()
	if err != nil {
		return 1
	}
	other := exec.Command(strings.Replace(path, "guestd.new", "guestd", 1), os.Args[1:]...)
	other.Stdin, other.Stdout, other.Stderr = os.Stdin, os.Stdout, os.Stderr
	if err := other.Run(); err != nil {
		return 1
	}
	return 0
}

// told is what stands at the end of this program.
func told() (version, mode string, ok bool) {
	path, err := os.Executable()
	if err != nil {
		return "", "", false
	}
	f, err := os.Open(path)
	if err != nil {
		return "", "", false
	}
	defer f.Close()
	const most = 256
	if _, err := f.Seek(-most, io.SeekEnd); err != nil {
		return "", "", false
	}
	tail, err := io.ReadAll(f)
	if err != nil {
		return "", "", false
	}
	_, words, found := strings.Cut(string(tail), guestdMark)
	version, mode, whole := strings.Cut(words, " ")
	return version, mode, found && whole
}
