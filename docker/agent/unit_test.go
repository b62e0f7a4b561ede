package main

import (
	"bufio"
	"io"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seatrial/seatrial/harness/link"
	"github.com/seatrial/seatrial/harness/link/wire"
)

func TestFlowsAreSortedByWhoActsOnThem(t *testing.T) {
	config := wire.Config{Node: "n1", Peers: map[link.End][]netip.Addr{
		"n2": {netip.MustParseAddr("10.0.0.2")}, "n3": {netip.MustParseAddr("10.0.0.3")}}}
	streams := config
	streams.Streams = true
	flow := func(from, to link.End) link.Flow { return link.Flow{From: from, To: to} }
	for name, c := range map[string]struct {
		config           wire.Config
		action           link.Action
		flow             link.Flow
		packets, streams bool
		complains        string
	}{
		"own flow out":               {config, link.Drop, flow("n1", "n2"), true, false, ""},
		"own flow in":                {config, link.Refuse, flow("n3", "n1"), true, false, ""},
		"packets, though redirected": {streams, link.Drop, flow("n1", "n2"), true, false, ""},
		"streams":                    {streams, link.Delay, flow("n1", "n2"), false, true, ""},
		"streams without redirects":  {config, link.Delay, flow("n1", "n2"), false, false, "needs a redirected link"},
		"others' flow":               {config, link.Delay, flow("n2", "n3"), false, false, ""},
		"clients":                    {config, link.Drop, flow("clients", "n1"), false, true, ""},
		"answers to clients":         {config, link.HoldBack, flow("n1", "clients"), false, true, ""},
		"clients of another node":    {config, link.Drop, flow("clients", "n2"), false, true, ""},
		"no node":                    {config, link.Drop, flow("clients", "others"), false, false, "no node on either end"},
	} {
		t.Run(name, func(t *testing.T) {
			p, s, err := split(c.config, link.Effect{Action: c.action}, []link.Flow{c.flow, c.flow})
			if c.complains != "" {
				require.ErrorContains(t, err, c.complains)
				return
			}
			require.NoError(t, err)
			require.Equal(t, []bool{c.packets, c.streams}, []bool{len(p) == 1, len(s) == 1})
			require.LessOrEqual(t, len(p)+len(s), 1)
		})
	}
}

func TestEnvironment(t *testing.T) {
	for name, c := range map[string]struct {
		env       string
		complains string
	}{
		"defaults":     {"SEATRIAL_TOKEN=x", ""},
		"other ports":  {"SEATRIAL_TOKEN=x SEATRIAL_CONTROL_PORT=1 SEATRIAL_PROBE_PORT=65535", ""},
		"no token":     {"", "SEATRIAL_TOKEN is not set"},
		"not a number": {"SEATRIAL_TOKEN=x SEATRIAL_PROBE_PORT=http", `SEATRIAL_PROBE_PORT is "http"`},
		"too large":    {"SEATRIAL_TOKEN=x SEATRIAL_CONTROL_PORT=65536", "not a port"},
		"the same":     {"SEATRIAL_TOKEN=x SEATRIAL_CONTROL_PORT=7980", "the control port and the probe port"},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := fromEnvironment(func(name string) string {
				for _, pair := range strings.Fields(c.env) {
					if value, ok := strings.CutPrefix(pair, name+"="); ok {
						return value
					}
				}
				return ""
			})
			if c.complains != "" {
				require.ErrorContains(t, err, c.complains)
				return
			}
			require.NoError(t, err)
			require.Equal(t, wire.HealAfter, s.healAfter)
			require.NotEqual(t, s.controlPort, s.probePort)
		})
	}
}

func TestCountsOfUndoneEffectsAreBounded(t *testing.T) {
	var p pastCounts
	id := func(i int) string { return strings.Repeat("x", i+1) }
	for i := range pastMax + 1 {
		p.keep(id(i), link.Count{Packets: uint64(i + 1)})
	}
	p.keep(id(7), link.Count{Packets: 1000})
	require.Len(t, p.counts, pastMax)
	require.Len(t, p.order, pastMax)
	require.Zero(t, p.counts[id(0)], "the oldest makes room")
	require.EqualValues(t, 1000, p.counts[id(7)].Packets)
}

