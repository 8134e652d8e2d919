package middleware

import (
	"context"
	"fmt"
	"slices"

	"innkeeper/images/freenas/ddp"
)

// table is a table of the database, each row of which the API shows as a record.
type table struct {
	// name is the table's, and prefix begins its columns' names but for id's.
	name, prefix string
	columns      []column // id is the first
	// thing is what the API calls a row that is not there.
	thing string
	// shown turns a column's value into the API's and kept turns it back; nil
	// where they are the same.
	shown, kept func(column string, value any) any
}

// column is a column of a table by its name without the table's prefix.
type column struct {
	name string
	kind kind
}

// words has the texts of some columns turned.
func words(turned func(string) string, columns ...string) func(string, any) any {
	return func(column string, value any) any {
		if slices.Contains(columns, column) {
			return turned(text(value))
		}
		return value
	}
}

// row is the columns of a record without its id, as insert and update take them.
func (t table) row(record map[string]any) (names []string, values []any) {
	for _, c := range t.columns[1:] {
		value := record[c.name]
		if t.kept != nil {
			value = t.kept(c.name, value)
		}
		names, values = append(names, c.name), append(values, value)
	}
	return names, values
}

// records are all rows.
func (s *store) records(ctx context.Context, t table) ([]ddp.Record, error) {
	rows, err := s.query(ctx, t.name, t.prefix, t.columns)
	if err != nil {
		return nil, err
	}
	records := make([]ddp.Record, len(rows))
	for r, row := range rows {
		for i, c := range t.columns {
			value := row[i]
			if t.shown != nil {
				value = t.shown(c.name, value)
			}
			records[r] = append(records[r], ddp.Field{Key: c.name, Value: value})
		}
	}
	return records, nil
}

// record is the row of that id; that there is none is a validationError.
func (s *store) record(ctx context.Context, t table, id int) (ddp.Record, error) {
	records, err := s.records(ctx, t)
	if err != nil {
		return nil, err
	}
	for _, record := range records {
		if value, _ := record.Get("id"); value == id {
			return record, nil
		}
	}
	return nil, &validationError{alone: true, fields: []invalidField{
		{"None", fmt.Sprintf("%s %d does not exist", t.thing, id), errNoEntry},
	}}
}

// single is the row of a table that has one row.
func (s *store) single(ctx context.Context, t table) (ddp.Record, error) {
	records, err := s.records(ctx, t)
	if err != nil {
		return nil, err
	}
	if len(records) == 0 {
		return nil, fmt.Errorf("%s has no row", t.name)
	}
	return records[0], nil
}

// queryMethod is the method query of a table.
func (s *Server) queryMethod(t table) func(context.Context, []any) (any, error) {
	return func(ctx context.Context, params []any) (any, error) {
		filters, options, err := queryParams(params)
		if err != nil {
			return nil, err
		}
		records, err := s.store.records(ctx, t)
		if err != nil {
			return nil, err
		}
		return filterList(records, filters, options)
	}
}
