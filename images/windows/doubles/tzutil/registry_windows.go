package main

import (
	"fmt"
	"os"

	"golang.org/x/sys/windows/registry"
)

const (
	zones   = `SOFTWARE\Microsoft\Windows NT\CurrentVersion\Time Zones`
	inForce = `SYSTEM\CurrentControlSet\Control\TimeZoneInformation`
	// localtime is a file of the Linux beneath, reached through Wine's name for
	// its root.
	localtime = `\\?\unix\etc\localtime`
)

// show prints the name without a line's end, as the real one does.
func show() error {
	k, err := registry.OpenKey(registry.LOCAL_MACHINE, inForce, registry.QUERY_VALUE)
	if err != nil {
		return fmt.Errorf("tzutil: %w", err)
	}
	defer k.Close()
	name, _, err := k.GetStringValue("TimeZoneKeyName")
	if err != nil {
		return fmt.Errorf("tzutil: %w", err)
	}
	fmt.Print(name)
	return nil
}

func choose(name string) error {
	from, err := registry.OpenKey(registry.LOCAL_MACHINE, zones+`\`+name, registry.QUERY_VALUE)
	if err != nil {
		return fmt.Errorf("tzutil: there is no time zone of the name %s", name)
	}
	defer from.Close()
	tzi, _, err := from.GetBinaryValue("TZI")
	if err != nil {
		return fmt.Errorf("tzutil: the zone %s: %w", name, err)
	}
	rule, err := parseRule(tzi)
	if err != nil {
		return fmt.Errorf("tzutil: the zone %s: %w", name, err)
	}
	k, _, err := registry.CreateKey(registry.LOCAL_MACHINE, inForce, registry.SET_VALUE)
	if err != nil {
		return fmt.Errorf("tzutil: %w", err)
	}
	defer k.Close()
	for value, number := range map[string]int32{
		"Bias": rule.Bias, "StandardBias": rule.StandardBias, "DaylightBias": rule.DaylightBias,
		"ActiveTimeBias": rule.Bias + rule.StandardBias, "DynamicDaylightTimeDisabled": 0,
	} {
		if err := k.SetDWordValue(value, uint32(number)); err != nil {
			return fmt.Errorf("tzutil: %w", err)
		}
	}
	if err := k.SetStringValue("TimeZoneKeyName", name); err != nil {
		return fmt.Errorf("tzutil: %w", err)
	}
	temp := localtime + ".new"
	if err := os.WriteFile(temp, rule.tzif(), 0o644); err != nil {
		return fmt.Errorf("tzutil: %w", err)
	}
	return os.Rename(temp, localtime)
}

// all prints each zone's title and name.
func all() error {
	k, err := registry.OpenKey(registry.LOCAL_MACHINE, zones, registry.ENUMERATE_SUB_KEYS)
	if err != nil {
		return fmt.Errorf("tzutil: %w", err)
	}
	defer k.Close()
	names, err := k.ReadSubKeyNames(-1)
	if err != nil {
		return fmt.Errorf("tzutil: %w", err)
	}
	for _, name := range names {
		z, err := registry.OpenKey(registry.LOCAL_MACHINE, zones+`\`+name, registry.QUERY_VALUE)
		if err != nil {
			return fmt.Errorf("tzutil: %w", err)
		}
		title, _, err := z.GetStringValue("Display")
		_ = z.Close()
		if err != nil {
			return fmt.Errorf("tzutil: the zone %s: %w", name, err)
		}
		fmt.Printf("%s\r\n%s\r\n\r\n", title, name)
	}
	return nil
}