func TestProbeThatCameBeforeItWasAskedFor(t *testing.T) {
	p := newProbes()
	p.arrive(1, 100)
	p.arrive(1, 200)
	at, err := p.wait(t.Context(), 1, within)
	require.NoError(t, err)
	require.EqualValues(t, 100, at, "the first arrival counts")
	_, err = p.wait(t.Context(), 2, time.Millisecond)
	require.ErrorIs(t, err, wire.ErrProbeLate)
	for i := range uint64(probesMax) {
		p.arrive(10+i, 1)
	}
	require.Len(t, p.arrived, probesMax)
	_, ok := decodeProbe(encodeProbe(7)[:15])
	require.False(t, ok)
}

func TestConfigurationIsCheckedAgainstThePod(t *testing.T) {
	w := newWorld(t, 1)
	n1 := w.nodes[0]
	peers := map[link.End][]netip.Addr{"n2": {netip.MustParseAddr("10.77.0.2")}}
	err := n1.agent.Configure(t.Context(), wire.Config{Node: "n1", Peers: peers, DeclaredPorts: []uint16{wire.ProbePort}})
	require.ErrorContains(t, err, "which is the agent's")
	err = n1.agent.Configure(t.Context(), wire.Config{Node: "n1", Peers: map[link.End][]netip.Addr{"n2": {n1.v4}}})
	require.ErrorContains(t, err, "is this pod's own")
	require.ErrorContains(t, n1.agent.Apply(t.Context(), "cut", link.Effect{Action: link.Drop}, []link.Flow{there}), "not configured")

	config := wire.Config{Node: "n1", Peers: peers, PeerPorts: []uint16{peerPort}, DeclaredPorts: []uint16{61001}, Streams: true}
	require.NoError(t, n1.agent.Configure(t.Context(), config))
	require.Contains(t, n1.ruleset(t), "dport 5000 redirect to :61000")
	require.Contains(t, n1.ruleset(t), "dport 7980 redirect to :61002", "declared ports are left to the system")
	require.NoError(t, n1.agent.Apply(t.Context(), "cut", link.Effect{Action: link.Drop}, []link.Flow{there}))
	require.NoError(t, n1.agent.Configure(t.Context(), config), "the same again")
	config.Streams = false
	require.ErrorContains(t, n1.agent.Configure(t.Context(), config), `effects are in force: [cut]`)
	require.NoError(t, n1.agent.Heal(t.Context()))
	require.NoError(t, n1.agent.Configure(t.Context(), config))
	require.NotContains(t, n1.ruleset(t), "redirect")
}

// What strangers send to the control port ends their connection and nothing else.
func TestStrangersOnTheControlPort(t *testing.T) {
	w := newWorld(t, 1)
	w.configure(t, false)
	agent := w.nodes[0].agent
	for _, c := range []struct{ send, answers string }{
		{"GET / HTTP/1.1\r\n\r\n", "ERR EOTHER "},
		{strings.Repeat("x", 4096), "ERR EOTHER "},
		{"SEATRIAL wrong CONTROL\n", "ERR ETOKEN "},
		{"SEATRIAL wrong CONNECT n1:6000 AS clients\n", "ERR ETOKEN "},
		{"SEATRIAL s3cret CONNECT n1:x AS clients\n", "ERR EOTHER "},
		{"SEATRIAL s3cret CONNECT n1:6001 AS clients\ntoo early", "ERR "},
		{"SEATRIAL s3cret CONTROL\n{\"op\":\"explode\"}\n", "OK\n{\"error\":\"unknown request"},
		{"SEATRIAL s3cret CONTROL\n{\"op\":\"apply\",\"id\":\"x\"}\n", "OK\n{\"error\":\"apply: no effect"},
		{"SEATRIAL s3cret CONTROL\nnot json\n", "OK\n"},
	} {
		conn, err := agent.DialContext(t.Context(), "tcp", agent.Address)
		require.NoError(t, err)
		require.NoError(t, conn.SetDeadline(time.Now().Add(within)))
		_, err = io.WriteString(conn, c.send)
		require.NoError(t, err)
		got := make([]byte, len(c.answers))
		_, err = io.ReadFull(bufio.NewReader(conn), got)
		require.NoError(t, err, c.send)
		require.Equal(t, c.answers, string(got))
		conn.Close()
	}
	_, err := agent.Hello(t.Context())
	require.NoError(t, err)
}
