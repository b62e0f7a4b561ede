package workloads

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/seatrial/seatrial/harness/history"
	"github.com/seatrial/seatrial/harness/link"
)

// The models of workloads of transactions, as history.Header names them.
const (
	ModelListAppend = "list-append"
	ModelRWRegister = "rw-register"
	ModelBank       = "bank"
)

// The ways to choose a key.
const (
	Exponential = "exponential"
	Uniform     = "uniform"
)

// Transactions reads and writes several keys at a time, over a few keys that many
// clients are at. Every value is written once in the whole run, so a judge can tell
// from a value which transaction wrote it. A key retires after some writes and a new
// one takes its place. These are the histories of Elle (Kingsbury and Alvaro, Elle:
// Inferring Isolation Anomalies from Experimental Observations, VLDB 2020), and the
// parameters those of its generators.
type Transactions struct {
	// Model is "list-append" (the default): writes append to lists, whose order
	// shows the order of the writes; or "rw-register": writes replace a value.
	Model string
	// Keys is how many keys are in use at a time. Default 10.
	Keys int
	// Distribution is how a key is drawn: "exponential" (the default), where the
	// first key is drawn half of the time, the next one half of what is left, and
	// so on; or "uniform".
	Distribution string
	// MinLength and MaxLength bound the number of steps. Default 1 and 4.
	MinLength, MaxLength int
	// WritesPerKey is how many writes a key gets before it retires. Default 256.
	WritesPerKey int
	// ReadShare is the part of the steps that read, in percent. Default 50; below
	// zero none.
	ReadShare int
	// StallShare is how many of the transactions are held open between their reads
	// and their writes, in percent, as by an application that thinks, or asks another
	// service; StallFor is how many others are committed meanwhile. A transaction
	// waits for them until half of an operation's timeout is over. Default none.
	StallFor, StallShare int
}

func (w Transactions) withDefaults() Transactions {
	w.Model, w.Distribution = first(w.Model, ModelListAppend), first(w.Distribution, Exponential)
	w.Keys, w.WritesPerKey = first(w.Keys, 10), first(w.WritesPerKey, 256)
	w.MinLength = first(w.MinLength, 1)
	w.MaxLength = first(w.MaxLength, max(4, w.MinLength))
	w.ReadShare = max(0, first(w.ReadShare, 50))
	return w
}

// first is a unless that is zero.
func first[T comparable](a, b T) T {
	var zero T
	if a == zero {
		return b
	}
	return a
}

// WorkloadName is "transactions".
func (Transactions) WorkloadName() string { return "transactions" }

// Validate checks the parameters, and that the system offers such transactions.
func (w Transactions) Validate(system any) error {
	w = w.withDefaults()
	switch {
	case w.Model != ModelListAppend && w.Model != ModelRWRegister:
		return fmt.Errorf("transactions: the model %q is none of list-append, rw-register", w.Model)
	case w.Distribution != Exponential && w.Distribution != Uniform:
		return fmt.Errorf("transactions: the distribution %q is none of exponential, uniform", w.Distribution)
	case w.Keys < 1 || w.WritesPerKey < 1:
		return fmt.Errorf("transactions: Keys is %d and WritesPerKey %d: both must be at least 1", w.Keys, w.WritesPerKey)
	case w.MinLength < 1 || w.MaxLength < w.MinLength:
		return fmt.Errorf("transactions: a length between %d and %d makes no sense", w.MinLength, w.MaxLength)
	case w.ReadShare > 99:
		return fmt.Errorf("transactions: ReadShare %d must leave something to write: at most 99 percent", w.ReadShare)
	}
	if err := validateStall(w.StallFor, w.StallShare); err != nil {
		return fmt.Errorf("transactions: %w", err)
	}
	return offersSteps(system, "transactions", itemsOf(w.Model).kinds()...)
}

// offersSteps says what a system lacks for a workload of transactions.
func offersSteps(system any, workload string, kinds ...history.Kind) error {
	opener, ok := system.(TransactionOpener)
	if !ok {
		return fmt.Errorf("workload %s needs a system with OpenTransactor, and %s", workload, offers(system))
	}
	for _, kind := range kinds {
		if offered := opener.TransactionSteps(); !slices.Contains(offered, kind) {
			return fmt.Errorf("workload %s needs transactions with the step %v, and those of %T have %v", workload, kind, system, offered)
		}
	}
	return nil
}

// Describe says what each key is; every value is written once.
func (w Transactions) Describe(header *history.Header) { describeItems(header, w.withDefaults().Model) }

func describeItems(header *history.Header, model string) {
	header.Model = model
	header.Initial = nil
	header.UniqueValues = true
}

// Begin starts with fresh keys.
func (w Transactions) Begin(system any) Load {
	w = w.withDefaults()
	l := &transactionsLoad{Transactions: w, items: itemsOf(w.Model), keys: newRotation("k", w.Keys, w.WritesPerKey)}
	l.transactionLoad = transactionLoad{system: system.(TransactionOpener), next: l.next, keys: l.keys.all, read: l.items.read, stallFor: w.StallFor, stallShare: w.StallShare}
	return l
}

