package pod

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seatrial/seatrial/harness/link"
)

// seen is what nodes see of a cut between n1 and n2.
type seen struct {
	// ask is what n1 is told over a connection that it had: it sends, and n2 answers.
	ask string
	// heard says whether n2 heard it.
	heard bool
	// dial and dialBack are new connections, n1's to n2 and n2's to n1.
	dial, dialBack string
}

var (
	out, in = link.Flow{From: "n1", To: "n2"}, link.Flow{From: "n2", To: "n1"}

	// nodeCuts are seen alike on direct and redirected links. docker/agent has the
	// same table for sockets, datagrams and both versions of IP.
	nodeCuts = []struct {
		action link.Action
		flows  []link.Flow
		seen   seen
	}{
		{link.Drop, []link.Flow{out}, seen{"timeout", false, "timeout", "timeout"}},
		{link.Drop, []link.Flow{in}, seen{"timeout", true, "timeout", "timeout"}},
		{link.Drop, []link.Flow{out, in}, seen{"timeout", false, "timeout", "timeout"}},
		{link.Refuse, []link.Flow{out}, seen{"reset", false, "refused", "timeout"}},
		{link.Refuse, []link.Flow{in}, seen{"reset", true, "timeout", "refused"}},
		{link.Refuse, []link.Flow{out, in}, seen{"reset", false, "refused", "refused"}},
		{link.HoldBack, []link.Flow{out}, seen{"timeout", false, "timeout", "timeout"}},
		{link.HoldBack, []link.Flow{in}, seen{"timeout", true, "timeout", "timeout"}},
		{link.HoldBack, []link.Flow{out, in}, seen{"timeout", false, "timeout", "timeout"}},
	}
)

func everyCut(t *testing.T, c *running, streams bool) {
	// A word that is awaited gets its time; nothing is not waited for as long.
	limit := func(want string) int {
		if want == "timeout" {
			return impatience
		}
		return patience
	}
	for i, cut := range nodeCuts {
		if (link.Effect{Action: cut.action}).Stream() && !streams {
			continue
		}
		name := fmt.Sprintf("%s %v", cut.action, cut.flows)
		word := fmt.Sprintf("word%d-%v", i, streams)
		old := keep(t, c, "n1", "n2")
		apply(t, c, "cut", link.Effect{Action: cut.action}, cut.flows...)
		got := seen{ask: old.do(t, "ask %s %d", word, limit(cut.seen.ask))}
		if strings.HasSuffix(got.ask, "software caused connection abort") {
			got.ask = "reset" // as the end is told at which the connection was aborted
		}
		got.heard = ask(t, c, "n2", "heard") == word
		got.dial = ask(t, c, "n1", "dial n2:7002 %d", limit(cut.seen.dial))
		got.dialBack = ask(t, c, "n2", "dial n1:7002 %d", limit(cut.seen.dialBack))
		require.Equal(t, cut.seen, got, name)
		requireBit(t, c, "cut")
		for _, flow := range []link.Flow{out, in} {
			if cut.action != link.HoldBack { // a held stream passes datagrams
				err := probe(t, c, flow.From, flow.To, impatience*time.Millisecond)
				cutThere := flow == cut.flows[0] || len(cut.flows) == 2
				require.Equal(t, cutThere, err != nil, "%s: the probe of %s: %v", name, flow, err)
			}
		}
		undo(t, c, "cut")
		if cut.seen.ask == "timeout" {
			require.Contains(t, old.do(t, "ask late %d", patience), "ok", name)
		}
		require.Contains(t, ask(t, c, "n1", "dial n2:7002 %d", patience), "ok", name)
		require.Contains(t, ask(t, c, "n2", "dial n1:7002 %d", patience), "ok", name)
	}
}

// everyClientCut cuts the link of a client group, which needs no redirect.
func everyClientCut(t *testing.T, c *running) {
	asking := link.Flow{From: "far", To: "n1"}
	for i, cut := range []struct {
		action link.Action
		flow   link.Flow
		heard  bool
		told   error
	}{
		{link.Drop, asking, false, context.DeadlineExceeded},
		{link.Drop, asking.Reverse(), true, context.DeadlineExceeded},
		{link.HoldBack, asking, false, context.DeadlineExceeded},
		{link.HoldBack, asking.Reverse(), true, context.DeadlineExceeded},
		{link.Refuse, asking, false, syscall.ECONNREFUSED},
		{link.Refuse, asking.Reverse(), false, syscall.ECONNREFUSED},
	} {
		name := fmt.Sprintf("%s %s", cut.action, cut.flow)
		word := fmt.Sprintf("client%d", i)
		old := open(t, c, "far", "n1:client")
		require.Equal(t, "hello", old.do(t, "echo hello"))
		apply(t, c, "cut", link.Effect{Action: cut.action}, cut.flow)
		refuses := errors.Is(cut.told, syscall.ECONNREFUSED)
		_, err := fmt.Fprintf(old, "echo %s\n", word)
		require.True(t, err == nil || refuses, "%s: %v", name, err)
		require.NoError(t, old.SetReadDeadline(time.Now().Add(impatience*time.Millisecond)))
		_, err = old.r.ReadString('\n')
		var late net.Error
		require.Equal(t, !refuses, errors.As(err, &late) && late.Timeout(), "%s: %v", name, err)
		require.Equal(t, cut.heard, ask(t, c, "n1", "heard") == word, name)

		ctx, cancel := context.WithTimeout(t.Context(), impatience*time.Millisecond)
		_, err = c.Dialer().DialAs(ctx, "far", "n1:client")
		cancel()
		require.ErrorIs(t, err, cut.told, name)
		requireBit(t, c, "cut")
		undo(t, c, "cut")
		if !refuses {
			require.NoError(t, old.SetReadDeadline(time.Now().Add(patience*time.Millisecond)))
			line, err := old.r.ReadString('\n')
			require.NoError(t, err, name)
			require.Equal(t, word+"\n", line)
		}
		require.Equal(t, "again", open(t, c, "far", "n1:client").do(t, "echo again"), name)
	}
}

// long is a word of 2000 bytes.
var long = strings.Repeat("longword", 250)

// shapes are the effects that let a stream pass.
func shapes() []link.Effect {
	return []link.Effect{
		{Action: link.Throttle, BytesPerSecond: 10_000},
		{Action: link.Slice, SliceBytes: 100, Latency: 10 * time.Millisecond},
		{Action: link.SlowClose, Latency: 50 * time.Millisecond},
	}
}

// shapesStreams shapes a flow; talk sends [long] along it, on a connection that it
// opens and closes, and returns how many milliseconds that took.
func shapesStreams(t *testing.T, c *running, flow link.Flow, talk func() int) {
	for _, effect := range shapes() {
		apply(t, c, "shape", effect, flow)
		took := talk()
		if effect.Action != link.SlowClose {
			require.GreaterOrEqual(t, took, 190, "2000 bytes, %s", effect.Action)
		}
		require.Eventually(t, func() bool {
			count, err := c.Network().Count(t.Context(), "shape")
			return err == nil && count.Packets > 0
		}, patience*time.Millisecond, 10*time.Millisecond, "%s did nothing", effect.Action)
		undo(t, c, "shape")
	}
}
