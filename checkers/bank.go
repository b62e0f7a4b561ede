package checkers

import (
	"context"
	"fmt"
	"slices"

	"github.com/seatrial/seatrial/harness/history"
)

// Bank says that money is moved and never made, with the meaning of the checker of
// jepsen.tests.bank: each read of all accounts adds up to the same total. A read is
// a transaction ([history.Txn]) of [history.Read]s and nothing else that was
// answered; a key is an account, a value its balance. Other transactions are
// transfers, and are not looked at: what counts is what is read.
//
// A read is wrong for the first of these reasons that applies:
//
//	unexpected key  it holds an account that is not among Accounts
//	nil balance     an account has no balance ([history.Nil])
//	wrong total     the balances do not add up to the total
//	negative value  a balance is below zero, and Negative is not set
//
// A read must be of the whole bank: an account that a read lacks is missing in its
// total. Each key of the transactions themselves ("" where there is no such
// grouping) is a bank of its own. Reads of which the client was not told a balance
// ([history.None]) are left out; balances that are no integers make the answer
// inconclusive. So does a history without a read, and one without a Total in which
// no bank was read twice: nothing could disagree.
//
// Figures: reads, errors (wrong reads), unexpected_key, nil_balance, wrong_total,
// negative_value (these four add up to errors), untold, total_min and total_max (of
// the reads that were added up).
type Bank struct {
	// Total is what the balances must add up to. Nil: all reads of a bank must
	// agree; those are wrong that differ from what most of them say.
	Total *int64
	// Negative allows balances below zero.
	Negative bool
	// Accounts are the names of all accounts. Empty: any account may be read.
	Accounts []string
}

// Check implements [Checker].
func (c Bank) Check(ctx context.Context, evidence Evidence, budget Budget) Result {
	return everyday(ctx, evidence, budget, "bank", func(r *everydayRun) error {
		b := bankRun{Bank: c, everydayRun: r}
		return b.judge()
	})
}

// bankError is why a read is wrong.
type bankError int

const (
	noBankError bankError = iota
	unexpectedKey
	nilBalance
	wrongTotal
	negativeValue
	bankErrors
)

// bankRun is one call of Check.
type bankRun struct {
	Bank
	*everydayRun
	known   []bool          // of a key: it is an account; nil where any is
	seen    []int32         // of a key: the number of the last read that holds it
	balance []history.Value // of a key, in the read at hand
	keys    []history.Key   // of the read at hand
	number  int32           // of the read at hand
	sums    []bankSum       // of the bank at hand, where no total is given

	reads, untold, strange int
	single                 []history.Key // banks that were read once
	low, high              wide
	summed                 bool
	errors                 [bankErrors]instances // their values are the places of the reads
	agreed                 map[history.Key]bankSum
}

// bankSum is what reads added up to.
type bankSum struct {
	place int32 // of a read
	sum   wide
	count int
	owed  bool // the read has a balance below zero
}

func (b *bankRun) judge() error {
	parts, err := b.splitPlaces(history.Txn)
	if err != nil {
		return err
	}
	if err := b.prepare(); err != nil {
		return err
	}
	for n, part := range parts {
		if err := b.tick(n); err != nil {
			return fmt.Errorf("%d of %d banks were judged: %w", n, len(parts), err)
		}
		if err := b.bank(part); err != nil {
			return err
		}
	}
	b.figures()
	b.decide(b.findings(), b.open(), func() string {
		total := "the total"
		if b.low == b.high {
			total = b.low.String()
		}
		return fmt.Sprintf("%s up to %s", allAddUp(b.reads), total)
	})
	if b.result.Verdict == Violation {
		b.result.Proof = b.prove()
	}
	return nil
}

func allAddUp(n int) string {
	if n == 1 {
		return "the 1 read adds"
	}
	return fmt.Sprintf("all %d reads add", n)
}

func (b *bankRun) prepare() error {
	if err := b.take(int64(len(b.h.Keys)) * (1 + 4 + 8 + 4)); err != nil {
		return err
	}
	b.seen, b.balance = make([]int32, len(b.h.Keys)), make([]history.Value, len(b.h.Keys))
	b.agreed = map[history.Key]bankSum{}
	if len(b.Accounts) == 0 {
		return nil
	}
	b.known = make([]bool, len(b.h.Keys))
	for key, name := range b.h.Keys {
		b.known[key] = slices.Contains(b.Accounts, name)
	}
	return nil
}

