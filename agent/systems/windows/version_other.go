//go:build !windows

package windows

func version() string { return "" }
