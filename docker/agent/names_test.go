package main

import (
	"bytes"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/dns/dnsmessage"

	"github.com/seatrial/seatrial/harness/link"
)

const (
	late    = 300 * time.Millisecond
	someone = "192.0.2.7"
)

// told are the effects on names, each with what askers for an address are told
// that had their sockets before; and what a resolver makes of it.
var told = map[string]struct {
	effect   link.NameEffect
	raw      string
	resolves func(link.Resolution) bool
}{
	"no such name": {link.NameEffect{Action: link.NoSuchName}, "dnsmessage.RCodeNameError",
		func(r link.Resolution) bool { return r.NotFound }},
	"server failure": {link.NameEffect{Action: link.ServerFailure}, "dnsmessage.RCodeServerFailure",
		func(r link.Resolution) bool { return r.Failure != "" && !r.NotFound }},
	"refused": {link.NameEffect{Action: link.QueryRefused}, "dnsmessage.RCodeRefused",
		func(r link.Resolution) bool { return r.Failure != "" && !r.NotFound }},
	"nothing": {link.NameEffect{Action: link.NoAnswer}, "nothing",
		func(r link.Resolution) bool { return r.TimedOut }},
	"late": {link.NameEffect{Action: link.LateAnswer, Latency: 2 * soon}, "nothing", // not so soon
		func(r link.Resolution) bool { return r.Took >= 2*soon && len(r.Addresses) == 1 }},
	"wrong": {link.NameEffect{Action: link.WrongAnswer, Answer: someone}, someone,
		func(r link.Resolution) bool { return fmt.Sprint(r.Addresses) == "["+someone+"]" }},
	"another node's": {link.NameEffect{Action: link.WrongAnswer, Answer: "n2"}, "10.77.0.2",
		func(r link.Resolution) bool { return fmt.Sprint(r.Addresses) == "[10.77.0.2 fd00:5ea::2]" }},
}

func (n *node) resolve(t *testing.T, name string, timeout time.Duration) link.Resolution {
	t.Helper()
	r, err := n.agent.Resolve(t.Context(), name, timeout)
	require.NoError(t, err)
	return r
}

// resolves asserts that a name is known as the name server knows it.
func (n *node) resolves(t *testing.T, name string) {
	t.Helper()
	r := n.resolve(t, name, within)
	require.Equal(t, []netip.Addr{zone[name+"."]}, r.Addresses, "%s: %s", name, r)
}

func TestNamesAreToldAsTheEffectSays(t *testing.T) {
	for place, serve := range places {
		t.Run(place, func(t *testing.T) {
			w := newWorld(t, 2)
			n1 := w.nodes[0]
			server := serve(t, w, n1)
			bare := n1.ruleset(t)
			n1.resolves(t, "db.test")
			w.configureNames(t)
			before := n1.ruleset(t)
			address := map[string]string{"as Docker has it": "127.0.0.11", "elsewhere": "10.77.0.254", "by IPv6": "fd00:5ea::fe"}[place]
			udp, tcp := n1.asker(t, "udp", address), n1.asker(t, "tcp", address)
			untouched := func() {
				t.Helper()
				for _, name := range []string{"db.test", "web.test", "long.test"} {
					n1.resolves(t, name)
					require.NotZero(t, server.saw(name+"."))
				}
				require.True(t, n1.resolve(t, "nobody.test", within).NotFound)
				for _, old := range []*asker{udp, tcp} {
					require.Equal(t, "10.1.1.1", old.ask(t, "db.test.", dnsmessage.TypeA, within))
					require.Equal(t, "", old.ask(t, "db.test.", dnsmessage.TypeAAAA, within))
				}
				server.saw("db.test.")
			}
			untouched()
			for name, c := range told {
				t.Run(name, func(t *testing.T) {
					c.effect.Names = []string{"DB.test", "lo*"}
					require.NoError(t, n1.agent.ApplyNames(t.Context(), "names", c.effect))
					require.NoError(t, n1.agent.ApplyNames(t.Context(), "names", c.effect), "the same again")
					active, err := n1.agent.Active(t.Context())
					require.NoError(t, err)
					require.Equal(t, []string{"names"}, active)
					patience := within
					if c.raw == "nothing" {
						patience = soon
					}
					for _, old := range []*asker{udp, tcp} {
						require.Equal(t, c.raw, old.ask(t, "db.test.", dnsmessage.TypeA, patience))
					}
					if c.effect.Action == link.NoAnswer {
						patience = 2 * soon
					} else {
						patience = within
					}
					for _, name := range []string{"db.test", "long.test"} {
						r := n1.resolve(t, name, patience)
						require.True(t, c.resolves(r), "%s: %s", name, r)
					}
					require.Equal(t, c.effect.Action == link.LateAnswer, server.saw("db.test.") > 0, "only what passes is asked for")
					n1.resolves(t, "web.test")
					count, err := n1.agent.Count(t.Context(), "names")
					require.NoError(t, err)
					require.GreaterOrEqual(t, count.Packets, uint64(6))
					require.Greater(t, count.Bytes, 12*count.Packets)

					require.NoError(t, n1.agent.Undo(t.Context(), "names"))
					active, err = n1.agent.Active(t.Context())
					require.NoError(t, err)
					require.Empty(t, active)
					after, err := n1.agent.Count(t.Context(), "names")
					require.NoError(t, err)
					require.Equal(t, count, after, "it is remembered")
					server.saw("db.test.")
					untouched()
				})
			}
			require.Equal(t, before, n1.ruleset(t))
			require.NoError(t, n1.stop(t))
			require.Equal(t, bare, n1.ruleset(t))
		})
	}
}

