package checkers

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/seatrial/seatrial/checkers/internal/valuetable"
	"github.com/seatrial/seatrial/harness/history"
)

// UniqueIDs says that no identifier was given out twice, as Jepsen's
// checker/unique-ids: of all [history.Generate]s that were answered. Each key is a
// generator of its own. An answer that did not say which identifier it gave
// ([history.None]) is counted and proves nothing. Where no identifier was given at
// all, the answer is inconclusive.
//
// Figures: attempted, acknowledged, untold (answers that did not say which),
// duplicated (identifiers that were given more than once), duplicated_most_times
// (how often the one that was given most often), and where identifiers are
// integers range_min and range_max.
type UniqueIDs struct{}

// Check implements [Checker].
func (UniqueIDs) Check(ctx context.Context, evidence Evidence, budget Budget) Result {
	return everyday(ctx, evidence, budget, "unique-ids", func(r *everydayRun) error {
		u := idRun{everydayRun: r}
		return u.judge()
	})
}

// idRun is one call of Check.
type idRun struct {
	*everydayRun
	index valuetable.Table
	given []int32 // how often each identifier was

	attempted, acked, untold int
	duplicated               instances
	often                    map[instance]int32
	most                     int32
	low, high                history.Value // None before the first integer
}

func (u *idRun) judge() error {
	parts, err := u.splitPlaces(history.Generate)
	if err != nil {
		return err
	}
	u.low, u.high = history.None, history.None
	u.often = map[instance]int32{}
	for n, part := range parts {
		if err := u.tick(n); err != nil {
			return fmt.Errorf("%d of %d generators were judged: %w", n, len(parts), err)
		}
		if err := u.generator(part); err != nil {
			return err
		}
	}
	u.figures()
	var found, open []string
	if n := u.duplicated.count; n > 0 {
		found = append(found, u.sentence())
	}
	if u.acked == 0 {
		open = append(open, "no identifier was given: the history proves nothing")
	}
	u.decide(found, open, func() string {
		text := fmt.Sprintf("%s given, and all are different", wasWere(u.acked, "identifier"))
		if u.low != history.None {
			text += fmt.Sprintf("; the integers among them are from %s to %s", u.h.Text(u.low), u.h.Text(u.high))
		}
		return text
	})
	if u.result.Verdict == Violation {
		u.result.Proof = u.prove(u.duplicated.earliest[0])
	}
	return nil
}

// generator judges one generator.
func (u *idRun) generator(part keyPart) error {
	if err := u.take(int64(len(part.places)) * (valuetable.Bytes + 2*4)); err != nil {
		return err
	}
	u.index.Reset(len(part.places))
	u.given = slices.Grow(u.given[:0], len(part.places))
	list, before := &listOps{h: u.h, key: part.key}, u.duplicated.count
	u.attempted += len(part.places)
	for n, place := range part.places {
		if err := u.tick(n + 1); err != nil {
			return fmt.Errorf("%d of %d identifiers of %s were judged: %w", n, len(part.places), nameText(u.h, part.key), err)
		}
		op := &u.h.Ops[place]
		if op.Outcome != history.OK {
			continue
		}
		if op.Result == history.None {
			u.untold++
			continue
		}
		u.acked++
		if v := op.Result; v.IsInt() {
			if u.low == history.None || v < u.low {
				u.low = v
			}
			u.high = max(u.high, v) // None is less than any
		}
		id, isNew := u.index.At(op.Result)
		if isNew {
			u.given = append(u.given, 0)
		}
		if u.given[id]++; u.given[id] == 2 {
			u.duplicated.add(instance{list, op.Result, op.Return})
		}
		u.most = max(u.most, u.given[id])
	}
	if u.duplicated.count > before {
		for _, x := range u.duplicated.earliest {
			if x.list == list {
				u.often[x] = u.given[u.index.Find(x.value)]
			}
		}
	}
	return nil
}

func (u *idRun) figures() {
	for name, n := range map[string]int{"attempted": u.attempted, "acknowledged": u.acked, "untold": u.untold, "duplicated": u.duplicated.count} {
		u.figure(name, n)
	}
	if u.duplicated.count > 0 {
		u.figure("duplicated_most_times", int(u.most))
	}
	if u.low != history.None {
		u.result.Figures["range_min"], u.result.Figures["range_max"] = float64(u.low), float64(u.high)
	}
}

func (u *idRun) sentence() string {
	var each []string
	for _, x := range u.duplicated.earliest {
		each = append(each, fmt.Sprintf("%s of %s %d times", elementText(u.h, x.value), nameText(u.h, x.list.key), u.often[x]))
	}
	if u.duplicated.count > len(each) {
		each = append(each, "…")
	}
	return fmt.Sprintf("%s given more than once (%s)", wasWere(u.duplicated.count, "identifier"), strings.Join(each, ", "))
}

// prove shows the operations that were given one identifier.
func (u *idRun) prove(x instance) *Proof {
	var places []int32
	for i := range u.h.Ops {
		op := &u.h.Ops[i]
		if op.Kind == history.Generate && op.Outcome == history.OK && op.Key == x.list.key && op.Result == x.value {
			places = append(places, int32(i))
		}
	}
	proof, _ := beginTaleOf(u.h, x.value, firstFew(places)...)
	proof.Story = append(proof.Story, fmt.Sprintf("%s was given %d times, and must be given once.", elementText(u.h, x.value), len(places)))
	return proof
}
