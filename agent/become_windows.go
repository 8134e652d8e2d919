package main

import "errors"

// becomes says whether a process can become another program.
const becomes = false

func become(string) error { return errors.New("the service has to be started anew") }
