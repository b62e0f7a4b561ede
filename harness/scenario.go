package harness

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/seatrial/seatrial/checkers"
	"github.com/seatrial/seatrial/checkers/txn"
	"github.com/seatrial/seatrial/harness/cluster"
	"github.com/seatrial/seatrial/harness/cluster/pod"
	"github.com/seatrial/seatrial/harness/cluster/process"
	"github.com/seatrial/seatrial/harness/fault"
	"github.com/seatrial/seatrial/harness/link"
	"github.com/seatrial/seatrial/harness/named"
	"github.com/seatrial/seatrial/harness/script"
	"github.com/seatrial/seatrial/workloads"
)

// Version is the version of seatrial.
const Version = "0.1.0"

// Scenario is a test of a stateful system, as data.
type Scenario struct {
	// Name is system/family/variant, for instance "etcd/register/mixed".
	Name string
	// About is one line: what must hold.
	About    string
	System   cluster.System
	Workload workloads.Workload
	// Tags group scenarios on the command line, for instance "demo" or "track-record".
	Tags []string
	// Script is ordered steps, with which the load ends: within Duration. The
	// workload says what its sessions do and what the history is judged as.
	Script script.Script
	// Clients is how many work at a time. Default 10; beside a Script none. With
	// Groups it is left zero.
	Clients int
	// Groups divides the clients into groups with places of their own on the
	// network. Without it all clients are one group, link.Clients, that no fault on
	// nodes cuts off.
	Groups []ClientGroup
	// Rate bounds the operations per second of all clients together. Default 800.
	Rate int
	// Duration is how long clients work and faults come. Default 20 s.
	Duration time.Duration
	// OperationTimeout bounds one operation. Default 1 s.
	OperationTimeout time.Duration
	Faults           fault.Schedule
	// Check is asked beside what every run is asked: recovery, nodes that stay up,
	// enough load, faults that bit, a whole recording.
	Check checkers.All
	// RecoverWithin is how long the cluster may take to serve again after
	// everything was healed, before that is a violation. Default 30 s.
	RecoverWithin time.Duration
	// Runtime is "pod" or "process". Default: process where the system has it.
	Runtime string
}

// ClientGroup is some clients that share a place on the network.
type ClientGroup struct {
	Name    string
	Clients int
	// Beside is the node that the group sits beside, and is cut off with:
	// fault.Node, fault.Leader (whoever leads when a cut comes) or fault.Majority
	// (the larger side of each cut). Empty is the open: no cut of nodes meets it.
	Beside fault.Target
}

// groups are the scenario's client groups.
func (s Scenario) groups() []ClientGroup {
	if len(s.Groups) > 0 {
		return s.Groups
	}
	return []ClientGroup{{Name: string(link.Clients), Clients: s.Clients}}
}

// clientCount is how many clients work at a time.
func (s Scenario) clientCount() int {
	count := 0
	for _, g := range s.groups() {
		count += g.Clients
	}
	return count
}

// world is what faults can be aimed at.
func (s Scenario) world() fault.World {
	w := fault.WorldOf(s.System)
	w.Runtime = s.Runtime
	switch s.Runtime {
	case "pod":
		w.Network = pod.Runtime{}.Network()
	case "process":
		w.Network = process.Runtime{}.Network()
	}
	if _, ok := s.System.(workloads.TransactionOpener); !ok {
		w.NoTransactions = fmt.Errorf("%s offers no transactions to hold open", s.System.SystemName())
	}
	for _, g := range s.groups() {
		w.Groups = append(w.Groups, fault.Group{Name: link.End(g.Name), Beside: g.Beside})
	}
	return w
}

// UsageError is a mistake in what was asked for: commands exit with 64.
type UsageError struct{ Err error }

func (e UsageError) Error() string { return e.Err.Error() }
func (e UsageError) Unwrap() error { return e.Err }

