package harness

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/seatrial/seatrial/harness/cluster"
	"github.com/seatrial/seatrial/harness/fault"
	"github.com/seatrial/seatrial/harness/history"
	"github.com/seatrial/seatrial/harness/link"
	"github.com/seatrial/seatrial/harness/script"
	"github.com/seatrial/seatrial/workloads"
)

// clients drives a workload: one goroutine a slot, each a sequence of processes.
type clients struct {
	scenario Scenario
	seed     uint64
	cluster  cluster.Cluster
	load     workloads.Load
	record   *history.Recorder
	// nextProcess numbers processes; a process whose operation ended unknown is
	// retired, because that operation may still take effect.
	nextProcess atomic.Int32
	stalls      stalls
}

func newClients(s Scenario, seed uint64, c cluster.Cluster, record *history.Recorder) *clients {
	return &clients{scenario: s, seed: seed, cluster: c, load: s.Workload.Begin(s.System), record: record}
}

// place is where a slot's clients sit.
type place struct {
	number int
	group  link.End
	node   string
}

// places are those of all slots: a group beside a node works through that node,
// and every other group is spread over the members.
func (s Scenario) places() []place {
	members := cluster.Members(s.System)
	var all []place
	for _, g := range s.groups() {
		for n := range g.Clients {
			node, fixed := g.Beside.IsNode()
			if !fixed {
				node = members[n%len(members)]
			}
			all = append(all, place{number: len(all), group: link.End(g.Name), node: node})
		}
	}
	return all
}

// slot is one client's place, its random stream, its process now.
type slot struct {
	*clients
	place
	draw    *rand.Rand
	process int32
	client  workloads.Client
}

// Run works until the context ends and returns when every client has stopped.
func (c *clients) Run(ctx context.Context) {
	defer context.AfterFunc(ctx, c.stalls.end)()
	var all sync.WaitGroup
	for _, at := range c.scenario.places() {
		all.Go(func() {
			s := c.newSlot(at, fault.Stream(c.seed, "client "+strconv.Itoa(at.number)))
			defer s.close()
			s.work(ctx)
		})
	}
	all.Wait()
}

func (c *clients) newSlot(at place, draw *rand.Rand) *slot {
	return &slot{clients: c, place: at, draw: draw}
}

// afterFailure is the pause after an operation that failed at once, so a node
// that is down is not asked in a tight loop.
const afterFailure = 20 * time.Millisecond

// work draws operations at the slot's share of the rate. A slot that fell behind
// does not catch up: it is a closed loop with a ceiling.
func (s *slot) work(ctx context.Context) {
	period := time.Duration(s.scenario.clientCount()) * time.Second / time.Duration(s.scenario.Rate)
	next := time.Now().Add(time.Duration(s.draw.Int64N(int64(period) + 1)))
	for wait(ctx, time.Until(next)) {
		next = time.Now().Add(period/2 + time.Duration(s.draw.Int64N(int64(period)+1)))
		if !s.open(ctx) {
			continue
		}
		op := s.client.Next(s.draw)
		if hold := s.stalls.hold(s.number); hold != nil {
			op = workloads.HoldOpen(op, hold)
		}
		if outcome := s.do(ctx, op); outcome != history.OK {
			next = next.Add(afterFailure)
		}
	}
}

// open makes sure that the slot has a client; false means that there is none yet.
func (s *slot) open(ctx context.Context) bool {
	if s.client != nil {
		return true
	}
	if s.connect(ctx) != nil {
		wait(ctx, afterFailure)
		return false
	}
	return true
}

// connect opens a client as a new process, and records where it sits.
func (s *slot) connect(ctx context.Context) error {
	s.process = s.nextProcess.Add(1) - 1
	session := link.Session{
		Process: int(s.process), Slot: s.number, Group: s.group, Node: s.node,
		Timeout: s.scenario.OperationTimeout, Dialer: s.cluster.Dialer(),
	}
	attempt, cancel := context.WithTimeout(ctx, s.scenario.OperationTimeout)
	defer cancel()
	client, err := s.load.Open(attempt, session)
	if err != nil {
		return err
	}
	s.client = client
	s.record.Session(history.Session{Process: s.process, Slot: int32(s.number), Group: string(session.Group), Node: s.node})
	return nil
}

