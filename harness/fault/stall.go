package fault

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/seatrial/seatrial/harness/cluster"
	"github.com/seatrial/seatrial/harness/link"
	"github.com/seatrial/seatrial/harness/named"
)

// Stall has client sessions stop in the middle of a transaction and hold it open
// until the fault ends, as an application does that thinks, or asks another service:
// after its reads and before its writes, so that nobody waits for what it wrote;
// with Written after its writes and before its commit, so that others do. Then each
// goes on, and commits. It needs a workload of transactions, on a system that
// takes their statements one by one.
type Stall struct {
	// Target is a client group, fault.Clients("x"); empty means all clients of a
	// scenario without groups.
	Target Target `json:",omitempty"`
	// Share is how many of the group's sessions, in percent, drawn from the seed,
	// and at least one.
	Share   int  `json:",omitempty"`
	Written bool `json:",omitempty"`
}

// FaultName is "stall".
func (Stall) FaultName() string { return "stall" }

// At is the client group.
func (f Stall) At() Target {
	if f.Target == "" {
		return Clients(string(link.Clients))
	}
	return f.Target
}

// Validate names what is wrong with the parameters.
func (f Stall) Validate() error {
	if !strings.HasPrefix(string(f.At()), groupPrefix) {
		return fmt.Errorf("stall: the target is the %s: sessions are stalled by their client group, fault.Clients(\"x\")", f.At())
	}
	if f.Share < 0 || f.Share > 100 {
		return fmt.Errorf("stall: Share is %d: it must be between 0 and 100 percent", f.Share)
	}
	return nil
}

// Applies everywhere.
func (Stall) Applies(cluster.System, cluster.Network) error { return nil }

// AppliesAt needs transactions.
func (f Stall) AppliesAt(w World) error { return w.NoTransactions }

// onClients marks a fault whose target is a client group.
func (Stall) onClients() {}

type clientFault interface{ onClients() }

// Aim draws the seed of the choice of sessions.
func (f Stall) Aim(_ context.Context, aim Aim) (Act, error) {
	return StallAct{Group: strings.TrimPrefix(string(f.At()), groupPrefix), Share: f.Share, Written: f.Written, Seed: aim.Draw.Uint64()}, nil
}

// StallAct stalls sessions of a client group.
type StallAct struct {
	Group   string
	Share   int
	Written bool
	Seed    uint64
}

// Text is one line for people.
func (a StallAct) Text() string {
	text := fmt.Sprintf("stall %d %% of the sessions of %s", a.Share, a.Group)
	if a.Share == 0 {
		text = "stall 1 session of " + a.Group
	}
	if a.Written {
		text += ", having written"
	}
	return text
}

// Nodes are none; the group has a lane of its own.
func (a StallAct) Nodes() []string { return []string{a.Group} }

func loadOf(c cluster.Cluster) (Load, error) {
	if s, ok := c.(*site); ok && s.load != nil {
		return s.load, nil
	}
	return nil, errors.New("no clients are at work")
}

// Inject has the sessions hold their next transactions open.
func (a StallAct) Inject(_ context.Context, c cluster.Cluster, id string) error {
	load, err := loadOf(c)
	if err != nil {
		return err
	}
	_, err = load.Stall(id, a)
	return err
}

// Bit asks the sessions.
func (a StallAct) Bit(_ context.Context, c cluster.Cluster, id string) (bool, string, error) {
	load, err := loadOf(c)
	if err != nil {
		return false, "", err
	}
	now, ever := load.Stalled(id)
	if ever == 0 {
		return false, "no session held a transaction open: none began one that can be", nil
	}
	return true, fmt.Sprintf("%d sessions hold a transaction open", now), nil
}

// Counted is how many transactions were held open altogether.
func (a StallAct) Counted(_ context.Context, c cluster.Cluster, id string) (string, error) {
	load, err := loadOf(c)
	if err != nil {
		return "", err
	}
	_, ever := load.Stalled(id)
	return fmt.Sprintf("%d transactions were held open", ever), nil
}

// Undo lets the sessions go on.
func (a StallAct) Undo(_ context.Context, c cluster.Cluster, id string) error {
	if load, err := loadOf(c); err == nil { // without clients nobody is stalled
		load.Release(id)
	}
	return nil
}

// Undone asks the sessions.
func (a StallAct) Undone(_ context.Context, c cluster.Cluster, id string) error {
	load, err := loadOf(c)
	if err != nil {
		return nil
	}
	if now, _ := load.Stalled(id); now > 0 {
		return fmt.Errorf("%d sessions still hold a transaction open", now)
	}
	return nil
}

// Engine is the harness's own sessions.
func (Stall) Engine(string) string { return "sessions, seeded" }

func init() {
	named.Register(StallAct{})
	Register(Entry{Kind: KindClient, Example: Stall{},
		About: "has client sessions stop in the middle of a transaction and hold it open"})
}
