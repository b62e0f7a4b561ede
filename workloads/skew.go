package workloads

import (
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/seatrial/seatrial/harness/history"
)

// WriteSkew reads both keys of a pair and writes one of them, over a few pairs:
// two transactions at a time that write different keys of a pair have each not
// seen the other's write, and no serial order allows that. Both committing is
// write skew (G2-item), which snapshot isolation allows and nothing weaker than it
// is needed to show. A pair retires after some writes.
type WriteSkew struct {
	// Model is "list-append" (the default) or "rw-register"; see [Transactions].
	Model string
	// Pairs is how many pairs are in use at a time. Default 3.
	Pairs int
	// WritesPerPair is how many writes a pair gets before it retires. Default 64.
	WritesPerPair int
}

func (w WriteSkew) withDefaults() WriteSkew {
	w.Model = first(w.Model, ModelListAppend)
	w.Pairs, w.WritesPerPair = first(w.Pairs, 3), first(w.WritesPerPair, 64)
	return w
}

// WorkloadName is "write-skew".
func (WriteSkew) WorkloadName() string { return "write-skew" }

// Validate checks the parameters, and that the system offers such transactions.
func (w WriteSkew) Validate(system any) error {
	w = w.withDefaults()
	switch {
	case w.Model != ModelListAppend && w.Model != ModelRWRegister:
		return fmt.Errorf("write-skew: the model %q is none of list-append, rw-register", w.Model)
	case w.Pairs < 1 || w.WritesPerPair < 1:
		return fmt.Errorf("write-skew: Pairs is %d and WritesPerPair %d: both must be at least 1", w.Pairs, w.WritesPerPair)
	}
	return offersSteps(system, "write-skew", itemsOf(w.Model).kinds()...)
}

// Describe says what each key is; every value is written once.
func (w WriteSkew) Describe(header *history.Header) { describeItems(header, w.withDefaults().Model) }

// Begin starts with fresh pairs.
func (w WriteSkew) Begin(system any) Load {
	w = w.withDefaults()
	pairs, items := newRotation("p", w.Pairs, w.WritesPerPair), itemsOf(w.Model)
	keys := func() []string {
		var all []string
		for _, pair := range pairs.all() {
			all = append(all, pair+"a", pair+"b")
		}
		return all
	}
	next := func(draw *rand.Rand) []history.Step {
		pair := pairs.use(draw.IntN(w.Pairs))
		written := pair + strings.Split("a b", " ")[draw.IntN(2)]
		return []history.Step{items.read(pair + "a"), items.read(pair + "b"), items.write(written, pairs.value())}
	}
	return &transactionLoad{system: system.(TransactionOpener), next: next, keys: keys, read: items.read}
}