// do records an operation, carries it out and records how it ended. It is not
// cut short when the load ends: an answer that is under way is worth having.
func (s *slot) do(ctx context.Context, op workloads.Operation) history.Outcome {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.scenario.OperationTimeout)
	defer cancel()
	workloads.Invoke(s.record, s.process, op)
	answer, err := s.client.Do(ctx, op)
	outcome := workloads.Complete(s.record, s.process, op, answer, err)
	if outcome == history.Info {
		s.close() // its successor is a new process
	}
	return outcome
}

func (s *slot) close() {
	if s.client != nil {
		// The operation's own error was recorded; that its connection then fails
		// to close says nothing more.
		_ = s.client.Close()
		s.client = nil
	}
}

// FinalReads reads everything that was in use once more, spread over the members,
// and from every member what is asked of each. A read that fails is tried again
// until the context ends, on another member unless it is meant for one; it returns
// what could not be read by then.
func (c *clients) FinalReads(ctx context.Context) (missed []string) {
	reads := c.scenario.Script.FinalReads()
	if c.scenario.clientCount() > 0 {
		reads = append(reads, c.load.FinalReads()...)
	}
	members := cluster.Members(c.scenario.System)
	var mu sync.Mutex
	var all sync.WaitGroup
	for n := range members {
		all.Go(func() {
			// Slots beyond the clients' own: final readers are clients of their own.
			reader := c.newSlot(place{number: c.scenario.clientCount() + n, group: link.Clients, node: members[n]}, nil)
			defer reader.close()
			for i, read := range reads {
				if !read.EachNode && i%len(members) != n {
					continue
				}
				if !reader.finalRead(ctx, read, members) {
					mu.Lock()
					missed = append(missed, read.Operation.On())
					mu.Unlock()
				}
			}
		})
	}
	all.Wait()
	return missed
}

func (s *slot) finalRead(ctx context.Context, read workloads.FinalRead, members []string) bool {
	home := s.node
	defer func() {
		if s.node != home {
			s.close()
			s.node = home
		}
	}()
	for try := 0; ctx.Err() == nil; try++ {
		if try > 0 {
			wait(ctx, 5*afterFailure)
		}
		if s.open(ctx) && s.do(ctx, read.Operation) == history.OK {
			return true
		}
		s.close()
		if !read.EachNode {
			s.node = members[(s.number+try+1)%len(members)]
		}
	}
	return false
}

// wait waits for a time; false means that the context ended.
func wait(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}

// openSession connects a client for a session of a script. Its slot is beyond those
// of the clients and of the final readers.
func (c *clients) openSession(ctx context.Context, at script.Session, number int) (workloads.Client, int32, error) {
	members := cluster.Members(c.scenario.System)
	s := c.newSlot(place{number: c.scenario.clientCount() + len(members) + number, group: link.Clients, node: members[0]}, nil)
	if at.Node != "" {
		s.node = at.Node
	}
	if at.Group != "" {
		s.group = link.End(at.Group)
	}
	err := s.connect(ctx)
	return s.client, s.process, err
}

// firstScripted is where a script's values begin beside clients, who count from one.
const firstScripted = 1_000_000

// script carries out the scenario's script.
func (c *clients) script(ctx context.Context, injector *fault.Injector) error {
	on := script.On{Cluster: c.cluster, Injector: injector, Record: c.record, Open: c.openSession, Timeout: c.scenario.OperationTimeout}
	if c.scenario.clientCount() > 0 {
		on.First = firstScripted
	}
	return script.NewRunner(c.scenario.Script, on).Run(ctx)
}

func missedNote(missed []string) string {
	return fmt.Sprintf("%d final reads did not succeed, the first of %s", len(missed), missed[0])
}
