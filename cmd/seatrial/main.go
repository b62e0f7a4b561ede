// Command seatrial runs the scenarios that ship with seatrial; see package cli.
package main

import (
	"github.com/seatrial/seatrial/harness/cli"
	"github.com/seatrial/seatrial/scenarios"
)

func main() { cli.Main(cli.Set{Scenarios: scenarios.All(), Findings: scenarios.TrackRecord()}) }
