package cli_test

import (
	"time"

	"github.com/seatrial/seatrial/checkers"
	"github.com/seatrial/seatrial/docker/canary"
	"github.com/seatrial/seatrial/docker/etcd"
	"github.com/seatrial/seatrial/harness"
	"github.com/seatrial/seatrial/harness/cli"
	"github.com/seatrial/seatrial/harness/fault"
	"github.com/seatrial/seatrial/workloads"
)

// quick is a scenario that passes within seconds.
func quick(variant string, tags ...string) harness.Scenario {
	return harness.Scenario{
		Name:     "canary/register/" + variant,
		About:    "the canary store is linearizable while nothing happens",
		System:   canary.Cluster{Nodes: 3},
		Workload: workloads.Registers{Keys: 4},
		Tags:     tags,
		Clients:  4,
		Duration: time.Second,
		Check:    checkers.All{checkers.Linearizable{}},
	}
}

// stale is a scenario that breaks: whoever is cut off answers from its own copy.
func stale(variant string) harness.Scenario {
	s := quick(variant)
	s.About = "the canary store is linearizable, though every node answers from its own copy"
	s.System = canary.Cluster{Nodes: 3, Defect: "stale-read"}
	s.Clients = 9
	s.Duration = 2 * time.Second
	s.Faults = fault.After{Delay: 200 * time.Millisecond, Do: fault.For{Duration: 1500 * time.Millisecond, Fault: fault.BlackHole{Target: fault.Minority}}}
	return s
}

// trials is a set that has one of everything the command line tells apart.
func trials() cli.Set {
	still, broken := quick("still", "quick", "demo"), stale("stale")
	inPods := quick("in-pods")
	inPods.Name, inPods.Runtime = "canary/appends/in-pods", "pod"
	inPods.About = "the canary store is linearizable in pods too, said in more words than fit into one line of a table of a hundred and twenty columns"
	return cli.Set{
		Scenarios: []harness.Scenario{still, quick("still-too", "quick"), broken, inPods, {
			Name: "etcd/register/long", About: "a system that runs in pods only",
			System: etcd.Cluster{Nodes: 3}, Workload: workloads.Registers{Keys: 12}, Duration: time.Minute,
		}},
		Findings: []harness.Finding{
			{Name: "stale-read", About: "reads are stale on a node that is cut off", Scenario: broken, Broken: []string{"linearizable"}, Controls: []harness.Scenario{still}},
			{Name: "never-found", About: "what is not there", Scenario: quick("never"), Broken: []string{"linearizable"}},
			{Name: "other-break", About: "a violation of something else is no find", Scenario: broken, Broken: []string{"fresh"}},
			{Name: "bad-control", About: "a control that breaks", Scenario: broken, Broken: []string{"linearizable"}, Controls: []harness.Scenario{broken}},
			{Name: "holds", About: "nothing is known to break", Scenario: still},
			{Name: "in-pods", About: "needs an engine", Scenario: inPods},
		},
	}
}

// mixer is a set of one scenario with a mix of which not all applies to processes.
func mixer() cli.Set {
	s := quick("mixer")
	s.Duration = 8 * time.Second
	s.Faults = fault.Mix{AtOnce: 2, Overlap: true, Faults: []fault.Fault{
		fault.Loss{Target: fault.Leader, Probability: 0.1},
		fault.Weighted{Fault: fault.Latency{Target: fault.Random, Latency: 50 * time.Millisecond, Jitter: 10 * time.Millisecond}, Weight: 2},
		fault.Only{Fault: fault.Hold{Target: fault.Between(fault.Node("n1"), fault.Random)}, Direction: fault.Inbound, Port: "peer"},
		fault.Kill{Target: fault.Random},
	}}
	return cli.Set{Scenarios: []harness.Scenario{s}}
}
