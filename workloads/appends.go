package workloads

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"

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
	l := &appendLoad{Appends: w, system: system.(AppendOpener), uses: make([]int, w.Lists), generation: make([]int, w.Lists)}
	for place := range w.Lists {
		l.touched = append(l.touched, l.name(place))
	}
	return l
}

type appendLoad struct {
	Appends
	system AppendOpener

	mu          sync.Mutex
	uses        []int // appends to the list now at each place
	generation  []int // lists retired at each place
	touched     []string
	lastElement int64
}

func (l *appendLoad) name(place int) string {
	return "l" + strconv.Itoa(place+l.generation[place]*l.Lists)
}

// next returns the list now at a place, and with appends an element for it.
func (l *appendLoad) next(place int, appends bool) (key string, element history.Value) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !appends {
		return l.name(place), history.None
	}
	if l.uses[place]++; l.uses[place] > l.RetireAfter {
		l.uses[place] = 1
		l.generation[place]++
		l.touched = append(l.touched, l.name(place))
	}
	l.lastElement++
	return l.name(place), history.Int(l.lastElement)
}

// FinalReads are all lists that were in use at any time: as clients are served,
// and from every node.
func (l *appendLoad) FinalReads() []FinalRead {
	l.mu.Lock()
	defer l.mu.Unlock()
	var reads []FinalRead
	for _, key := range l.touched {
		reads = append(reads, FinalRead{Operation: readOf(history.ReadList, key)})
	}
	for _, key := range l.touched {
		reads = append(reads, FinalRead{Operation: readOf(history.ReadLocal, key), EachNode: true})
	}
	return reads
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
	appends := draw.IntN(100) >= c.load.ReadShare
	key, element := c.load.next(draw.IntN(c.load.Lists), appends)
	if !appends {
		return readOf(history.ReadList, key)
	}
	return Operation{Kind: history.Append, Key: key, Value: element, Expect: history.None}
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
