package workloads

import (
	"context"
	"fmt"
	"math/rand/v2"

	"github.com/seatrial/seatrial/harness/history"
	"github.com/seatrial/seatrial/harness/link"
)

// Registers reads, writes and compares-and-sets registers over many keys.
// Every value is written once to a key, so a judge can tell from a value which
// operation wrote it; a compare-and-set that finds another value returns what it
// saw. A key retires after some operations and a new one takes its place, so a
// failing key stays small enough to look at.
type Registers struct {
	// Keys is how many keys are in use at a time. Default 12.
	Keys int
	// RetireAfter is how many operations a key gets. Default 300.
	RetireAfter int
	// ReadShare and CASShare are the parts of the operations that read and that
	// compare-and-set, in percent; the rest write. Both zero mean 50 and 25.
	ReadShare, CASShare int
}

func (w Registers) withDefaults() Registers {
	if w.Keys == 0 {
		w.Keys = 12
	}
	if w.RetireAfter == 0 {
		w.RetireAfter = 300
	}
	if w.ReadShare == 0 && w.CASShare == 0 {
		w.ReadShare, w.CASShare = 50, 25
	}
	return w
}

// WorkloadName is "registers".
func (Registers) WorkloadName() string { return "registers" }

// Validate checks the parameters, and that the system offers registers.
func (w Registers) Validate(system any) error {
	w = w.withDefaults()
	switch {
	case w.Keys < 1 || w.RetireAfter < 1:
		return fmt.Errorf("registers: Keys is %d and RetireAfter %d: both must be at least 1", w.Keys, w.RetireAfter)
	case w.ReadShare < 0 || w.CASShare < 0 || w.ReadShare+w.CASShare > 100:
		return fmt.Errorf("registers: ReadShare %d and CASShare %d must be percentages that sum to at most 100", w.ReadShare, w.CASShare)
	}
	if _, ok := system.(RegisterOpener); !ok {
		return fmt.Errorf("workload registers needs a system with OpenRegister, and %s", offers(system))
	}
	return nil
}

// Describe says that each key is a register with compare-and-set, absent at first.
func (Registers) Describe(header *history.Header) {
	header.Model = "cas-register"
	header.Initial = nil
	header.UniqueValues = true
}

// Begin starts with fresh keys.
func (w Registers) Begin(system any) Load {
	w = w.withDefaults()
	return &registerLoad{Registers: w, system: system.(RegisterOpener), rotation: newRotation("r", w.Keys, w.RetireAfter)}
}

type registerLoad struct {
	Registers
	*rotation
	system RegisterOpener
}

// FinalReads are all keys that were in use at any time.
func (l *registerLoad) FinalReads() []FinalRead { return l.reads(history.Read, false) }

func (l *registerLoad) Open(ctx context.Context, session link.Session) (Client, error) {
	register, err := l.system.OpenRegister(ctx, session)
	if err != nil {
		return nil, err
	}
	return &registerClient{load: l, register: register, seen: map[string]history.Value{}}, nil
}

type registerClient struct {
	load     *registerLoad
	register Register
	// seen is what this client last knew of each key: compare-and-set expects
	// it, so a fair share of them succeed.
	seen map[string]history.Value
}

func (c *registerClient) Next(draw *rand.Rand) Operation {
	key := c.load.use(draw.IntN(c.load.Keys))
	op := readOf(history.Read, key)
	switch share := draw.IntN(100); {
	case share < c.load.ReadShare:
	case share < c.load.ReadShare+c.load.CASShare:
		op.Kind, op.Value, op.Expect = history.CAS, c.load.value(), history.Nil
		if seen, ok := c.seen[key]; ok {
			op.Expect = seen
		}
	default:
		op.Kind, op.Value = history.Write, c.load.value()
	}
	return op
}

func (c *registerClient) Do(ctx context.Context, op Operation) (Answer, error) {
	none := Answer{Result: history.None}
	switch op.Kind {
	case history.Read:
		value, err := c.register.Read(ctx, op.Key)
		if err != nil {
			return none, err
		}
		c.seen[op.Key] = value
		return Answer{Result: value}, nil
	case history.Write:
		if err := c.register.Write(ctx, op.Key, op.Value); err != nil {
			return none, err
		}
		c.seen[op.Key] = op.Value
		return none, nil
	case history.CAS:
		swapped, saw, err := c.register.CompareAndSet(ctx, op.Key, op.Expect, op.Value)
		switch {
		case err != nil:
			return none, err
		case swapped:
			c.seen[op.Key] = op.Value
			return none, nil
		}
		c.seen[op.Key] = saw
		if saw == history.None {
			delete(c.seen, op.Key)
		}
		return Answer{Result: saw, Mismatch: true}, nil
	}
	return none, NotDone(fmt.Errorf("registers have no operation %v", op.Kind))
}

func (c *registerClient) Close() error { return c.register.Close() }
