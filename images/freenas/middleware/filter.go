package middleware

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"sort"
	"strings"

	"innkeeper/images/freenas/ddp"
)

// queryOptions are the attributes of query-options that are built.
var queryOptions = attribute{name: "query-options", kind: objectKind, fields: []attribute{
	{name: "order_by", kind: listKind},
	{name: "select", kind: listKind},
	{name: "count", kind: boolKind},
	{name: "get", kind: boolKind},
	{name: "offset", kind: integerKind},
	{name: "limit", kind: integerKind},
}}

// plain is a record's value as JSON values, for comparisons.
func plain(value any) any {
	raw, err := json.Marshal(value)
	if err != nil {
		return nil
	}
	out, err := ddp.Decode(raw)
	if err != nil {
		return nil
	}
	return out
}

// filterList selects from records as utils.filter_list does: every filter is
// [name, operator, value] or ["OR", [filters]].
func filterList(records []ddp.Record, filters []any, options map[string]any) (any, error) {
	kept := []ddp.Record{}
	for _, record := range records {
		ok, err := matches(record, filters)
		if err != nil {
			return nil, err
		}
		if ok {
			kept = append(kept, record)
		}
	}
	if options["count"] == true {
		return len(kept), nil
	}
	orders, _ := options["order_by"].([]string)
	for _, order := range orders {
		name, reverse := strings.CutPrefix(order, "-")
		sort.SliceStable(kept, func(i, j int) bool {
			if reverse {
				i, j = j, i
			}
			a, _ := kept[i].Get(name)
			b, _ := kept[j].Get(name)
			less, ok := compare(plain(a), plain(b))
			return ok && less < 0
		})
	}
	if chosen, ok := options["select"].([]string); ok && len(chosen) > 0 {
		for i, record := range kept {
			var narrow ddp.Record
			for _, name := range chosen {
				if value, ok := record.Get(name); ok {
					narrow = append(narrow, ddp.Field{Key: name, Value: value})
				}
			}
			kept[i] = narrow
		}
	}
	if options["get"] == true {
		if len(kept) == 0 {
			return nil, callError{errNoEntry, "MatchNotFound()"}
		}
		return kept[0], nil
	}
	if offset, ok := options["offset"].(int); ok && offset > 0 {
		kept = kept[min(offset, len(kept)):]
	}
	if limit, ok := options["limit"].(int); ok && limit > 0 {
		kept = kept[:min(limit, len(kept))]
	}
	return kept, nil
}

func matches(record ddp.Record, filters []any) (bool, error) {
	for _, one := range filters {
		filter, ok := one.([]any)
		if !ok {
			return false, valueError(fmt.Sprintf("Invalid filter %v", one))
		}
		if len(filter) == 2 {
			alternatives, ok := filter[1].([]any)
			if filter[0] != "OR" || !ok {
				return false, valueError(fmt.Sprintf("Invalid operation: %v", filter[0]))
			}
			hits := false
			for _, alternative := range alternatives {
				hit, err := matches(record, []any{alternative})
				if err != nil {
					return false, err
				}
				hits = hits || hit
			}
			if !hits {
				return false, nil
			}
			continue
		}
		if len(filter) != 3 {
			return false, valueError(fmt.Sprintf("Invalid filter %v", filter))
		}
		name, ok1 := filter[0].(string)
		operator, ok2 := filter[1].(string)
		if !ok1 || !ok2 {
			return false, valueError(fmt.Sprintf("Invalid filter %v", filter))
		}
		value, _ := record.Get(name)
		hit, err := operate(plain(value), operator, filter[2])
		if err != nil || !hit {
			return false, err
		}
	}
	return true, nil
}

// operate applies one operator to what the record has and what was asked for.
func operate(has any, operator string, asked any) (bool, error) {
	order, comparable := compare(has, asked)
	text, isText := has.(string)
	part, _ := asked.(string)
	switch operator {
	case "=":
		return comparable && order == 0, nil
	case "!=":
		return !comparable || order != 0, nil
	case ">":
		return comparable && order > 0, nil
	case ">=":
		return comparable && order >= 0, nil
	case "<":
		return comparable && order < 0, nil
	case "<=":
		return comparable && order <= 0, nil
	case "~":
		pattern, err := regexp.Compile("^(?:" + part + ")")
		if err != nil {
			return false, err
		}
		return isText && pattern.MatchString(text), nil
	case "in":
		return within(has, asked), nil
	case "nin":
		return !within(has, asked), nil
	case "rin":
		return has != nil && within(asked, has), nil
	case "rnin":
		return has != nil && !within(asked, has), nil
	case "^":
		return isText && strings.HasPrefix(text, part), nil
	case "!^":
		return isText && !strings.HasPrefix(text, part), nil
	case "$":
		return isText && strings.HasSuffix(text, part), nil
	case "!$":
		return isText && !strings.HasSuffix(text, part), nil
	default:
		return false, valueError(fmt.Sprintf("Invalid operation: %s", operator))
	}
}

// compare orders two values; ok is false for values that have no order.
func compare(a, b any) (order int, ok bool) {
	switch x := a.(type) {
	case nil:
		return 0, b == nil
	case string:
		y, ok := b.(string)
		return strings.Compare(x, y), ok
	case bool:
		y, ok := b.(bool)
		if x == y {
			return 0, ok
		}
		return -1, ok
	case json.Number:
		y, ok := b.(json.Number)
		if !ok {
			return 0, false
		}
		m, err1 := x.Float64()
		n, err2 := y.Float64()
		switch {
		case m < n:
			order = -1
		case m > n:
			order = 1
		}
		return order, err1 == nil && err2 == nil
	default:
		return 0, false
	}
}

func within(one, all any) bool {
	switch list := all.(type) {
	case []any:
		return slices.ContainsFunc(list, func(item any) bool {
			order, ok := compare(one, item)
			return ok && order == 0
		})
	case string:
		part, ok := one.(string)
		return ok && strings.Contains(list, part)
	default:
		return false
	}
}
