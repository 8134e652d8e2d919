package report

import (
	"slices"
	"strings"
)

// behaviourLabels leaves out the labels that only name the column.
func behaviourLabels(labels []string, guests []Guest) []string {
	return slices.DeleteFunc(slices.Clone(labels), func(l string) bool {
		return slices.ContainsFunc(guests, func(g Guest) bool { return g.System == l })
	})
}

// sortRows orders by name: one seed orders containers alike in all columns,
// but a reader looks a behaviour up by its words. Set-up and tear-down, whose
// names begin with "(", come first.
func sortRows(rows []Row) {
	slices.SortStableFunc(rows, func(a, b Row) int { return strings.Compare(a.Name, b.Name) })
}
