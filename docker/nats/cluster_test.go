package nats

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestValidate(t *testing.T) {
	for _, good := range []Cluster{{}, {Nodes: 1, SyncInterval: Always}, {Nodes: 5, Version: "2.10.23", SyncInterval: "1m30s"}} {
		require.NoError(t, good.Validate(), "%+v", good)
	}
	for says, bad := range map[string]Cluster{
		"Nodes is 2: want 1, 3 or 5":  {Nodes: 2},
		"Nodes is -1":                 {Nodes: -1},
		`version "2.9" is not offere`: {Version: "2.9"},
		`SyncInterval is "-1s"`:       {SyncInterval: "-1s"},
		`SyncInterval is "often"`:     {SyncInterval: "often"},
	} {
		require.ErrorContains(t, bad.Validate(), says)
	}
	require.Equal(t, []string{"n1", "n2", "n3"}, Cluster{}.NodeNames())
	require.Equal(t, Cluster{Nodes: 1, Version: "2.15.2"}, Cluster{Nodes: 1}.WithVersion("2.15.2"))
}

func TestJSON(t *testing.T) {
	c := Cluster{Nodes: 1, Version: "2.10.23", SyncInterval: Always}
	text, err := json.Marshal(c)
	require.NoError(t, err)
	var back Cluster
	require.NoError(t, json.Unmarshal(text, &back))
	require.Equal(t, c, back)
}

type podAddresses struct{}

func (podAddresses) Listen(_, port string) string   { return "0.0.0.0:" + port }
func (podAddresses) Dial(_, to, port string) string { return to + ":" + port }
func (podAddresses) DataDir(string) string          { return "/data" }

func TestWhatIsAskedForIsConfigured(t *testing.T) {
	configured := func(c Cluster) string {
		command, err := c.PodCommand("n1", podAddresses{})
		require.NoError(t, err)
		require.Equal(t, []string{"/nats", "-c", "/nats.conf"}, command.Args)
		return strings.Join(command.Env, "\n")
	}
	require.NotContains(t, configured(Cluster{}), "sync_interval", "the server's own default")
	require.Contains(t, configured(Cluster{}), `"nats://n3:route"`)
	require.NotContains(t, configured(Cluster{}), `"nats://n1:route"`, "a route to itself")
	require.Contains(t, configured(Cluster{SyncInterval: Always}), `sync_interval: "always"`)
	require.Contains(t, configured(Cluster{SyncInterval: "2s"}), `sync_interval: "2s"`)
	require.NotContains(t, configured(Cluster{Nodes: 1}), "routes")
	_, err := Cluster{}.PodCommand("n4", podAddresses{})
	require.ErrorContains(t, err, `no node "n4"`)
}

// Whatever a list is called, its subject is one token and no wildcard.
func TestSubjectsAreOneToken(t *testing.T) {
	seen := map[string]bool{}
	for _, list := range []string{"l1", "a.b", "a b", "a%2Eb", ">", "*", "ä", ""} {
		token := strings.TrimPrefix(subject(list), subjectPrefix)
		require.NotContains(t, []string{"*", ">"}, token)
		require.NotContains(t, token, ".")
		require.NotContains(t, token, " ")
		require.False(t, seen[token])
		seen[token] = true
	}
}
