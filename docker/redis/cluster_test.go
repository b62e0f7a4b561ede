package redis

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestValidate(t *testing.T) {
	for _, good := range []Cluster{{}, {Servers: 1}, {Servers: 1, AppendOnly: true, Fsync: "always"}, {Servers: 5, Sentinels: 5},
		{MinReplicasToWrite: 1, MinReplicasMaxLag: time.Second, DownAfter: 30 * time.Second}} {
		require.NoError(t, good.Validate(), "%+v", good)
	}
	for says, bad := range map[string]Cluster{
		"Servers is -1":                    {Servers: -1},
		"Servers is 10":                    {Servers: 10},
		"one server alone has nobody":      {Servers: 1, Sentinels: 3},
		"Sentinels is 2: want an odd":      {Sentinels: 2},
		"would never accept a write":       {MinReplicasToWrite: 3},
		"MinReplicasToWrite is 1 of 0":     {Servers: 1, MinReplicasToWrite: 1},
		"whole seconds":                    {MinReplicasMaxLag: 1500 * time.Millisecond},
		"DownAfter -1s":                    {DownAfter: -time.Second},
		`Fsync "often" is none of always,`: {Fsync: "often"},
	} {
		require.ErrorContains(t, bad.Validate(), says)
	}
}

func TestServersAreMembersAndSentinelsWatch(t *testing.T) {
	require.Equal(t, []string{"n1", "n2", "n3"}, Cluster{}.Members())
	require.Equal(t, []string{"n1", "n2", "n3", "s1", "s2", "s3"}, Cluster{}.NodeNames())
	require.Equal(t, []string{"n1"}, Cluster{Servers: 1}.NodeNames())
}

func TestJSON(t *testing.T) {
	c := Cluster{Servers: 5, Sentinels: 5, MinReplicasToWrite: 1, MinReplicasMaxLag: 2 * time.Second, DownAfter: time.Minute, FailoverTimeout: time.Hour, AppendOnly: true, Fsync: "always"}
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

func configuration(t *testing.T, c Cluster, node string) []string {
	t.Helper()
	command, err := c.PodCommand(node, podAddresses{})
	require.NoError(t, err)
	require.Len(t, command.Env, 1)
	return strings.Split(strings.TrimPrefix(command.Env[0], "CONFIGURATION="), "\n")
}

func TestWhatIsAskedForIsConfigured(t *testing.T) {
	c := Cluster{MinReplicasToWrite: 1, MinReplicasMaxLag: 3 * time.Second, DownAfter: 1500 * time.Millisecond, AppendOnly: true, Fsync: "always", Sentinels: 5}
	server := configuration(t, c, "n2")
	require.Contains(t, server, "min-replicas-to-write 1")
	require.Contains(t, server, "min-replicas-max-lag 3")
	require.Contains(t, server, "appendonly yes")
	require.Contains(t, server, "appendfsync always")
	require.Contains(t, server, "replicaof n1 6379")
	require.NotContains(t, strings.Join(configuration(t, c, "n1"), "\n"), "replicaof", "n1 begins as the master")
	sentinel := configuration(t, c, "s4")
	require.Contains(t, sentinel, "sentinel monitor main n1 6379 3")
	require.Contains(t, sentinel, "sentinel down-after-milliseconds main 1500")
	_, err := c.PodCommand("s6", podAddresses{})
	require.ErrorContains(t, err, `no node "s6"`)
}

func TestASentinelIsReadyOnlyWhenItSeesEverythingUp(t *testing.T) {
	c := Cluster{}.withDefaults()
	master := func(flags, others string) map[string]string {
		return map[string]string{"flags": flags, "num-other-sentinels": others}
	}
	replica := func(flags string) any { return []any{"name", "n9", "flags", flags} }
	up := replica("slave")
	for says, v := range map[string]struct {
		master   map[string]string
		replicas []any
	}{
		"":                       {master("master", "2"), []any{up, up}},
		"as master,o_down":       {master("master,o_down", "2"), []any{up, up}},
		"1 other sentinels of 2": {master("master", "1"), []any{up, up}},
		"1 of 2 replicas up":     {master("master", "2"), []any{up}},
		"n9 is s_down,slave":     {master("master", "2"), []any{up, replica("s_down,slave")}},
	} {
		view := View{Master: "n1"}
		view.judge(c, v.master, v.replicas, nil)
		require.Equal(t, says == "", view.Linked, says)
		require.Contains(t, view.Why, says)
	}
}

func TestAViewInWords(t *testing.T) {
	for text, v := range map[string]View{
		"master n2, epoch 3":                {Role: "sentinel", Master: "n2", Epoch: 3},
		"master of n2 lag 1s and n3 lag 0s": {Role: "master", Replicas: map[string]time.Duration{"n3": 0, "n2": time.Second}},
		"master without replicas":           {Role: "master"},
		"replica of n1":                     {Role: "slave", Master: "n1", Linked: true},
		"replica, out of touch with n1":     {Role: "slave", Master: "n1"},
	} {
		require.Equal(t, text, v.String())
	}
}
