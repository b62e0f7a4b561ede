// Package podtest starts systems in pods for the tests of their adapters.
package podtest

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seatrial/seatrial/harness/cluster"
	"github.com/seatrial/seatrial/harness/cluster/pod"
)

// Patience bounds every wait of these tests. It is generous: the machine is busy.
const Patience = time.Minute

// Need skips a test on a machine where a runtime can't run, or fails it where
// SEATRIAL_REQUIRE_DOCKER is 1.
func Need(t testing.TB, runtime cluster.Runtime) {
	t.Helper()
	if err := runtime.Available(t.Context()); err != nil {
		SkipOrFail(t, err)
	}
}

// SkipOrFail ends a test for the want of something: it is skipped, or fails where
// SEATRIAL_REQUIRE_DOCKER is 1.
func SkipOrFail(t testing.TB, lack error) {
	t.Helper()
	if os.Getenv("SEATRIAL_REQUIRE_DOCKER") == "1" {
		t.Fatalf("error: %v", lack)
	}
	t.Skipf("skipped: %v", lack)
}

// Up starts a system in pods, waits until it serves, and removes it after the test.
func Up(t *testing.T, system cluster.System) cluster.Cluster {
	t.Helper()
	Need(t, pod.Runtime{})
	t.Setenv("SEATRIAL_SCRATCH", t.TempDir())
	owner, err := cluster.NewOwner()
	require.NoError(t, err)
	// The first time, an image is built.
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	started, err := pod.Runtime{}.Start(ctx, system, cluster.Options{Owner: owner, Log: func(line string) { t.Log(line) }})
	require.NoError(t, err)
	t.Cleanup(func() {
		closing, cancel := context.WithTimeout(context.Background(), Patience)
		defer cancel()
		require.NoError(t, started.Close(closing))
	})
	require.NoError(t, cluster.WaitReady(t.Context(), started, Patience))
	return started
}
