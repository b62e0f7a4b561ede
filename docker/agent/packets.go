package main

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/google/nftables/userdata"
	"github.com/mdlayher/netlink"

	"github.com/seatrial/seatrial/harness/link"
)

// tableName is the table of this program, in each pod's own namespace.
const tableName = "seatrial"

// netlinkTimeout bounds one exchange with the kernel.
const netlinkTimeout = 5 * time.Second

// The chains; doc.go says what each is for.
const (
	chainOut      = "out"
	chainIn       = "in"
	chainRefuse   = "refuse"
	chainQueue    = "queue"
	chainRedirect = "redirect"
	chainNames    = "names"
)

// rule is one rule: the chain it is in, and what it does.
type rule struct {
	chain string
	exprs []expr.Any
}

// packets is the table in the kernel. It keeps nothing of its own: what is in
// force is what the kernel says. One call at a time.
type packets struct {
	controlPort uint16
	// toQueue is the expression that sends a packet to user space; nil where the
	// kernel has none.
	toQueue func(number uint16) []expr.Any

	conn   *nftables.Conn // nil before the first exchange
	socket *netlink.Conn  // the one of conn
}

var table = &nftables.Table{Name: tableName, Family: nftables.TableFamilyINet}

// exchange does something with the kernel's tables: one batch, or lists and then one.
//
// The connection is kept. Closing one waits until the kernel has freed what was
// deleted, for which every CPU must have forgotten it: tens of milliseconds, and no
// other batch is let in meanwhile. Only where something failed it is closed:
// acknowledgements may be left unread, and the next batch would take them for its own.
func (p *packets) exchange(do func(conn *nftables.Conn) error) (err error) {
	if p.conn == nil {
		p.conn, err = nftables.New(nftables.AsLasting(), nftables.WithSockOptions(func(c *netlink.Conn) error {
			p.socket = c
			return nil
		}))
		if err != nil {
			p.conn = nil
			return fmt.Errorf("open netlink: %w", err)
		}
	}
	if err = p.socket.SetDeadline(time.Now().Add(netlinkTimeout)); err == nil {
		err = do(p.conn)
	}
	if err != nil {
		err = errors.Join(err, p.close())
	}
	return err
}

// close closes the connection; the next exchange opens another.
func (p *packets) close() error {
	if p.conn == nil {
		return nil
	}
	err := p.conn.CloseLasting()
	p.conn, p.socket = nil, nil
	return err
}

// base are the chains, and the rules that come before those of any effect.
func (p *packets) base() ([]*nftables.Chain, []rule) {
	accepting := nftables.ChainPolicyAccept
	chain := func(name string, kind nftables.ChainType, hook *nftables.ChainHook, priority *nftables.ChainPriority) *nftables.Chain {
		return &nftables.Chain{Name: name, Table: table, Type: kind, Hooknum: hook, Priority: priority, Policy: &accepting}
	}
	chains := []*nftables.Chain{
		chain(chainOut, nftables.ChainTypeFilter, nftables.ChainHookOutput, nftables.ChainPriorityRaw),
		chain(chainIn, nftables.ChainTypeFilter, nftables.ChainHookPrerouting, nftables.ChainPriorityRaw),
		chain(chainRefuse, nftables.ChainTypeFilter, nftables.ChainHookInput, nftables.ChainPriorityRaw),
		// After `in`: what is dropped is not queued. Before connection tracking: that
		// sees a packet when it is let go, and not at all when it is lost.
		chain(chainQueue, nftables.ChainTypeFilter, nftables.ChainHookPrerouting, nftables.ChainPriorityRef(*nftables.ChainPriorityRaw+1)),
		chain(chainRedirect, nftables.ChainTypeNAT, nftables.ChainHookOutput, nftables.ChainPriorityNATDest),
		chain(chainNames, nftables.ChainTypeNAT, nftables.ChainHookOutput, namesPriority),
	}
	rules := []rule{
		{chainOut, join(fromTCP(p.controlPort), accept())},
		// A packet that is sent twice is not queued again, but cut like any other.
		{chainQueue, join(arrivesOnLoopback(), accept())},
	}
	for _, name := range []string{chainIn, chainRefuse} {
		// A reset that the kernel makes for the pod's own socket comes from the peer, over loopback.
		rules = append(rules, rule{name, join(arrivesOnLoopback(), notMarked(copyMark), accept())})
	}
	for _, name := range []string{chainIn, chainRefuse, chainQueue} {
		rules = append(rules,
			rule{name, join(toTCP(p.controlPort), accept())},
			rule{name, join(neighbourDiscovery(), accept())})
	}
	return chains, rules
}

// renew makes the table empty, whatever an earlier agent left in it.
func renew(conn *nftables.Conn) {
	conn.AddTable(table)
	conn.DelTable(table)
	conn.AddTable(table)
}

// install makes the table new, in one batch. A chain for redirects exists only if
// there are any: it switches connection tracking on.
func (p *packets) install(redirects []rule) error {
	chains, rules := p.base()
	err := p.exchange(func(conn *nftables.Conn) error {
		renew(conn)
		for _, c := range chains {
			if c.Type != nftables.ChainTypeNAT || slices.ContainsFunc(redirects, func(r rule) bool { return r.chain == c.Name }) {
				conn.AddChain(c)
			}
		}
		for _, r := range append(rules, redirects...) {
			conn.AddRule(&nftables.Rule{Table: table, Chain: &nftables.Chain{Name: r.chain, Table: table}, Exprs: r.exprs})
		}
		return conn.Flush()
	})
	if err != nil {
		return fmt.Errorf("make the table %s: %w", tableName, err)
	}
	return nil
}

