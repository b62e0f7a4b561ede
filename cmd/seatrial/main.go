// Command seatrial runs the scenarios that ship with seatrial; see package cli.
package main

import (
	"github.com/seatrial/seatrial/harness/cli"
	"github.com/seatrial/seatrial/scenarios"
)

func main() { cli.Main(scenarios.All()) }