func TestSeveralEffectsOnNames(t *testing.T) {
	w := newWorld(t, 2)
	n1 := w.nodes[0]
	places["elsewhere"](t, w, n1)
	w.configureNames(t)
	ctx := t.Context()
	agent := n1.agent

	require.NoError(t, agent.ApplyNames(ctx, "wrong", link.NameEffect{Action: link.WrongAnswer, Answer: someone}))
	require.NoError(t, agent.ApplyNames(ctx, "gone", link.NameEffect{Action: link.NoSuchName}))
	require.NoError(t, agent.ApplyNames(ctx, "late", link.NameEffect{Action: link.LateAnswer, Latency: late / 2}))
	require.NoError(t, agent.ApplyNames(ctx, "later", link.NameEffect{Action: link.LateAnswer, Latency: late / 2}))
	r := n1.resolve(t, "db.test", within)
	require.Equal(t, "["+someone+"]", fmt.Sprint(r.Addresses), "the first that answers does")
	require.GreaterOrEqual(t, r.Took, late, "delays add up")

	require.NoError(t, agent.Undo(ctx, "wrong"))
	require.True(t, n1.resolve(t, "db.test", within).NotFound)
	require.NoError(t, agent.Heal(ctx))
	n1.resolves(t, "db.test")

	// What is held is let go of at once, and is not told what is over, too.
	old := n1.asker(t, "udp", "10.77.0.254")
	require.NoError(t, agent.ApplyNames(ctx, "never", link.NameEffect{Action: link.LateAnswer, Latency: time.Hour}))
	require.NoError(t, agent.ApplyNames(ctx, "gone", link.NameEffect{Action: link.NoSuchName}))
	require.Equal(t, "nothing", old.ask(t, "web.test.", dnsmessage.TypeA, soon))
	require.NoError(t, agent.Undo(ctx, "gone"))
	require.NoError(t, agent.Undo(ctx, "never"))
	require.Equal(t, "10.1.1.2", old.told(t, within))

	// An id is one effect's, whatever it is on.
	drop := link.Effect{Action: link.Drop}
	require.NoError(t, agent.ApplyNames(ctx, "x", link.NameEffect{Action: link.NoAnswer}))
	require.ErrorContains(t, agent.ApplyNames(ctx, "x", link.NameEffect{Action: link.NoSuchName}), "undo it first")
	require.ErrorContains(t, agent.Apply(ctx, "x", drop, []link.Flow{there}), "undo it first")
	require.NoError(t, agent.Undo(ctx, "x"))
	require.NoError(t, agent.Apply(ctx, "x", drop, []link.Flow{there}))
	require.ErrorContains(t, agent.ApplyNames(ctx, "x", link.NameEffect{Action: link.NoAnswer}), "undo it first")
}