// remove deletes the table, whether or not it is there.
func (p *packets) remove() error {
	err := p.exchange(func(conn *nftables.Conn) error {
		conn.AddTable(table)
		conn.DelTable(table)
		return conn.Flush()
	})
	if err != nil {
		return fmt.Errorf("remove the table %s: %w", tableName, err)
	}
	return nil
}

// apply puts the rules of an effect in force, all at once.
func (p *packets) apply(id string, rules []rule) error {
	err := p.exchange(func(conn *nftables.Conn) error {
		for _, r := range rules {
			conn.AddRule(&nftables.Rule{
				Table: table, Chain: &nftables.Chain{Name: r.chain, Table: table}, Exprs: r.exprs,
				UserData: userdata.AppendString(nil, userdata.TypeComment, id),
			})
		}
		return conn.Flush()
	})
	if err != nil {
		return fmt.Errorf("add %d rules: %w", len(rules), err)
	}
	return nil
}

// undo deletes the rules of the effects, all at once, and returns what they had
// counted.
func (p *packets) undo(ids ...string) (map[string]link.Count, error) {
	counts := map[string]link.Count{}
	err := p.exchange(func(conn *nftables.Conn) error {
		rules, err := listRules(conn)
		if err != nil {
			return err
		}
		for _, r := range rules {
			id, ok := userdata.GetString(r.UserData, userdata.TypeComment)
			if !ok || !slices.Contains(ids, id) {
				continue
			}
			counts[id] = counts[id].Add(counted(r))
			if err := conn.DelRule(r); err != nil {
				return fmt.Errorf("delete a rule of effect %q: %w", id, err)
			}
		}
		if err := conn.Flush(); err != nil {
			return fmt.Errorf("delete the rules of %d effects: %w", len(counts), err)
		}
		return nil
	})
	return counts, err
}

// counts are what the effects in force have done so far.
func (p *packets) counts() (map[string]link.Count, error) {
	counts := map[string]link.Count{}
	err := p.exchange(func(conn *nftables.Conn) error {
		rules, err := listRules(conn)
		for _, r := range rules {
			if id, ok := userdata.GetString(r.UserData, userdata.TypeComment); ok {
				counts[id] = counts[id].Add(counted(r))
			}
		}
		return err
	})
	return counts, err
}

// active are the ids of the effects in force, sorted.
func (p *packets) active() ([]string, error) {
	counts, err := p.counts()
	if err != nil {
		return nil, err
	}
	return slices.Sorted(maps.Keys(counts)), nil
}

func counted(r *nftables.Rule) (sum link.Count) {
	for _, e := range r.Exprs {
		if c, ok := e.(*expr.Counter); ok {
			sum = sum.Add(link.Count{Packets: c.Packets, Bytes: c.Bytes})
		}
	}
	return sum
}

// listRules are those of all effects, as the kernel has them.
func listRules(conn *nftables.Conn) ([]*nftables.Rule, error) {
	var all []*nftables.Rule
	for _, name := range []string{chainOut, chainIn, chainRefuse, chainQueue} {
		chain := &nftables.Chain{Name: name, Table: table}
		rules, err := conn.GetRules(table, chain)
		if err != nil {
			return nil, fmt.Errorf("list the rules of chain %s %s: %w", tableName, name, err)
		}
		all = append(all, rules...)
	}
	return all, nil
}

// unavailable says why packets can't be cut here, and what to do about it.
func (p *packets) unavailable() error {
	err := p.remove() // adds and deletes the table: what an effect needs
	if err == nil {
		return nil
	}
	return errors.Join(err, errors.New(
		"faults on packets need nftables in the kernel, and the capability NET_ADMIN for the agent's container"))
}

// findQueue looks for a way to send packets to user space, and says what is missing
// where there is none.
func (p *packets) findQueue() error {
	var errs []error
	for _, expression := range []func(uint16) []expr.Any{toQueueByTarget, toQueueByExpression} {
		// All in one batch: nothing of it is left, however it ends.
		err := p.exchange(func(conn *nftables.Conn) error {
			renew(conn)
			chain := conn.AddChain(&nftables.Chain{Name: chainQueue, Table: table})
			conn.AddRule(&nftables.Rule{Table: table, Chain: chain, Exprs: expression(queueNumber)})
			conn.DelTable(table)
			return conn.Flush()
		})
		if err == nil {
			p.toQueue = expression
			break
		}
		errs = append(errs, err)
	}
	if p.toQueue == nil {
		return fmt.Errorf("send packets to user space: %w: that needs the target NFQUEUE (xt_NFQUEUE with nft_compat) or the expression queue (nft_queue) in the kernel",
			errors.Join(errs...))
	}
	q, err := openNetfilterQueue()
	if err != nil {
		return fmt.Errorf("take packets in user space: %w: that needs nfnetlink_queue in the kernel", err)
	}
	return q.close()
}
