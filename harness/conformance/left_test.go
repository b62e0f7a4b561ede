package conformance_test

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/moby/moby/client"
	"github.com/stretchr/testify/require"
	"github.com/testcontainers/testcontainers-go"

	"github.com/seatrial/seatrial/harness/cluster"
)

// left is all that a fault could leave behind, as the engine and the kernel tell:
// one line a thing, counters and times left out.
func (w *world) left(t *testing.T) []string {
	t.Helper()
	active, err := w.Network().Active(t.Context())
	require.NoError(t, err)
	lines := []string{fmt.Sprint("effects ", active)}
	if w.runtime == "process" {
		return append(lines, w.processes(t)...)
	}
	docker, err := testcontainers.NewDockerClientWithOpts(t.Context())
	require.NoError(t, err)
	defer docker.Close()
	filter := make(client.Filters).Add("label", cluster.LabelRun+"="+w.options.Owner.Run)
	found, err := docker.ContainerList(t.Context(), client.ContainerListOptions{All: true, Filters: filter})
	require.NoError(t, err)
	for _, one := range found.Items {
		name := one.Labels[cluster.LabelRole] + " of " + one.Labels[cluster.LabelNode]
		seen, err := docker.ContainerInspect(t.Context(), one.ID, client.ContainerInspectOptions{})
		require.NoError(t, err)
		resources := seen.Container.HostConfig.Resources
		if resources.CPUQuota == -1 { // so the engine writes it down when a quota was taken back, and 0 before
			resources.CPUQuota = 0
		}
		limits, err := json.Marshal(resources)
		require.NoError(t, err)
		lines = append(lines, fmt.Sprintf("%s %s %s", name, seen.Container.State.Status, limits))
		if top, err := docker.ContainerTop(t.Context(), one.ID, client.ContainerTopOptions{Arguments: []string{"-eo", "pid,comm"}}); err == nil {
			lines = append(lines, fmt.Sprintf("%s has %d processes", name, len(top.Processes)))
		}
		if one.Labels[cluster.LabelRole] == "agent" {
			lines = append(lines, rules(t, name, seen.Container.State.Pid)...)
		}
	}
	slices.Sort(lines)
	return lines
}

// rules are those of a pod's own network namespace, and its packet queues. They
// are listed from outside, by no code of the agent's.
func rules(t *testing.T, name string, pid int) (lines []string) {
	t.Helper()
	space, err := os.Open(fmt.Sprintf("/proc/%d/ns/net", pid))
	if err != nil {
		t.Logf("the rules in the pod of the %s can't be listed from here: %v", name, err)
		return nil
	}
	defer space.Close()
	conn, err := nftables.New(nftables.WithNetNSFd(int(space.Fd())))
	require.NoError(t, err)
	chains, err := conn.ListChains()
	require.NoError(t, err)
	for _, chain := range chains {
		if chain.Table.Name != "seatrial" {
			continue
		}
		all, err := conn.GetRules(chain.Table, chain)
		require.NoError(t, err)
		for _, r := range all {
			var words []string
			for _, e := range r.Exprs {
				if _, counts := e.(*expr.Counter); !counts {
					text, err := json.Marshal(e)
					require.NoError(t, err)
					words = append(words, fmt.Sprintf("%T%s", e, text))
				}
			}
			lines = append(lines, fmt.Sprintf("%s rule %s: %s", name, chain.Name, strings.Join(words, " ")))
		}
	}
	if text, err := os.ReadFile(fmt.Sprintf("/proc/%d/net/netfilter/nfnetlink_queue", pid)); err == nil {
		for line := range strings.Lines(string(text)) {
			lines = append(lines, name+" queue "+strings.Fields(line)[0])
		}
	}
	return lines
}

// processes are those that carry the run's name in their environment.
func (w *world) processes(t *testing.T) (lines []string) {
	t.Helper()
	entries, err := os.ReadDir("/proc")
	require.NoError(t, err)
	count := 0
	for _, entry := range entries {
		text, err := os.ReadFile("/proc/" + entry.Name() + "/environ")
		if err == nil && strings.Contains(string(text), cluster.EnvRun+"="+w.options.Owner.Run+"\x00") {
			count++
		}
	}
	return []string{fmt.Sprintf("%d processes", count)}
}
