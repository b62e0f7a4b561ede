package etcd

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestValidate(t *testing.T) {
	for _, good := range []Cluster{{}, {Nodes: 1}, {Nodes: 9, Version: "3.6.16", Serializable: true}} {
		require.NoError(t, good.Validate(), "%+v", good)
	}
	err := Cluster{Nodes: -1, Version: "3.5.99"}.Validate()
	require.ErrorContains(t, err, "Nodes is -1")
	require.ErrorContains(t, err, `version "3.5.99" is not offered: the versions are 3.5.35, 3.4.23, 3.6.16, 3.7.3`)
	require.Error(t, Cluster{Nodes: 10}.Validate())
}

func TestDefaults(t *testing.T) {
	require.Equal(t, []string{"n1", "n2", "n3"}, Cluster{}.NodeNames())
	require.Equal(t, "3.5.35", Cluster{}.SystemVersion())
	require.Equal(t, "3.5.35", Cluster{}.Versions()[0])
	require.Equal(t, Cluster{Nodes: 5, Version: "3.6.16"}, Cluster{Nodes: 5}.WithVersion("3.6.16"))
	require.Equal(t, []string{"n1"}, Cluster{Nodes: 1}.NodeNames())
	require.Empty(t, Cluster{Nodes: -1}.NodeNames())
}

// A cluster goes into a plan and comes back.
func TestJSON(t *testing.T) {
	for _, c := range []Cluster{{}, {Nodes: 5, Version: "3.6.16", Serializable: true}} {
		text, err := json.Marshal(c)
		require.NoError(t, err)
		var back Cluster
		require.NoError(t, json.Unmarshal(text, &back))
		require.Equal(t, c, back)
	}
}

// podAddresses are as in pods: a node's name is its host, wherever it is asked from.
type podAddresses struct{}

func (podAddresses) Listen(_, port string) string   { return "0.0.0.0:" + number[port] }
func (podAddresses) Dial(_, to, port string) string { return to + ":" + number[port] }
func (podAddresses) DataDir(string) string          { return "/data" }

var number = map[string]string{ClientPort: "2379", PeerPort: "2380"}

func TestPodCommand(t *testing.T) {
	command, err := Cluster{}.PodCommand("n2", podAddresses{})
	require.NoError(t, err)
	require.Equal(t, []string{"/etcd",
		"--name", "n2",
		"--data-dir", "/data",
		"--listen-client-urls", "http://0.0.0.0:2379",
		"--advertise-client-urls", "http://n2:2379",
		"--listen-peer-urls", "http://0.0.0.0:2380",
		"--initial-advertise-peer-urls", "http://n2:2380",
		"--initial-cluster", "n1=http://n1:2380,n2=http://n2:2380,n3=http://n3:2380",
		"--initial-cluster-state", "new",
		"--initial-cluster-token", "seatrial",
		"--logger", "zap",
		"--log-level", "info",
		"--log-outputs", "stderr",
	}, command.Args)

	// Debian's package puts etcd elsewhere; it takes the same arguments.
	packaged, err := Cluster{Version: "3.4.23"}.PodCommand("n2", podAddresses{})
	require.NoError(t, err)
	require.Equal(t, "/usr/bin/etcd", packaged.Args[0])
	require.Equal(t, command.Args[1:], packaged.Args[1:])
	_, err = Cluster{Version: "9"}.PodCommand("n2", podAddresses{})
	require.ErrorContains(t, err, `version "9" is not offered`)

	_, err = Cluster{}.PodCommand("n4", podAddresses{})
	require.ErrorContains(t, err, `no node "n4"`)
}

// pairAddresses are as in the process runtime: each pair of nodes has a relay.
type pairAddresses struct{ podAddresses }

func (pairAddresses) Dial(from, to, port string) string {
	return from + "-" + to + ":" + number[port]
}

func TestPodCommandRefusesRelays(t *testing.T) {
	_, err := Cluster{}.PodCommand("n1", pairAddresses{})
	require.ErrorContains(t, err, "pods only")
}
