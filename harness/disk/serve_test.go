package disk_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seatrial/seatrial/harness/disk"
)

// fake is a node that remembers what it was told.
type fake struct {
	mu    sync.Mutex
	rules map[string]disk.Rule
	power disk.Power
	ended chan struct{}
}

func (f *fake) Apply(id string, rule disk.Rule) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, taken := f.rules[id]; taken {
		return errors.New("another rule is in force")
	}
	f.rules[id] = rule
	return nil
}

func (f *fake) Undo(id string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.rules, id)
}

func (f *fake) Heal() (ids []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for id := range f.rules {
		ids = append(ids, id)
	}
	clear(f.rules)
	return ids
}

func (f *fake) Active() (ids []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for id := range f.rules {
		ids = append(ids, id)
	}
	return ids
}

func (f *fake) Count(string) disk.Count { return disk.Count{Times: 3, Bytes: 4} }
func (f *fake) Stats() disk.Stats       { return disk.Stats{UnsyncedNames: 5} }
func (f *fake) PowerLoss(_ context.Context, power disk.Power) (disk.Loss, error) {
	f.power = power
	return disk.Loss{Names: 6}, nil
}
func (f *fake) Kill(context.Context) error { return errors.New("it lives on") }
func (f *fake) Suspend() error             { return errors.New("it walks on") }
func (f *fake) End()                       { close(f.ended) }

func serveFake(t *testing.T, healAfter time.Duration) (*fake, *disk.Client) {
	node := &fake{rules: map[string]disk.Rule{}, ended: make(chan struct{})}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	server := disk.Server{Node: node, Token: "s3cret", HealAfter: healAfter}
	go func() { served <- server.Serve(ctx, listener) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-served)
	})
	return node, &disk.Client{Address: listener.Addr().String(), Token: "s3cret"}
}

func TestEveryRequestReachesTheNode(t *testing.T) {
	node, c := serveFake(t, 0)
	ctx := t.Context()
	rule := disk.Rule{Action: disk.Delay, Latency: time.Second}
	require.NoError(t, c.Apply(ctx, "f1", rule))
	require.Equal(t, rule, node.rules["f1"])
	require.ErrorContains(t, c.Apply(ctx, "f1", rule), "another rule is in force")
	active, err := c.Active(ctx)
	require.NoError(t, err)
	require.Equal(t, []string{"f1"}, active)
	count, err := c.Count(ctx, "f1")
	require.NoError(t, err)
	require.Equal(t, disk.Count{Times: 3, Bytes: 4}, count)
	require.NoError(t, c.Undo(ctx, "f1"))
	require.NoError(t, c.Heartbeat(ctx))
	require.NoError(t, c.Heal(ctx))
	stats, err := c.Stats(ctx)
	require.NoError(t, err)
	require.Equal(t, 5, stats.UnsyncedNames)
	require.ErrorContains(t, c.Kill(ctx), "it lives on")
	require.ErrorContains(t, c.Suspend(ctx), "it walks on")
	select {
	case <-node.ended:
		t.Fatal("a kill that failed ended the node")
	default:
	}
	loss, err := c.PowerLoss(ctx, disk.Power{Torn: true, Seed: 9})
	require.NoError(t, err)
	require.Equal(t, 6, loss.Names)
	require.Equal(t, disk.Power{Torn: true, Seed: 9}, node.power)
	select {
	case <-node.ended:
	case <-time.After(10 * time.Second):
		t.Fatal("the node did not end after it answered")
	}
}

func TestSilenceOfTheRunHeals(t *testing.T) {
	node, c := serveFake(t, 50*time.Millisecond)
	require.NoError(t, c.Apply(t.Context(), "f1", disk.Rule{Action: disk.Stall}))
	require.Eventually(t, func() bool { return len(node.Active()) == 0 }, 10*time.Second, time.Millisecond)
	require.Eventually(t, func() bool {
		stats, err := c.Stats(t.Context())
		return err == nil && stats.Healed == 1
	}, 10*time.Second, time.Millisecond)
}

// What strangers send ends their connection and nothing else.
func TestStrangersOnTheControlPort(t *testing.T) {
	_, c := serveFake(t, 0)
	for send, answers := range map[string]string{
		"GET / HTTP/1.1\r\n\r\n":                             "not a seatrial preamble",
		"SEATRIAL wrong CONTROL\n{\"op\":\"heal\"}\n":        "does not know this token",
		"SEATRIAL s3cret CONNECT n1:1 AS x\n":                "does not know this token",
		"SEATRIAL s3cret CONTROL\n{\"op\":\"explode\"}\n":    `unknown request \"explode\"`,
		"SEATRIAL s3cret CONTROL\n{\"op\":\"apply\"}\n":      "an id has",
		"SEATRIAL s3cret CONTROL\n{\"op\":\"power-loss\"}\n": "what survives",
		"SEATRIAL s3cret CONTROL\nnot json\n":                "invalid character",
	} {
		conn, err := net.Dial("tcp", c.Address)
		require.NoError(t, err)
		require.NoError(t, conn.SetDeadline(time.Now().Add(10*time.Second)))
		_, err = io.WriteString(conn, send)
		require.NoError(t, err)
		line, err := bufio.NewReader(conn).ReadString('\n')
		require.NoError(t, err, send)
		require.Contains(t, line, answers)
		conn.Close()
	}
	_, err := c.Stats(t.Context())
	require.NoError(t, err)
}

func TestADiskThatDoesNotAnswer(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	c := &disk.Client{Address: listener.Addr().String(), Token: "x"}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err = c.Stats(ctx)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.ErrorContains(t, err, "disk at "+c.Address+": hello")
	c.Token = "two words"
	_, err = c.Stats(t.Context())
	require.ErrorIs(t, err, disk.ErrDisk)
	err = c.Apply(t.Context(), strings.Repeat("x", 300), disk.Rule{Action: disk.Stall})
	require.ErrorContains(t, err, fmt.Sprint(300))
}
