package fault

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/seatrial/seatrial/harness/cluster"
	"github.com/seatrial/seatrial/harness/link"
	"github.com/seatrial/seatrial/harness/named"
)

// NamesFail makes questions for names that the target asks fail. Names are those
// that it falls on, with * for any text ("*.example.com"); none is all. How is
// link.NoSuchName (the default), link.ServerFailure, link.QueryRefused, or
// link.NoAnswer: then the asker's own timeout decides.
type NamesFail struct {
	Target
	Names []string        `json:",omitempty"`
	How   link.NameAction `json:",omitempty"`
}

// NamesSlow answers questions for names that the target asks later, by Latency ± a
// uniform draw of up to Jitter. Names as in [NamesFail].
type NamesSlow struct {
	Target
	Names   []string `json:",omitempty"`
	Latency time.Duration
	Jitter  time.Duration
}

// NamesWrong answers questions for addresses that the target asks with another
// one: that of the node named Answer, or Answer itself, for instance 192.0.2.1,
// where nobody is (RFC 5737). Names as in [NamesFail].
type NamesWrong struct {
	Target
	Names  []string `json:",omitempty"`
	Answer string
}

// FaultName is "names-fail".
func (NamesFail) FaultName() string { return "names-fail" }

// FaultName is "names-slow".
func (NamesSlow) FaultName() string { return "names-slow" }

// FaultName is "names-wrong".
func (NamesWrong) FaultName() string { return "names-wrong" }

// nameFault is a fault on names.
type nameFault interface{ nameEffect() link.NameEffect }

func (f NamesFail) nameEffect() link.NameEffect {
	how := f.How
	if how == "" {
		how = link.NoSuchName
	}
	return link.NameEffect{Action: how, Names: f.Names}
}

func (f NamesSlow) nameEffect() link.NameEffect {
	return link.NameEffect{Action: link.LateAnswer, Names: f.Names, Latency: f.Latency, Jitter: f.Jitter}
}

func (f NamesWrong) nameEffect() link.NameEffect {
	return link.NameEffect{Action: link.WrongAnswer, Names: f.Names, Answer: f.Answer}
}

// NeedsNames reports whether the fault is one on names, so that what nodes ask of
// their name servers must go through a relay from the start.
func NeedsNames(f Fault) bool {
	_, is := f.(nameFault)
	return is
}

// PlanNeedsNames reports whether a step is a fault on names. For code it is as in
// [PlanNeedsStreams].
func PlanNeedsNames(steps []Step) bool {
	return slices.ContainsFunc(steps, func(s Step) bool { return s.Fault != nil && NeedsNames(s.Fault) })
}

// Validate wants a way to fail.
func (f NamesFail) Validate() error {
	if f.How == link.LateAnswer || f.How == link.WrongAnswer {
		return fmt.Errorf("names fail: %s is no failure: use fault.NamesSlow or fault.NamesWrong", f.How)
	}
	return f.nameEffect().Validate()
}

// Applies needs pods.
func (f NamesFail) Applies(_ cluster.System, n cluster.Network) error { return namesApply(n) }

// Applies needs pods.
func (f NamesSlow) Applies(_ cluster.System, n cluster.Network) error { return namesApply(n) }

// Validate wants a latency.
func (f NamesSlow) Validate() error {
	if f.Latency <= 0 || f.Jitter < 0 || f.Jitter > f.Latency {
		return fmt.Errorf("names slow: Latency %v with Jitter %v: the latency must be above zero, and the jitter between zero and the latency", f.Latency, f.Jitter)
	}
	return f.nameEffect().Validate()
}

// Applies needs pods, and an answer that is a node or an address.
func (f NamesWrong) Applies(s cluster.System, n cluster.Network) error {
	if _, err := netip.ParseAddr(f.Answer); err != nil && !slices.Contains(s.NodeNames(), f.Answer) {
		return fmt.Errorf("names wrong: Answer is %q: say one of the nodes %s, or an IP address", f.Answer, strings.Join(s.NodeNames(), ", "))
	}
	return namesApply(n)
}

// Validate wants names that are some.
func (f NamesWrong) Validate() error { return f.nameEffect().Validate() }

var errNoNames = errors.New("names do not apply: this runtime can't change what its nodes are told about them")

func namesApply(n cluster.Network) error {
	if n == nil {
		return nil // asked before the cluster runs
	}
	names, ok := n.(cluster.NameNetwork)
	if !ok {
		return errNoNames
	}
	return names.NamesApply()
}

// Aim resolves the target.
func (f NamesFail) Aim(ctx context.Context, aim Aim) (Act, error) {
	effect := f.nameEffect()
	return aimNames(ctx, aim, f.Target, effect, "names fail", string(effect.Action))
}

// Aim resolves the target.
func (f NamesSlow) Aim(ctx context.Context, aim Aim) (Act, error) {
	effect := f.nameEffect()
	effect.Seed = aim.Draw.Uint64()
	return aimNames(ctx, aim, f.Target, effect, "names slow", fmt.Sprintf("%v ± %v", f.Latency, f.Jitter))
}

// Aim resolves the target.
func (f NamesWrong) Aim(ctx context.Context, aim Aim) (Act, error) {
	return aimNames(ctx, aim, f.Target, f.nameEffect(), "names wrong", f.Answer)
}

func aimNames(ctx context.Context, aim Aim, target Target, effect link.NameEffect, word, how string) (Act, error) {
	nodes, err := target.pick(ctx, aim)
	if err != nil {
		return nil, err
	}
	on := "all names"
	if len(effect.Names) > 0 {
		on = strings.Join(effect.Names, " ")
	}
	return NamesAct{
		Label:   fmt.Sprintf("%s %s: %s for %s", word, strings.Join(nodes, " "), how, on),
		Targets: nodes, Effect: effect, Probe: probeName(aim, nodes, effect),
	}, nil
}

