package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seatrial/seatrial/docker/redis"
	"github.com/seatrial/seatrial/harness/disk"
)

func TestTheCommandIsWhatItWouldBeWithoutUs(t *testing.T) {
	image := imageOf(t, redis.Cluster{})
	script := `id; grep -E '^Cap|NoNewPrivs' /proc/self/status; ulimit -n; umask; pwd; env | grep -E '^(HOME|PATH|A|SEATRIAL)' | sort; ls -ld /data; ls -l /proc/self/fd | wc -l`
	users := []string{"", "redis", "1234:7", "daemon:redis"}
	if testing.Short() {
		users = users[:2]
	}
	for _, user := range users {
		t.Run("user "+user, func(t *testing.T) {
			options := []string{"--env", "A=b", "--workdir", "/data"}
			plain := append([]string{"run", "--rm", "--user", user, "--entrypoint", "sh"}, options...)
			if user == "" {
				plain = append([]string{"run", "--rm", "--entrypoint", "sh"}, options...)
			}
			want, err := docker(t.Context(), append(plain, image, "-c", script)...)
			require.NoError(t, err)
			b := newBox(t, image, append(options, "--env", envUser+"="+user), "sh", "-c", script+"; touch /tmp/done; exec sleep 1000")
			b.eventually("the command has said all", func() error {
				_, err := docker(t.Context(), "exec", b.id, "test", "-e", "/tmp/done")
				return err
			})
			require.Equal(t, want, b.docker("logs", b.id))
		})
	}
}

func TestTheContainerEndsAsItsCommandDoes(t *testing.T) {
	image := imageOf(t, redis.Cluster{})
	for _, c := range []struct {
		name, script, signal, code string
	}{
		{"code", "exit 7", "", "7"},
		{"killed", "kill -9 $$", "", "137"},
		{"signal", "trap 'exit 5' TERM; touch /data/went; while :; do sleep 0.02; done", "TERM", "5"},
		{"signal that it does not take", "touch /data/went; exec sleep 1000", "USR1", "138"},
		{"orphans", "(sleep 1000 &) ; (sleep 1000 &) ; exit 3", "", "3"},
	} {
		t.Run(c.name, func(t *testing.T) {
			// It waits for the test, which asks the disk first.
			b := newBox(t, image, nil, "sh", "-c", "while [ ! -e /data/go ]; do sleep 0.02; done; "+c.script)
			_, _ = docker(t.Context(), "exec", b.id, "touch", "/data/go") // the container may end before this does
			if c.signal != "" {
				b.eventually("the command went on", func() error {
					_, err := docker(t.Context(), "exec", b.id, "test", "-e", "/data/went")
					return err
				})
				b.docker("kill", "--signal", c.signal, b.id)
			}
			require.Equal(t, c.code, b.ended())
		})
	}
}

// A node whose power goes comes back with what it had synced, and one that is
// killed with everything; what was not synced then can still be lost.
func TestPowerLossAndKillOfAContainer(t *testing.T) {
	b := newBox(t, imageOf(t, redis.Cluster{}), nil, "sleep", "1000")
	b.sh("echo kept > /data/kept && sync /data/kept && echo new > /data/kept && echo new > /data/new")
	require.NoError(t, b.Kill(t.Context()))
	require.Equal(t, "137", b.ended())
	b.start()
	require.Equal(t, "new\nnew", b.sh("cat /data/kept /data/new"))
	loss, err := b.PowerLoss(t.Context(), disk.Power{})
	require.NoError(t, err)
	require.Equal(t, 1, loss.Names)
	require.Equal(t, "137", b.ended())
	b.start()
	require.Equal(t, "kept", b.sh("ls /data"))
	require.Equal(t, "kept", b.sh("cat /data/kept"))
}

// Killed at any moment, by the engine or through the disk, the container ends and
// can be started again, and what was written is there.
func TestContainersThatAreKilledEndAndStartAgain(t *testing.T) {
	b := newBox(t, imageOf(t, redis.Cluster{}), nil, "sh", "-c",
		"i=$(cat /data/last 2>/dev/null || echo 0); while :; do i=$((i+1)); echo $i > /data/tmp && mv /data/tmp /data/last; dd if=/dev/zero of=/data/big bs=64k count=4 conv=fsync 2>/dev/null; done")
	random := rand.New(rand.NewPCG(4, 4))
	last, rounds := 0, killings()
	for i := range rounds {
		b.eventually("the command goes on from where it was", func() error {
			out, err := docker(t.Context(), "exec", b.id, "cat", "/data/last")
			if err != nil {
				return err
			}
			var now int
			if _, err := fmt.Sscan(out, &now); err != nil || now <= last {
				return fmt.Errorf("it is at %q, was at %d", out, last)
			}
			last = now
			return nil
		})
		time.Sleep(time.Duration(random.IntN(100)) * time.Millisecond) // the moment is what is tested
		if i%3 == 2 {
			require.NoError(t, b.Kill(t.Context()))
		} else {
			b.docker("kill", b.id)
		}
		require.Equal(t, "137", b.ended())
		b.start()
	}
	t.Logf("%d killings, and %d rounds of its loop", rounds, last)
}

