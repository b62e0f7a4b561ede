package workloads

import (
	"context"
	"fmt"
	"math/rand/v2"

	"github.com/seatrial/seatrial/harness/history"
	"github.com/seatrial/seatrial/harness/link"
)

// Appends adds elements to lists, each element once in the whole run, and reads
// the lists now and then. At the end every list is read as clients are served, and
// from every node. What was acknowledged must be there, once. A list retires after
// some appends and a new one takes its place, so reads stay small.
type Appends struct {
	// Lists is how many lists are in use at a time. Default 4.
	Lists int
	// RetireAfter is how many appends a list gets. Default 400.
	RetireAfter int
	// ReadShare is the part of the operations that read, in percent. Default 4;
	// below zero none.
	ReadShare int
}

func (w Appends) withDefaults() Appends {
	if w.Lists == 0 {
		w.Lists = 4
	}
	if w.RetireAfter == 0 {
		w.RetireAfter = 400
	}
	if w.ReadShare == 0 {
		w.ReadShare = 4
	}
	w.ReadShare = max(w.ReadShare, 0)
	return w
}

// WorkloadName is "appends".
func (Appends) WorkloadName() string { return "appends" }

// Validate checks the parameters, and that the system offers appends.
func (w Appends) Validate(system any) error {
	w = w.withDefaults()
	switch {
	case w.Lists < 1 || w.RetireAfter < 1:
		return fmt.Errorf("appends: Lists is %d and RetireAfter %d: both must be at least 1", w.Lists, w.RetireAfter)
	case w.ReadShare > 99:
		return fmt.Errorf("appends: ReadShare %d must leave something to append: at most 99 percent", w.ReadShare)
	}
	if _, ok := system.(AppendOpener); !ok {
		return fmt.Errorf("workload appends needs a system with OpenAppender, and %s", offers(system))
	}
	return nil
}

// Describe says that each key is a list to which no element is appended twice.
func (Appends) Describe(header *history.Header) {
	header.Model = "append-list"
	header.Initial = nil
	header.UniqueValues = true
}

// Begin starts with fresh lists.
func (w Appends) Begin(system any) Load {
	w = w.withDefaults()
	return &appendLoad{Appends: w, system: system.(AppendOpener), rotation: newRotation("l", w.Lists, w.RetireAfter)}
}

type appendLoad struct {
	Appends
	*rotation
	system AppendOpener
}

// FinalReads are all lists that were in use at any time: as clients are served,
// and from every node.
func (l *appendLoad) FinalReads() []FinalRead {
	return append(l.reads(history.ReadList, false), l.reads(history.ReadLocal, true)...)
}

func (l *appendLoad) Open(ctx context.Context, session link.Session) (Client, error) {
	appender, err := l.system.OpenAppender(ctx, session)
	if err != nil {
		return nil, err
	}
	return &appendClient{load: l, appender: appender}, nil
}

type appendClient struct {
	load     *appendLoad
	appender Appender
}

func (c *appendClient) Next(draw *rand.Rand) Operation {
	appends, place := draw.IntN(100) >= c.load.ReadShare, draw.IntN(c.load.Lists)
	if !appends {
		return readOf(history.ReadList, c.load.look(place))
	}
	return Operation{Kind: history.Append, Key: c.load.use(place), Value: c.load.value(), Expect: history.None}
}

func (c *appendClient) Do(ctx context.Context, op Operation) (Answer, error) {
	answer := Answer{Result: history.None}
	var err error
	switch op.Kind {
	case history.Append:
		err = c.appender.Append(ctx, op.Key, op.Value)
	case history.ReadList:
		answer.List, err = c.appender.List(ctx, op.Key)
	case history.ReadLocal:
		answer.List, err = c.appender.ListLocal(ctx, op.Key)
	default:
		err = NotDone(fmt.Errorf("lists have no operation %v", op.Kind))
	}
	return answer, err
}

func (c *appendClient) Close() error { return c.appender.Close() }