// The run's clients are no program of the pod: what they ask the agent to connect
// to is not what the node is told.
func TestTheAgentsOwnQuestionsPass(t *testing.T) {
	w := newWorld(t, 2)
	n1 := w.nodes[0]
	places["as Docker has it"](t, w, n1)
	w.configureNames(t)
	n1.listen(t, n1.v4, clientPort)
	require.NoError(t, n1.agent.ApplyNames(t.Context(), "names", link.NameEffect{Action: link.NoSuchName}))
	require.True(t, n1.resolve(t, "self.test", within).NotFound)
	conn, err := n1.agent.Connect(t.Context(), link.Clients, "self.test:6000")
	require.NoError(t, err)
	conn.Close()
}

func TestMessagesThatAskNothingPass(t *testing.T) {
	w := newWorld(t, 2)
	n1 := w.nodes[0]
	server := places["as Docker has it"](t, w, n1)
	w.configureNames(t)
	require.NoError(t, n1.agent.ApplyNames(t.Context(), "names", link.NameEffect{Action: link.NoSuchName}))
	for i, network := range []string{"udp", "tcp"} {
		strange := n1.asker(t, network, "127.0.0.11")
		require.NoError(t, strange.SetDeadline(time.Now().Add(within)))
		if network == "tcp" {
			require.NoError(t, writeLong(strange, []byte("hello?")))
		} else {
			_, err := strange.Write([]byte("hello?"))
			require.NoError(t, err)
		}
		got, err := strange.receive()
		require.NoError(t, err)
		require.Equal(t, "hewhat?", string(got))
		require.Equal(t, i+1, server.strange())
	}
	count, err := n1.agent.Count(t.Context(), "names")
	require.NoError(t, err)
	require.Zero(t, count)
}

func TestManyQuestionsAtOnce(t *testing.T) {
	w := newWorld(t, 2)
	n1 := w.nodes[0]
	places["as Docker has it"](t, w, n1)
	w.configureNames(t)
	require.NoError(t, n1.agent.ApplyNames(t.Context(), "late", link.NameEffect{Action: link.LateAnswer, Latency: 20 * time.Millisecond, Jitter: 20 * time.Millisecond}))
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			for _, name := range []string{"db.test", "web.test", "long.test"} {
				r, err := n1.agent.Resolve(t.Context(), name, within)
				if err != nil || len(r.Addresses) != 1 || r.Addresses[0] != zone[name+"."] {
					t.Errorf("%s: %s, %v", name, r, err)
				}
			}
		})
	}
	all.Wait()
}

// The kernel tracks datagrams by their ports for minutes. A program that gets a port
// which the relay had before is told what the effect says all the same.
func TestNoSocketGetsAPortOfTheRelay(t *testing.T) {
	w := newWorld(t, 2)
	n1 := w.nodes[0]
	const ports = 20
	sh(t, "ip", "netns", "exec", n1.ns, "sh", "-c",
		fmt.Sprintf("echo 42000 %d > /proc/sys/net/ipv4/ip_local_port_range", 42000+ports-1))
	places["elsewhere"](t, w, n1)
	w.configureNames(t)
	for range ports {
		n1.resolves(t, "db.test")
	}
	require.NoError(t, n1.agent.ApplyNames(t.Context(), "names", link.NameEffect{Action: link.WrongAnswer, Answer: someone}))
	for range ports {
		require.Equal(t, "["+someone+"]", fmt.Sprint(n1.resolve(t, "db.test", within).Addresses))
	}
}

func TestNamesHealWithoutTheRun(t *testing.T) {
	w := newWorld(t, 2)
	n1 := w.nodes[0]
	places["as Docker has it"](t, w, n1)
	n1.asks(t, "127.0.0.11", envHeal+"=500ms", envExit+"=1h")
	w.configureNames(t)
	old := n1.asker(t, "udp", "127.0.0.11")
	require.NoError(t, n1.agent.ApplyNames(t.Context(), "names", link.NameEffect{Action: link.NoSuchName}))
	require.Equal(t, "dnsmessage.RCodeNameError", old.ask(t, "db.test.", dnsmessage.TypeA, within))
	require.Eventually(t, func() bool { return old.ask(t, "db.test.", dnsmessage.TypeA, within) == "10.1.1.1" },
		within, 20*time.Millisecond, "nobody was heard from, and names still fail")
	info, err := n1.agent.Hello(t.Context())
	require.NoError(t, err)
	require.Equal(t, 1, info.Healed)
}

