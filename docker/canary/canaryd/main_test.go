package main

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestExitCodes(t *testing.T) {
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	good := []string{
		"--node", "n1", "--client-listen", "127.0.0.1:0", "--peer-listen", "127.0.0.1:0",
		"--peers", "n1=127.0.0.1:1", "--data", t.TempDir(),
	}
	for _, c := range []struct {
		name string
		args []string
		exit int
		says string
	}{
		{"starts and stops", good, 0, "n1 serves clients on 127.0.0.1:"},
		{"help", []string{"-h"}, 0, "-defect"},
		{"unknown flag", []string{"--colour"}, exitUsage, "colour"},
		{"no peers", []string{"--node", "n1"}, exitUsage, "want name=host:port"},
		{"unknown defect", append(good, "--defect", "rust"), exitUsage, "stale-read"},
		{"left over", append(good, "more"), exitUsage, `"more"`},
		{"cannot start", append(good, "--node", "n7"), exitFailed, "not among the peers"},
	} {
		t.Run(c.name, func(t *testing.T) {
			log, err := os.Create(filepath.Join(t.TempDir(), "log"))
			require.NoError(t, err)
			defer log.Close()
			exit := run(ended, c.args, log)
			text, err := os.ReadFile(log.Name())
			require.NoError(t, err)
			require.Equal(t, c.exit, exit, "%s", text)
			require.Contains(t, string(text), c.says)
		})
	}
}
