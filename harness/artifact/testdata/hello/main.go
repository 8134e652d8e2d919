// Command hello is compiled by the tests of package artifact.
package main

import "fmt"

func main() { fmt.Println("hello") }