func init() {
	named.Register(workloads.Registers{}, workloads.Appends{},
		workloads.Transactions{}, workloads.WriteSkew{}, workloads.Bank{},
		checkers.Linearizable{}, checkers.LoadFloor{}, checkers.RecoversWithin{}, checkers.FaultsBit{},
		checkers.NothingLost{}, checkers.SetFull{}, checkers.Staleness{}, checkers.StaysUp{}, checkers.Complete{},
		checkers.Set{}, checkers.TotalQueue{}, checkers.UniqueIDs{}, checkers.CounterBounds{}, checkers.Bank{},
		checkers.LongFork{}, checkers.CausalReverse{}, checkers.Sessions{}, checkers.PerKeyOrder{},
		checkers.MutualExclusion{}, checkers.ExactlyOnce{}, checkers.StreamOrder{}, checkers.Convergence{},
		checkers.RecoveryTime{}, checkers.RecoveryPoint{}, checkers.Latency{}, checkers.Availability{}, checkers.LogPattern{},
		txn.ListAppend{}, txn.Register{})
}

func (s Scenario) withDefaults() Scenario {
	if len(s.Groups) == 0 && s.Script.Empty() {
		setDefault(&s.Clients, 10)
	}
	setDefault(&s.Rate, 800)
	setDefault(&s.Duration, 20*time.Second)
	setDefault(&s.OperationTimeout, time.Second)
	setDefault(&s.RecoverWithin, 30*time.Second)
	for _, c := range s.Check { // a check must not be answered before its limit
		if recovers, ok := c.(checkers.RecoversWithin); ok {
			s.RecoverWithin = max(s.RecoverWithin, recovers.Limit)
		}
	}
	if s.Runtime == "" {
		s.Runtime = "pod"
		if _, ok := s.System.(cluster.ProcessSystem); ok {
			s.Runtime = "process"
		}
	}
	return s
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// Validate says what is wrong with the scenario, before anything starts.
func (s Scenario) Validate() error {
	if err := s.validate(); err != nil {
		return UsageError{fmt.Errorf("scenario %s: %w", s.Name, err)}
	}
	return nil
}

func (s Scenario) validate() error {
	if s.Name == "" {
		return errors.New("it has no Name: call it system/family/variant")
	}
	if s.System == nil || s.Workload == nil {
		return errors.New("it needs a System and a Workload")
	}
	s = s.withDefaults()
	switch {
	case s.clientCount() < 1 && (s.Script.Empty() || s.clientCount() < 0) || s.Rate < 1:
		return fmt.Errorf("field Clients is %d and Rate %d: both must be at least 1", s.clientCount(), s.Rate)
	case s.Clients != 0 && len(s.Groups) != 0:
		return errors.New("fields Clients and Groups are both set: with Groups, leave Clients zero")
	case s.Duration < 0 || s.OperationTimeout < 0 || s.RecoverWithin < 0:
		return errors.New("fields Duration, OperationTimeout and RecoverWithin can't be below zero")
	}
	if err := s.System.Validate(); err != nil {
		return err
	}
	if _, err := s.runtime(); err != nil {
		return err
	}
	if err := s.Workload.Validate(s.System); err != nil {
		return err
	}
	for i, c := range s.Check {
		if c == nil {
			return fmt.Errorf("field Check[%d] is nil", i)
		}
	}
	if err := s.validateGroups(); err != nil {
		return err
	}
	if err := s.Script.Validate(s.System, s.world()); err != nil {
		return err
	}
	return fault.Check(s.Faults, s.System, s.world())
}

func (s Scenario) validateGroups() error {
	seen := map[string]bool{string(cluster.Probes): true}
	for _, node := range s.System.NodeNames() {
		seen[node] = true
	}
	for i, g := range s.groups() {
		switch {
		case g.Name == "" || strings.ContainsAny(g.Name, " \t\n"):
			return fmt.Errorf("field Groups[%d]: the name %q must be one word", i, g.Name)
		case seen[g.Name]:
			return fmt.Errorf("field Groups[%d]: the name %s is taken by a node, another group or the harness", i, g.Name)
		case g.Clients < 1 && len(s.Groups) > 0:
			return fmt.Errorf("group %s: Clients is %d: it must be at least 1", g.Name, g.Clients)
		}
		seen[g.Name] = true
		if err := g.Beside.ValidatePlace(s.System); err != nil {
			return fmt.Errorf("group %s: %w", g.Name, err)
		}
	}
	return nil
}

// runtime is what runs the scenario's system.
func (s Scenario) runtime() (cluster.Runtime, error) {
	switch s.Runtime {
	case "pod":
		if _, ok := s.System.(cluster.PodSystem); ok {
			return pod.Runtime{}, nil
		}
	case "process":
		if _, ok := s.System.(cluster.ProcessSystem); ok {
			return process.Runtime{}, nil
		}
	default:
		return nil, fmt.Errorf("runtime %q is none of pod, process", s.Runtime)
	}
	return nil, fmt.Errorf("%s does not run on the %s runtime", s.System.SystemName(), s.Runtime)
}

// checks are the scenario's own and those of every run.
func (s Scenario) checks() checkers.All {
	all := append(checkers.All{}, s.Check...)
	recovers := false
	for _, c := range all {
		_, is := c.(checkers.RecoversWithin)
		recovers = recovers || is
	}
	if !recovers {
		all = append(all, checkers.RecoversWithin{Limit: s.RecoverWithin})
	}
	return append(all, checkers.StaysUp{}, checkers.LoadFloor{}, checkers.FaultsBit{}, checkers.Complete{})
}

// options are the system's parameters beside its version, for headers and reports.
func (s Scenario) options() map[string]string {
	return parameters(s.System, "Version", "Nodes")
}

// parameters are the fields of a registered type that are set, by their names, but
// for some.
func parameters(v any, but ...string) map[string]string {
	text, err := named.Marshal(v)
	var fields map[string]any
	if err != nil || json.Unmarshal(text, &fields) != nil {
		return nil
	}
	set := map[string]string{}
	for name, value := range fields {
		switch value {
		case nil, "", false, float64(0):
			continue
		}
		switch many, is := value.(map[string]any); {
		case name == "type" || slices.Contains(but, name):
		case is: // for instance settings, which have names of their own
			for setting, value := range many {
				set[setting] = fmt.Sprint(value)
			}
		default:
			set[dashed(name)] = fmt.Sprint(value)
		}
	}
	return set
}

// dashed writes MinReplicas as min-replicas.
func dashed(name string) string {
	var b strings.Builder
	for i, c := range name {
		if unicode.IsUpper(c) && i > 0 {
			b.WriteByte('-')
		}
		b.WriteRune(unicode.ToLower(c))
	}
	return b.String()
}

// Plan is a scenario with everything that its seed decides.
type Plan struct {
	Harness  string
	Seed     uint64
	Scenario Scenario
	Steps    []fault.Step
	// LeftOut are the faults of mixes that do not apply to the system on its runtime.
	LeftOut []fault.LeftOut
}

// NewPlan validates the scenario and draws its steps.
func NewPlan(s Scenario, seed uint64) (Plan, error) {
	if err := s.Validate(); err != nil {
		return Plan{}, err
	}
	s = s.withDefaults()
	steps := fault.Plan(s.Faults, seed, s.world(), s.Duration)
	if never := fault.Never(s.Faults, steps); len(never) > 0 {
		return Plan{}, UsageError{fmt.Errorf("scenario %s: within its %v these faults never come: %s: a run would prove nothing", s.Name, s.Duration, strings.Join(never, ", "))}
	}
	return Plan{Harness: Version, Seed: seed, Scenario: s, Steps: steps, LeftOut: fault.Omissions(s.Faults, s.world())}, nil
}

// PlanChecks reads the checks of a saved plan: those that the run was asked. One
// that is code of the program that ran it can't be asked elsewhere: its place is
// taken by a checker that says so, inconclusively.
func PlanChecks(plan []byte) (checkers.All, error) {
	var saved struct {
		Scenario struct {
			Check         []json.RawMessage
			RecoverWithin string
		}
	}
	if err := json.Unmarshal(plan, &saved); err != nil {
		return nil, fmt.Errorf("the plan is damaged: %w", err)
	}
	var s Scenario
	for _, text := range saved.Scenario.Check {
		var one checkers.Checker
		if err := named.Unmarshal(text, &one); err != nil {
			one = notHere{err}
		}
		s.Check = append(s.Check, one)
	}
	if within := saved.Scenario.RecoverWithin; within != "" {
		limit, err := time.ParseDuration(within)
		if err != nil {
			return nil, fmt.Errorf("the plan's RecoverWithin: %w", err)
		}
		s.RecoverWithin = limit
	}
	return s.checks(), nil
}

// notHere stands for a check that this program does not have.
type notHere struct{ err error }

func (n notHere) Check(context.Context, checkers.Evidence, checkers.Budget) checkers.Result {
	return checkers.Result{Checker: "unknown-here", Verdict: checkers.Inconclusive,
		Summary: fmt.Sprintf("a check of the plan can't be asked by this program: %v", n.err)}
}