// probeName is a name that the effect falls on and that exists, or is at least
// spelt out; "" where there is none. A node's own name is in its hosts file, and
// is not asked for.
func probeName(aim Aim, targets []string, effect link.NameEffect) string {
	for _, node := range others(aim.Nodes, append(slices.Clone(targets[:1]), effect.Answer)) {
		if effect.FallsOn(node) {
			return node
		}
	}
	for _, name := range effect.Names {
		if !strings.ContainsAny(name, `*?[\`) && name != targets[0] {
			return name
		}
	}
	return ""
}

// NamesAct puts one effect on what some nodes are told about names.
type NamesAct struct {
	Label   string
	Targets []string
	Effect  link.NameEffect
	// Probe is the name that is looked up on the first target where no question of
	// its program met the effect; "" where there is none to look up.
	Probe string `json:",omitempty"`
}

// Text is one line for people.
func (a NamesAct) Text() string { return a.Label }

// Nodes are the targets.
func (a NamesAct) Nodes() []string { return a.Targets }

func (a NamesAct) network(c cluster.Cluster) (cluster.NameNetwork, error) {
	if names, ok := c.Network().(cluster.NameNetwork); ok {
		return names, nil
	}
	return nil, errNoNames
}

// Inject changes what the targets are told.
func (a NamesAct) Inject(ctx context.Context, c cluster.Cluster, id string) error {
	names, err := a.network(c)
	if err != nil {
		return err
	}
	return names.ApplyNames(ctx, id, a.Effect, a.Targets)
}

// resolveTimeout is how long a question may take that no effect delays.
const resolveTimeout = 5 * time.Second

// Bit reads the counters of the relays; where the target's program asked nothing
// that met the effect, a lookup in its pod must meet it, and be told what the
// effect says.
func (a NamesAct) Bit(ctx context.Context, c cluster.Cluster, id string) (bool, string, error) {
	names, err := a.network(c)
	if err != nil {
		return false, "", err
	}
	count, err := names.Count(ctx, id)
	if err != nil {
		return false, "", fmt.Errorf("read the counters of %s: %w", a.Label, err)
	}
	if count.Packets > 0 {
		return true, questions(count), nil
	}
	if a.Probe == "" {
		return false, "nothing was asked that it falls on", nil
	}
	timeout := min(resolveTimeout+a.Effect.Latency+a.Effect.Jitter, time.Minute)
	if a.Effect.Action == link.NoAnswer {
		timeout = probeTimeout
	}
	told, err := names.Resolve(ctx, a.Targets[0], a.Probe, timeout)
	if err != nil {
		return false, "", err
	}
	as, err := a.asSaid(ctx, names, told)
	if err == nil {
		count, err = names.Count(ctx, id)
	}
	if err != nil {
		return false, "", err
	}
	return as && count.Packets > 0, fmt.Sprintf("only a lookup of %s on %s met it: %s", a.Probe, a.Targets[0], told), nil
}

func questions(count link.Count) string {
	return fmt.Sprintf("%d questions, %d bytes", count.Packets, count.Bytes)
}

// asSaid reports whether a lookup was told what the effect says.
func (a NamesAct) asSaid(ctx context.Context, names cluster.NameNetwork, told link.Resolution) (bool, error) {
	switch a.Effect.Action {
	case link.NoSuchName:
		return told.NotFound, nil
	case link.NoAnswer:
		return told.TimedOut, nil
	case link.LateAnswer:
		return told.TimedOut || told.Took >= a.Effect.Latency-a.Effect.Jitter, nil
	case link.WrongAnswer:
		if want, err := netip.ParseAddr(a.Effect.Answer); err == nil {
			return slices.Contains(told.Addresses, want), nil
		}
		// What a node says of its own name is in its hosts file.
		want, err := names.Resolve(ctx, a.Effect.Answer, a.Effect.Answer, resolveTimeout)
		return len(told.Addresses) > 0 && slices.Contains(want.Addresses, told.Addresses[0]), err
	}
	return told.Failure != "" && !told.NotFound, nil
}

// Counted is how many questions it fell on altogether.
func (a NamesAct) Counted(ctx context.Context, c cluster.Cluster, id string) (string, error) {
	names, err := a.network(c)
	if err != nil {
		return "", err
	}
	count, err := names.Count(ctx, id)
	return questions(count), err
}

// Undo takes the effect away.
func (a NamesAct) Undo(ctx context.Context, c cluster.Cluster, id string) error {
	return c.Network().Undo(ctx, id)
}

// Undone asks the relays whether they still know the effect.
func (a NamesAct) Undone(ctx context.Context, c cluster.Cluster, id string) error {
	active, err := c.Network().Active(ctx)
	if err != nil {
		return err
	}
	if slices.Contains(active, id) {
		return errors.New("the effect is still in force")
	}
	return nil
}

// Engine is the agent's relay of questions.
func (NamesFail) Engine(string) string { return "name relay" }

// Engine is the agent's relay of questions.
func (NamesSlow) Engine(string) string { return "name relay, seeded" }

// Engine is the agent's relay of questions.
func (NamesWrong) Engine(string) string { return "name relay" }

func init() {
	named.Register(NamesAct{})
	Register(
		Entry{Kind: KindName, Example: NamesFail{Target: Leader, How: link.ServerFailure},
			About: "makes questions for names fail: no such name, server failure, refused, or no answer"},
		Entry{Kind: KindName, Example: NamesSlow{Target: Random, Latency: 300 * time.Millisecond},
			About: "answers questions for names late"},
		Entry{Kind: KindName, Example: NamesWrong{Target: Random, Answer: "192.0.2.1"},
			About: "answers questions for names with another address"},
	)
}
