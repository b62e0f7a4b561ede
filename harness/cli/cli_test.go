package cli_test

import (
	"context"
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/seatrial/seatrial/harness/cli"
	"github.com/seatrial/seatrial/scenarios"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"seatrial": func() {
			os.Exit(cli.Run(context.Background(), cli.Set{Scenarios: scenarios.All(), Findings: scenarios.TrackRecord()}, os.Args[1:], os.Stdout, os.Stderr))
		},
		// trial has a set of the tests' own, whose scenarios take seconds.
		"trial": func() { os.Exit(cli.Run(context.Background(), trials(), os.Args[1:], os.Stdout, os.Stderr)) },
		// mixer has one scenario, whose mix can't all be had.
		"mixer": func() { os.Exit(cli.Run(context.Background(), mixer(), os.Args[1:], os.Stdout, os.Stderr)) },
	})
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		UpdateScripts:       os.Getenv("UPDATE") != "",
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			// Programs are built once for the machine, not once a script.
			for _, name := range []string{"GOCACHE", "GOMODCACHE", "GOPATH", "GOPROXY", "GOFLAGS", "DOCKER_HOST", "SEATRIAL_CACHE"} {
				if value := os.Getenv(name); value != "" {
					env.Setenv(name, value)
				}
			}
			env.Setenv("HOME", os.Getenv("HOME"))
			here, err := os.Getwd()
			env.Setenv("PACKAGE", here)
			return err
		},
	})
}