// killings is how often a container is killed: 500 times where SEATRIAL_SOAK is 1.
func killings() int {
	switch {
	case os.Getenv("SEATRIAL_SOAK") == "1":
		return 500
	case testing.Short():
		return 3
	}
	return 6
}

func TestRulesReachIntoTheContainer(t *testing.T) {
	b := newBox(t, imageOf(t, redis.Cluster{}), nil, "sleep", "1000")
	require.NoError(t, b.Apply(t.Context(), "full", disk.Rule{Action: disk.Fail, Error: "ENOSPC", Ops: []disk.Op{disk.OpWrite}}))
	_, err := docker(t.Context(), "exec", b.id, "cp", "/etc/passwd", "/data/f")
	require.ErrorContains(t, err, "No space left on device")
	count, err := b.Count(t.Context(), "full")
	require.NoError(t, err)
	require.EqualValues(t, 1, count.Times)
	require.NoError(t, b.Heal(t.Context()))
	b.sh("echo x > /data/f")
}

func TestWhatIsMissingIsSaid(t *testing.T) {
	for want, env := range map[string]string{
		"SEATRIAL_TOKEN is not set":        "SEATRIAL_DISK_MOUNT=/a SEATRIAL_DISK_BACKING=/b",
		"SEATRIAL_DISK_MOUNT is not set":   "SEATRIAL_TOKEN=x SEATRIAL_DISK_BACKING=/b",
		"SEATRIAL_DISK_BACKING is not set": "SEATRIAL_TOKEN=x SEATRIAL_DISK_MOUNT=/a",
		"is in the data directory":         "SEATRIAL_TOKEN=x SEATRIAL_DISK_MOUNT=/a SEATRIAL_DISK_BACKING=/a/b",
		"not a port":                       "SEATRIAL_TOKEN=x SEATRIAL_DISK_MOUNT=/a SEATRIAL_DISK_BACKING=/b SEATRIAL_DISK_PORT=0",
		"1 or nothing":                     "SEATRIAL_TOKEN=x SEATRIAL_DISK_MOUNT=/a SEATRIAL_DISK_BACKING=/b SEATRIAL_DISK_STRICT=yes",
	} {
		_, err := fromEnvironment(strings.Fields(env), []string{"true"})
		require.ErrorContains(t, err, want)
	}
	s, err := fromEnvironment(strings.Fields("SEATRIAL_TOKEN=x SEATRIAL_DISK_MOUNT=/a SEATRIAL_DISK_BACKING=/ab HOME=/root"), []string{"true"})
	require.NoError(t, err)
	require.Equal(t, []string{"HOME=/root"}, s.env, "the command does not see ours")
	_, err = fromEnvironment(strings.Fields("SEATRIAL_TOKEN=x SEATRIAL_DISK_MOUNT=/a SEATRIAL_DISK_BACKING=/b"), nil)
	require.ErrorContains(t, err, "no command")
}

func TestUsersOfAnImage(t *testing.T) {
	etc := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(etc, "passwd"), []byte("root:x:0:0:root:/root:/bin/sh\ndb:x:70:71::/var/lib/db:/bin/sh\n"), 0o644))
	require.NoError(t, os.WriteFile(filepath.Join(etc, "group"), []byte("root:x:0:\ndb:x:71:\nssl:x:90:other,db\n"), 0o644))
	for text, want := range map[string]user{
		"":       {home: "/root"},
		"db":     {70, 71, []uint32{90}, "/var/lib/db"},
		"70":     {70, 71, []uint32{90}, "/var/lib/db"},
		"db:ssl": {70, 90, nil, "/var/lib/db"},
		"5:6":    {5, 6, nil, "/"},
		"5":      {5, 0, nil, "/"},
	} {
		got, err := findUser(etc, text)
		require.NoError(t, err)
		require.Equal(t, want, got, text)
	}
	_, err := findUser(etc, "nobody")
	require.ErrorContains(t, err, `"nobody" is not in the image`)
	_, err = findUser(etc, "db:none")
	require.ErrorContains(t, err, `"none" is not in the image`)
	none, err := findUser(t.TempDir(), "0:0")
	require.NoError(t, err)
	require.Zero(t, none.uid)
}