// open says what keeps a bank from passing.
func (b *bankRun) open() []string {
	var open []string
	if b.strange > 0 {
		open = append(open, fmt.Sprintf("%s told a balance that is no integer", wasWere(b.strange, "read")))
	}
	if b.reads == 0 {
		open = append(open, "no read of a bank was answered: the history proves nothing")
	} else if len(b.single) == b.reads {
		open = append(open, "a bank was read once only, and no total was given: nothing could disagree")
	}
	return open
}

// bank judges one bank.
func (b *bankRun) bank(part keyPart) error {
	b.sums = b.sums[:0]
	for n, place := range part.places {
		if err := b.tick(n + 1); err != nil {
			return fmt.Errorf("%d of %d transactions were judged: %w", n, len(part.places), err)
		}
		op := &b.h.Ops[place]
		if op.Outcome != history.OK || !pureRead(b.h.Transaction(op)) {
			continue
		}
		if err := b.read(part.key, op, place); err != nil {
			return err
		}
	}
	if b.Total == nil {
		b.agree(part.key)
	}
	return nil
}

// pureRead reports whether a transaction has reads of values only; one without any
// step is a read of nothing.
func pureRead(steps []history.Micro) bool {
	for i := range steps {
		if steps[i].Kind != history.Read {
			return false
		}
	}
	return true
}

// gather notes what a read was told of each account; of one that it asked for
// twice, the last answer. It reports what else it found.
func (b *bankRun) gather(steps []history.Micro) (untold, unexpected, missing, strange bool) {
	b.number++
	b.keys = b.keys[:0]
	for i := range steps {
		m := &steps[i]
		if b.seen[m.Key] != b.number {
			b.seen[m.Key] = b.number
			b.keys = append(b.keys, m.Key)
		}
		b.balance[m.Key] = m.Value
		unexpected = unexpected || b.known != nil && !b.known[m.Key]
	}
	for _, key := range b.keys {
		switch v := b.balance[key]; {
		case v == history.None:
			untold = true
		case v == history.Nil:
			missing = true
		case !v.IsInt():
			strange = true
		}
	}
	return untold, unexpected, missing, strange
}

func (b *bankRun) read(bank history.Key, op *history.Op, place int32) error {
	untold, unexpected, missing, strange := b.gather(b.h.Transaction(op))
	if !untold || unexpected || missing {
		b.reads++
	}
	switch {
	case unexpected:
		b.wrong(unexpectedKey, bank, place)
		return nil
	case missing:
		b.wrong(nilBalance, bank, place)
		return nil
	case untold:
		b.untold++
		return nil
	case strange:
		b.strange++
		return nil
	}
	sum, owed := wide{}, false
	for _, key := range b.keys {
		sum = sum.plus(int64(b.balance[key]))
		owed = owed || b.balance[key] < 0
	}
	if !b.summed || sum.less(b.low) {
		b.low = sum
	}
	if !b.summed || b.high.less(sum) {
		b.high = sum
	}
	b.summed = true
	switch {
	case b.Total == nil:
		return b.remember(bankSum{place, sum, 1, owed && !b.Negative})
	case sum != wide{}.plus(*b.Total):
		b.wrong(wrongTotal, bank, place)
	case owed && !b.Negative:
		b.wrong(negativeValue, bank, place)
	}
	return nil
}

func (b *bankRun) wrong(why bankError, bank history.Key, place int32) {
	b.errors[why].add(instance{&listOps{h: b.h, key: bank}, history.Value(place), b.h.Ops[place].Return})
}

// remember keeps a sum until all are known. Neighbours that agree are kept as one;
// one that has a negative balance is kept for itself.
func (b *bankRun) remember(s bankSum) error {
	if n := len(b.sums); n > 0 && b.sums[n-1].sum == s.sum && !s.owed && !b.sums[n-1].owed {
		b.sums[n-1].count++
		return nil
	}
	if len(b.sums) == cap(b.sums) {
		if err := b.take(int64(2*len(b.sums)+64) * 40); err != nil {
			return err
		}
	}
	b.sums = append(b.sums, s)
	return nil
}

