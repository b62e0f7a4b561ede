package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seatrial/seatrial/docker/postgres"
	"github.com/seatrial/seatrial/docker/redis"
	"github.com/seatrial/seatrial/harness/disk"
)

// Redis loses what it promised to sync later, and keeps what it synced.
func TestRedisLosesItsPower(t *testing.T) {
	image := imageOf(t, redis.Cluster{})
	for fsync, kept := range map[string]int{"always": 300, "no": 0} {
		t.Run("appendfsync "+fsync, func(t *testing.T) {
			b := newBox(t, image, nil,
				"redis-server", "--dir", "/data", "--save", "", "--appendonly", "yes", "--appendfsync", fsync)
			ping := func() error {
				_, err := docker(t.Context(), "exec", b.id, "sh", "-c", "redis-cli ping | grep PONG")
				return err
			}
			b.eventually("redis serves", ping)
			require.Equal(t, "300", b.sh("for i in $(seq 300); do echo set key$i value; done | redis-cli | grep -c OK"))
			loss, err := b.PowerLoss(t.Context(), disk.Power{})
			require.NoError(t, err)
			t.Log(loss)
			require.Equal(t, "137", b.ended())
			b.start()
			b.eventually("redis serves again", ping)
			require.Equal(t, fmt.Sprint(kept), b.sh("redis-cli dbsize"))
		})
	}
}

// PostgreSQL loses no commit, and recovers, whatever sectors survive.
func TestPostgresLosesItsPower(t *testing.T) {
	b := newBox(t, imageOf(t, postgres.Cluster{}), []string{"--env", envUser + "=postgres"},
		"/usr/lib/postgresql/15/bin/postgres", "-D", "/data", "-c", "checkpoint_timeout=30s", "-c", "fsync=on")
	rounds := 4
	if testing.Short() {
		rounds = 2
	}
	count := "psql -h /var/run/postgresql -U postgres -tAc 'SELECT count(*) FROM appends' 2>&1"
	for i := range rounds {
		b.eventually("the server serves, with every commit", func() error {
			out, err := docker(t.Context(), "exec", b.id, "sh", "-c", count)
			if err == nil && out != fmt.Sprint(i*200) {
				t.Fatalf("there are %s rows of %d", out, i*200)
			}
			return err
		})
		b.sh(`for i in $(seq 200); do echo "INSERT INTO appends (list, element) VALUES ('x', $i);"; done | psql -h /var/run/postgresql -U postgres -q -v ON_ERROR_STOP=1`)
		loss, err := b.PowerLoss(t.Context(), disk.Power{Torn: i > 0, Seed: uint64(i)})
		require.NoError(t, err)
		t.Log(loss)
		require.Equal(t, "137", b.ended())
		b.start()
	}
	require.NotContains(t, strings.ToLower(b.docker("logs", b.id)), "panic")
}
