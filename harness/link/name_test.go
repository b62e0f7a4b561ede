package link_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seatrial/seatrial/harness/link"
)

func TestNameEffectsThatMakeSense(t *testing.T) {
	for _, e := range []link.NameEffect{
		{Action: link.NoSuchName}, {Action: link.ServerFailure, Names: []string{"n1", "*.example.com"}},
		{Action: link.QueryRefused}, {Action: link.NoAnswer},
		{Action: link.LateAnswer, Latency: time.Second, Jitter: time.Second, Seed: 1}, {Action: link.LateAnswer, Jitter: 1},
		{Action: link.WrongAnswer, Answer: "n2"}, {Action: link.WrongAnswer, Answer: "fd00::1"},
	} {
		require.NoError(t, e.Validate(), "%+v", e)
		text, err := json.Marshal(e)
		require.NoError(t, err)
		var back link.NameEffect
		require.NoError(t, json.Unmarshal(text, &back))
		require.Equal(t, e, back, "%s", text)
	}
}

func TestNameEffectsThatMakeNone(t *testing.T) {
	for _, c := range []struct {
		effect link.NameEffect
		says   string
	}{
		{link.NameEffect{}, "unknown action"},
		{link.NameEffect{Action: "drop"}, "late-answer"},
		{link.NameEffect{Action: link.LateAnswer}, "latency"},
		{link.NameEffect{Action: link.LateAnswer, Latency: 2, Jitter: -1}, "below"},
		{link.NameEffect{Action: link.NoAnswer, Latency: 1}, "late-answer"},
		{link.NameEffect{Action: link.WrongAnswer}, "the name of a node"},
		{link.NameEffect{Action: link.WrongAnswer, Answer: "fe80::1%eth0"}, "fe80::1%eth0"},
		{link.NameEffect{Action: link.NoSuchName, Answer: "n1"}, "wrong-answer"},
		{link.NameEffect{Action: link.NoSuchName, Names: []string{""}}, `""`},
		{link.NameEffect{Action: link.NoSuchName, Names: []string{"n1 n2"}}, `"n1 n2"`},
		{link.NameEffect{Action: link.NoSuchName, Names: []string{"[a"}}, "[a"},
	} {
		require.ErrorContains(t, c.effect.Validate(), c.says, "%+v", c.effect)
	}
}

func TestNamesThatAnEffectFallsOn(t *testing.T) {
	for _, c := range []struct {
		names []string
		name  string
		falls bool
	}{
		{nil, "anything.", true},
		{[]string{"n2"}, "n2.", true}, {[]string{"n2"}, "N2", true}, {[]string{"N2."}, "n2", true},
		{[]string{"n2"}, "n22.", false}, {[]string{"n2"}, "n2.example.com.", false},
		{[]string{"*.example.com"}, "a.b.Example.com.", true}, {[]string{"*.example.com"}, "example.com.", false},
		{[]string{"n1", "n?"}, "n3.", true},
	} {
		e := link.NameEffect{Action: link.NoAnswer, Names: c.names}
		require.Equal(t, c.falls, e.FallsOn(c.name), "%v %s", c.names, c.name)
	}
}