// agree takes the total that most reads of a bank have, of several that was read
// first, and finds the others wrong.
func (b *bankRun) agree(bank history.Key) {
	if len(b.sums) == 0 {
		return
	}
	counts := map[wide]int{}
	reads := 0
	for _, s := range b.sums {
		counts[s.sum] += s.count
		reads += s.count
	}
	most := b.sums[0]
	for _, s := range b.sums {
		if counts[s.sum] > counts[most.sum] {
			most = s
		}
	}
	b.agreed[bank] = most
	if reads == 1 {
		b.single = append(b.single, bank)
	}
	for _, s := range b.sums {
		switch {
		case s.sum != most.sum:
			b.wrong(wrongTotal, bank, s.place)
			b.errors[wrongTotal].count += s.count - 1
		case s.owed:
			b.wrong(negativeValue, bank, s.place)
		}
	}
}

func (b *bankRun) errorCount() int {
	sum := 0
	for i := range b.errors {
		sum += b.errors[i].count
	}
	return sum
}

func (b *bankRun) figures() {
	for name, n := range map[string]int{"reads": b.reads, "errors": b.errorCount(), "untold": b.untold,
		"unexpected_key": b.errors[unexpectedKey].count, "nil_balance": b.errors[nilBalance].count,
		"wrong_total": b.errors[wrongTotal].count, "negative_value": b.errors[negativeValue].count} {
		b.figure(name, n)
	}
	if b.summed {
		b.result.Figures["total_min"], b.result.Figures["total_max"] = b.low.float(), b.high.float()
	}
}

func (b *bankRun) findings() []string {
	var found []string
	say := func(why bankError, text string) {
		if n := b.errors[why].count; n > 0 {
			found = append(found, fmt.Sprintf("%d of %s %s", n, plural(b.reads, "read"), text))
		}
	}
	total := "another total than most"
	if b.Total != nil {
		total = fmt.Sprintf("another total than %d", *b.Total)
	}
	say(wrongTotal, fmt.Sprintf("with %s (they are from %v to %v)", total, b.low, b.high))
	say(negativeValue, "with a balance below zero")
	say(nilBalance, "with an account that has no balance")
	say(unexpectedKey, "with an account that does not exist")
	return found
}

// prove shows the first read that is wrong for the first reason in [bankRun.findings].
func (b *bankRun) prove() *Proof {
	why := unexpectedKey
	for _, is := range []bankError{nilBalance, negativeValue, wrongTotal} {
		if b.errors[is].count > 0 {
			why = is
		}
	}
	x := b.errors[why].earliest[0]
	place := int32(x.value)
	b.gather(b.h.Transaction(&b.h.Ops[place]))
	sum := wide{}
	var named []string
	for _, key := range b.keys {
		v := b.balance[key]
		if v.IsInt() {
			sum = sum.plus(int64(v))
		}
		if why == unexpectedKey && !b.known[key] || why == nilBalance && v == history.Nil || why == negativeValue && v < 0 {
			named = append(named, nameText(b.h, key))
		}
	}
	other, agreed := none, b.agreed[x.list.key]
	if why == wrongTotal && b.Total == nil {
		other = agreed.place
	}
	proof, _ := beginTale(b.h, place, other)
	says := who(&b.h.Ops[place]) + "'s read"
	switch {
	case why == unexpectedKey:
		says = fmt.Sprintf("%s is of accounts that do not exist: %s.", says, shorten(named))
	case why == nilBalance:
		says = fmt.Sprintf("%s found no balance for %s: money is moved, and accounts stay.", says, shorten(named))
	case why == negativeValue:
		says = fmt.Sprintf("%s shows less than nothing on %s, which no transfer may leave.", says, shorten(named))
	case b.Total == nil:
		says = fmt.Sprintf("%s adds up to %v, and %s's to %v: transfers move money, and neither make nor destroy it.", says, sum, who(&b.h.Ops[other]), agreed.sum)
	default:
		says = fmt.Sprintf("%s adds up to %v, and the total is %d: transfers move money, and neither make nor destroy it.", says, sum, *b.Total)
	}
	proof.Story = append(proof.Story, says)
	return proof
}
