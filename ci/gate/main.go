// Command gate decides whether a report of the matrix lets a release go out:
// every required system is there, at the required fidelity, and none of its
// specs failed, was skipped, or passed only when tried again.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/pflag"

	"innkeeper/matrix/report"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

func run(args []string, out, errw io.Writer) int {
	f := pflag.NewFlagSet("gate", pflag.ContinueOnError)
	f.SetOutput(io.Discard)
	require := f.StringSlice("require", nil, "required `SYSTEM[=FIDELITY]`, repeated or comma-separated; FIDELITY is vendor if left out; all stands for every system of the catalogue")
	labels := f.String("labels", "", "the label `filter` that the report has to be of, as given to matrix run; none if left out")
	err := f.Parse(args)
	switch {
	case errors.Is(err, pflag.ErrHelp):
		fmt.Fprintf(out, `Usage: gate REPORT.json [flags]

%s
Without --require all systems are required at vendor fidelity. Exit status 0
lets the release go, 1 holds it, 2 is a fault of the command line.

Examples:
  gate out/report.json
  gate out/report.json --require all=lookalike
  gate soak.json --labels soak --require all=lookalike
  gate out/report.json --require ubuntu,centos --require pfsense=lookalike
`, f.FlagUsages())
		return 0
	case err != nil:
		fmt.Fprintf(errw, "gate: %v; 'gate --help' tells the flags\n", err)
		return 2
	case f.NArg() != 1:
		fmt.Fprintln(errw, "gate: name one report, as 'matrix run --json FILE' writes it")
		return 2
	}
	wants, err := parseRequirements(*require)
	if err != nil {
		fmt.Fprintf(errw, "gate: %v\n", err)
		return 2
	}
	r, err := report.ReadJSON(f.Arg(0))
	if err != nil {
		fmt.Fprintf(errw, "gate: %v\n", err)
		return 1
	}
	if reasons := judge(r, wants, *labels); len(reasons) > 0 {
		for _, reason := range reasons {
			fmt.Fprintf(errw, "gate: %s\n", reason)
		}
		fmt.Fprintf(errw, "gate: the release is held, %d reasons\n", len(reasons))
		return 1
	}
	fmt.Fprintf(out, "gate: the release may go: %d systems\n", len(wants))
	return 0
}