func TestEffectsOnNamesNeedNames(t *testing.T) {
	w := newWorld(t, 2)
	ctx := t.Context()
	agent := w.nodes[0].agent
	fail := link.NameEffect{Action: link.NoSuchName}
	require.ErrorContains(t, agent.ApplyNames(ctx, "names", fail), "not configured")
	w.configure(t, false)
	require.ErrorContains(t, agent.ApplyNames(ctx, "names", fail), "start the cluster with names")
	require.NotContains(t, w.nodes[0].ruleset(t), "dport 53", "nothing is redirected for nothing")

	places["elsewhere"](t, w, w.nodes[0])
	w.configureNames(t)
	require.ErrorContains(t, agent.ApplyNames(ctx, "names", link.NameEffect{Action: link.WrongAnswer, Answer: "n9"}), "[n2 n1]")
	require.ErrorContains(t, agent.ApplyNames(ctx, "names", link.NameEffect{Action: link.NoAnswer, Latency: 1}), "late-answer")
	active, err := agent.Active(ctx)
	require.NoError(t, err)
	require.Empty(t, active)
}

func TestNameServersAreThoseOfTheResolver(t *testing.T) {
	file := filepath.Join(t.TempDir(), "resolv.conf")
	for text, want := range map[string][]string{
		"# nameserver 1.1.1.1\nsearch a.b\nnameserver 127.0.0.11\noptions ndots:0\n":                 {"127.0.0.11"},
		"nameserver 10.0.0.1\nnameserver\tfd00::1 \nnameserver 10.0.0.1\nnameserver ::ffff:10.0.0.2": {"10.0.0.1", "fd00::1", "10.0.0.2"},
	} {
		require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
		got, err := nameServers(file)
		require.NoError(t, err)
		var all []string
		for _, a := range got {
			all = append(all, a.String())
		}
		require.Equal(t, want, all)
	}
	for text, says := range map[string]string{"search a\n": "has none", "nameserver fe80::1%eth0\n": "fe80::1%eth0", "nameserver ns.test\n": "ns.test"} {
		require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
		_, err := nameServers(file)
		require.ErrorContains(t, err, says)
	}
}

// The draws of one seed repeat, and stay within the jitter.
func TestLatenessIsDrawnFromTheSeed(t *testing.T) {
	draw := func(seed uint64) (all []time.Duration) {
		n := &names{}
		require.NoError(t, n.apply("late", link.NameEffect{Action: link.LateAnswer, Latency: 100, Jitter: 50, Seed: seed}, nil))
		for range 100 {
			for _, p := range n.pauses(question{}) {
				require.InDelta(t, 100, int64(p.length), 50)
				all = append(all, p.length)
			}
		}
		return all
	}
	require.Len(t, draw(1), 100)
	require.Equal(t, draw(1), draw(1))
	require.NotEqual(t, draw(1), draw(2))
}

// Whatever is asked, the answer is one to it that any resolver can read.
func FuzzQuestion(f *testing.F) {
	for _, kind := range []dnsmessage.Type{dnsmessage.TypeA, dnsmessage.TypeAAAA, dnsmessage.TypeTXT} {
		m := dnsmessage.Message{Header: dnsmessage.Header{ID: 7}, Questions: []dnsmessage.Question{{
			Name: dnsmessage.MustNewName("db.test."), Type: kind, Class: dnsmessage.ClassINET}}}
		packed, err := m.Pack()
		require.NoError(f, err)
		f.Add(packed)
	}
	f.Add([]byte("hello?"))
	answers := []netip.Addr{netip.MustParseAddr(someone), netip.MustParseAddr("fd00::7")}
	f.Fuzz(func(t *testing.T, message []byte) {
		q, ok := parseQuestion(message)
		if !ok {
			return
		}
		for _, action := range link.NameActions {
			answer, err := q.answer(&nameEffect{NameEffect: link.NameEffect{Action: action}, answer: answers})
			if err != nil {
				t.Fatalf("%s of %q: %v", action, q.name(), err)
			}
			var m dnsmessage.Message
			if err := m.Unpack(answer); err != nil {
				t.Fatalf("%s of %q: %v", action, q.name(), err)
			}
			if !bytes.Equal(answer[:2], message[:2]) || !m.Response || len(m.Questions) != 1 || m.Questions[0] != q.Question {
				t.Fatalf("%s of %q is answered by %+v", action, q.name(), m)
			}
		}
	})
}