type transactionsLoad struct {
	Transactions
	transactionLoad
	items items
	keys  *rotation
}

func (l *transactionsLoad) next(draw *rand.Rand) []history.Step {
	steps := make([]history.Step, l.MinLength+draw.IntN(l.MaxLength-l.MinLength+1))
	for i := range steps {
		place := l.place(draw)
		if draw.IntN(100) < l.ReadShare {
			steps[i] = l.items.read(l.keys.look(place))
		} else {
			steps[i] = l.items.write(l.keys.use(place), l.keys.value())
		}
	}
	return steps
}

// place draws a place of a key.
func (l *transactionsLoad) place(draw *rand.Rand) int {
	if l.Distribution == Uniform {
		return draw.IntN(l.Keys)
	}
	for place := range l.Keys - 1 {
		if draw.IntN(2) == 0 {
			return place
		}
	}
	return l.Keys - 1
}

// items are how a model reads and writes one key.
type items struct {
	read  func(key string) history.Step
	write func(key string, value history.Value) history.Step
}

func itemsOf(model string) items {
	if model == ModelRWRegister {
		return items{read: asked, write: history.Writes}
	}
	return items{read: history.Asks, write: history.Appends}
}

// asked is a read of a register that was told nothing yet.
func asked(key string) history.Step { return history.Reads(key, history.None) }

func (i items) kinds() []history.Kind {
	return []history.Kind{i.read("").Kind(), i.write("", 0).Kind()}
}

// transactionLoad is what all workloads of transactions share: they differ in the
// steps that they draw.
type transactionLoad struct {
	system TransactionOpener
	next   func(draw *rand.Rand) []history.Step
	// keys are all that were in use at any time, and read is a read of one.
	keys func() []string
	read func(key string) history.Step
	// fromZero says that what is absent holds zero.
	fromZero bool
	// stallShare percent are held open while stallFor others are committed.
	stallFor, stallShare int
	commits              commits
}

// keysPerRead is how many keys a transaction of the end reads.
const keysPerRead = 8

// FinalReads are all keys that were in use at any time, some in each transaction.
func (l *transactionLoad) FinalReads() []FinalRead {
	var reads []FinalRead
	for keys := range slices.Chunk(l.keys(), keysPerRead) {
		var steps []history.Step
		for _, key := range keys {
			steps = append(steps, l.read(key))
		}
		reads = append(reads, FinalRead{Operation: TransactionOf(steps...)})
	}
	return reads
}

// Open connects a client.
func (l *transactionLoad) Open(ctx context.Context, session link.Session) (Client, error) {
	t, err := l.system.OpenTransactor(ctx, session)
	if err != nil {
		return nil, err
	}
	return &transactionClient{load: l, transactor: t, timeout: session.Timeout}, nil
}

// TransactionOf is the operation of a transaction.
func TransactionOf(steps ...history.Step) Operation {
	return Operation{Kind: history.Txn, Value: history.None, Expect: history.None, Steps: steps}
}

type transactionClient struct {
	load       *transactionLoad
	transactor Transactor
	timeout    time.Duration
}

func (c *transactionClient) Next(draw *rand.Rand) Operation {
	op := TransactionOf(c.load.next(draw)...)
	if c.load.stallShare > 0 && draw.IntN(100) < c.load.stallShare && readsAndWrites(op.Steps) {
		op = HoldOpen(op, &Hold{Wait: func(ctx context.Context) { c.load.commits.await(ctx, c.load.stallFor) }})
	}
	return op
}

func (c *transactionClient) Do(ctx context.Context, op Operation) (Answer, error) {
	if op.Kind != history.Txn {
		return Answer{Result: history.None}, NotDone(fmt.Errorf("transactions have no operation %v beside them", op.Kind))
	}
	steps, err := c.transact(ctx, op)
	if err == nil {
		c.load.commits.add()
	}
	if c.load.fromZero {
		for i, s := range steps {
			if s.Kind() == history.Read && s.Value() == history.Nil {
				steps[i] = history.Reads(s.Key(), history.Int(0))
			}
		}
	}
	return Answer{Result: history.None, Steps: steps}, err
}

func (c *transactionClient) transact(ctx context.Context, op Operation) ([]history.Step, error) {
	if on, can := c.Interactive(); can && op.Hold != nil {
		held := &heldOpen{Interactive: on, hold: op.Hold, timeout: c.timeout}
		defer held.close()
		return StepByStep(ctx, held, op.Steps)
	}
	return c.transactor.Transact(ctx, op.Steps)
}

func (c *transactionClient) Close() error { return c.transactor.Close() }

// Interactive implements [Interactor].
func (c *transactionClient) Interactive() (Interactive, bool) {
	i, ok := c.transactor.(Interactive)
	return i, ok
}
