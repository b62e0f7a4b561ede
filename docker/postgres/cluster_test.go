package postgres

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestValidate(t *testing.T) {
	for _, good := range []Cluster{{}, {Level: Serializable, AppendInTwo: true},
		{Settings: map[string]string{"fsync": "off", "auto_explain.log_analyze": "on", "log_line_prefix": "%m [%p] "}}} {
		require.NoError(t, good.Validate(), "%+v", good)
	}
	for _, level := range Levels() {
		require.NoError(t, Cluster{Level: level}.Validate())
	}
	for says, bad := range map[string]Cluster{
		`Level "snapshot" is none of`:      {Level: "snapshot"},
		`"max-connections" has a name`:     {Settings: map[string]string{"max-connections": "14"}},
		"setting port is the harness's":    {Settings: map[string]string{"port": "1"}},
		"fsync has a line break in its va": {Settings: map[string]string{"fsync": "off\n"}},
	} {
		require.ErrorContains(t, bad.Validate(), says)
	}
}

func TestJSON(t *testing.T) {
	c := Cluster{Level: RepeatableRead, Settings: map[string]string{"fsync": "off"}, AppendInTwo: true}
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
	c := Cluster{Settings: map[string]string{"max_connections": "14", "fsync": "off"}}
	command, err := c.PodCommand("n1", podAddresses{})
	require.NoError(t, err)
	require.Equal(t, []string{"-c", "fsync=off", "-c", "max_connections=14"}, command.Args[len(command.Args)-4:])
	_, err = c.PodCommand("n2", podAddresses{})
	require.ErrorContains(t, err, `no node "n2"`)
}
