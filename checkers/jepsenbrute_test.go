package checkers

import (
	"cmp"
	"slices"

	"github.com/seatrial/seatrial/harness/history"
)

// Brute force restatements of what Jepsen's checkers do: they go through a
// history event by event, as those do, and share no code with ours.

// event is a call or a return.
type event struct {
	time int64
	call bool
	op   *history.Op
}

// eventsOf lists the events of one key. At one instant calls come first: what
// returned at the instant of a call was under way with it.
func eventsOf(h *history.History, key history.Key) []event {
	var all []event
	for i := range h.Ops {
		if op := &h.Ops[i]; op.Key == key {
			all = append(all, event{op.Call, true, op})
			if op.Outcome != history.Info {
				all = append(all, event{op.Return, false, op})
			}
		}
	}
	slices.SortStableFunc(all, func(a, b event) int {
		if a.time == b.time && a.call != b.call {
			if a.call {
				return -1
			}
			return 1
		}
		return cmp.Compare(a.time, b.time)
	})
	return all
}

// bruteAnswer is a verdict with figures.
type bruteAnswer struct {
	verdict Verdict
	figures map[string]float64
}

// bruteKeys judges each key and merges the answers as jepsen.independent does.
func bruteKeys(h *history.History, kinds []history.Kind, judge func(key history.Key) (valid, unknown bool, figures map[string]float64)) bruteAnswer {
	all := bruteAnswer{Pass, map[string]float64{}}
	any := false
	for key := range h.Keys {
		if !slices.ContainsFunc(h.Ops, func(op history.Op) bool { return int(op.Key) == key && slices.Contains(kinds, op.Kind) }) {
			continue
		}
		any = true
		valid, unknown, figures := judge(history.Key(key))
		switch {
		case !valid:
			all.verdict = Violation
		case unknown:
			all.verdict = max(all.verdict, Inconclusive)
		}
		for name, n := range figures {
			all.figures[name] += n
		}
	}
	if !any {
		all.verdict = Inconclusive
	}
	return all
}

func bruteJepsenSet(h *history.History, c Set) bruteAnswer {
	return bruteKeys(h, []history.Kind{history.Append, history.ReadList}, func(key history.Key) (bool, bool, map[string]float64) {
		attempts, adds := map[history.Value]bool{}, map[history.Value]bool{}
		var final *history.Op
		for _, e := range eventsOf(h, key) {
			switch {
			case e.op.Kind == history.Append && e.call:
				attempts[e.op.Value] = true
			case e.op.Kind == history.Append && e.op.Outcome == history.OK:
				adds[e.op.Value] = true
			case e.op.Kind == history.ReadList && !e.call && e.op.Outcome == history.OK:
				final = e.op
			}
		}
		figures := map[string]float64{"attempted": float64(len(attempts)), "acknowledged": float64(len(adds))}
		if final == nil {
			return true, true, figures
		}
		read := map[history.Value]bool{}
		for _, v := range h.List(final) {
			read[v] = true
		}
		lost, unexpected, unsettled := 0, 0, 0
		may := func(v history.Value, want func(op *history.Op) bool) bool {
			return slices.ContainsFunc(h.Ops, func(op history.Op) bool {
				return op.Key == key && op.Kind == history.Append && op.Value == v && want(&op)
			})
		}
		for v := range read {
			tried := attempts[v]
			if c.ByOutcome {
				tried = may(v, func(op *history.Op) bool { return op.Outcome != history.Fail && op.Call <= final.Return })
			}
			switch {
			case !tried:
				unexpected++
			case !adds[v]:
				figures["recovered"]++
				fallthrough
			default:
				figures["ok"]++
			}
		}
		for v := range adds {
			if read[v] {
				continue
			}
			if c.ByOutcome && !may(v, func(op *history.Op) bool { return op.Outcome == history.OK && op.Return < final.Call }) {
				unsettled++
			} else {
				lost++
			}
		}
		figures["lost"], figures["unexpected"] = float64(lost), float64(unexpected)
		return lost+unexpected == 0, unsettled > 0, figures
	})
}

// bruteElement is the state of set-full's reducer.
type bruteElement struct {
	known, present, absent *event
}

func bruteSetFull(h *history.History, linearizable bool) bruteAnswer {
	reads := 0
	answer := bruteKeys(h, []history.Kind{history.Append, history.ReadList}, func(key history.Key) (bool, bool, map[string]float64) {
		elements, dups := map[history.Value]*bruteElement{}, map[history.Value]bool{}
		events := eventsOf(h, key)
		for i := range events {
			e := &events[i]
			switch {
			case e.op.Kind == history.Append && e.call:
				elements[e.op.Value] = &bruteElement{}
			case e.op.Kind == history.Append && e.op.Outcome == history.OK:
				if b := elements[e.op.Value]; b.known == nil {
					b.known = e
				}
			case e.op.Kind == history.ReadList && !e.call && e.op.Outcome == history.OK:
				reads++
				times := map[history.Value]int{}
				for _, v := range h.List(e.op) {
					if times[v]++; times[v] > 1 {
						dups[v] = true
					}
				}
				for v, b := range elements {
					last := &b.absent
					if times[v] > 0 {
						if last = &b.present; b.known == nil {
							b.known = e
						}
					}
					if *last == nil || (*last).op.Call < e.op.Call {
						*last = e
					}
				}
			}
		}
		return bruteSetFullResults(elements, dups, linearizable)
	})
	answer.figures["reads"] = float64(reads)
	return answer
}

func bruteSetFullResults(elements map[history.Value]*bruteElement, dups map[history.Value]bool, linearizable bool) (bool, bool, map[string]float64) {
	stable, lost, stale, short := 0, 0, 0, 0
	stableMS, lostMS := 0.0, 0.0
	for _, b := range elements {
		at := func(e *event) int64 {
			if e == nil {
				return -1
			}
			return e.op.Call
		}
		switch {
		case b.present != nil && at(b.absent) <= at(b.present):
			stable++
			if b.absent != nil {
				ns := b.absent.op.Call + 1 - b.known.op.Return
				if ns > 1 {
					stale++
					if ns < 1e6 {
						short++
					}
				}
				stableMS += float64(max(0, ns) / 1e6)
			}
		case b.known != nil && b.absent != nil && at(b.present) < at(b.absent) && b.known.op.Return < b.absent.op.Call:
			lost++
			if b.present != nil {
				lostMS += float64(max(0, b.present.op.Call+1-b.known.op.Return) / 1e6)
			}
		}
	}
	valid := lost == 0 && len(dups) == 0 && (!linearizable || stale == 0)
	return valid, stable == 0, map[string]float64{"attempted": float64(len(elements)), "stable": float64(stable), "lost": float64(lost),
		"never_read": float64(len(elements) - stable - lost), "stale": float64(stale), "stale_below_1_ms": float64(short), "duplicated": float64(len(dups)),
		"stable ms": stableMS, "lost ms": lostMS}
}

func bruteTotalQueue(h *history.History, c TotalQueue) bruteAnswer {
	something := false
	answer := bruteKeys(h, []history.Kind{history.Enqueue, history.Dequeue, history.Drain}, func(key history.Key) (bool, bool, map[string]float64) {
		attempts, enqueues, dequeues := map[history.Value]int{}, map[history.Value]int{}, map[history.Value]int{}
		early, first := map[history.Value]bool{}, map[history.Value]bool{}
		unknown, drains, empty := 0, 0, 0
		nilPut := slices.ContainsFunc(h.Ops, func(op history.Op) bool {
			return op.Key == key && op.Kind == history.Enqueue && op.Value == history.Nil
		})
		take := func(v history.Value) {
			something = true
			dequeues[v]++
			if !first[v] {
				first[v] = true
				early[v] = attempts[v] == 0
			}
		}
		for _, e := range eventsOf(h, key) {
			switch op := e.op; {
			case op.Kind == history.Enqueue && e.call:
				if !c.ByOutcome || op.Outcome != history.Fail {
					attempts[op.Value]++
				}
			case op.Kind == history.Enqueue && op.Outcome == history.OK:
				something = true
				enqueues[op.Value]++
			case op.Kind == history.Enqueue || op.Outcome == history.Fail:
			case op.Kind == history.Drain && op.Outcome == history.Info:
				drains++
			case op.Outcome == history.Info || op.Kind == history.Dequeue && !e.call && op.Result == history.None:
				unknown++
			case e.call:
			case op.Kind == history.Drain:
				for _, v := range h.List(op) {
					take(v)
				}
			case op.Result == history.Nil && !nilPut:
				empty++
			default:
				take(op.Result)
			}
		}
		figures := map[string]float64{"dequeues_unknown": float64(unknown), "drains_unknown": float64(drains), "dequeues_empty": float64(empty)}
		lost := 0
		for v, n := range enqueues {
			lost += max(0, n-dequeues[v])
		}
		for v, n := range dequeues {
			switch {
			case attempts[v] == 0 || c.ByOutcome && early[v]:
				figures["unexpected"] += float64(n)
			default:
				ok := min(n, attempts[v])
				figures["ok"] += float64(ok)
				figures["duplicated"] += float64(n - ok)
				figures["recovered"] += float64(max(0, ok-enqueues[v]))
			}
		}
		figures["lost"] = float64(lost)
		excused := lost > 0 && (drains > 0 || c.ByOutcome && lost <= unknown)
		valid := (lost == 0 || excused) && figures["unexpected"] == 0 && (!c.ExactlyOnce || figures["duplicated"] == 0)
		if c.Ordered {
			figures["ordered_pairs_broken"] = float64(bruteOrder(h, key))
			valid = valid && figures["ordered_pairs_broken"] == 0
		}
		return valid, excused, figures
	})
	if answer.verdict == Pass && !something {
		answer.verdict = Inconclusive
	}
	return answer
}

// bruteOrder compares all pairs of enqueues of one producer.
func bruteOrder(h *history.History, key history.Key) int {
	type taken struct {
		op *history.Op
		at int
	}
	puts, takes := map[history.Value][]*history.Op{}, map[history.Value][]taken{}
	var order []*history.Op
	for i := range h.Ops {
		op := &h.Ops[i]
		switch {
		case op.Key != key || op.Outcome == history.Fail:
		case op.Kind == history.Enqueue:
			puts[op.Value] = append(puts[op.Value], op)
			order = append(order, op)
		case op.Kind == history.Dequeue && op.Outcome == history.OK:
			takes[op.Result] = append(takes[op.Result], taken{op, 0})
		case op.Kind == history.Drain && op.Outcome == history.OK:
			for at, v := range h.List(op) {
				takes[v] = append(takes[v], taken{op, at})
			}
		}
	}
	broken := 0
	for i, a := range order {
		found := false
		for _, b := range order[i+1:] {
			if a.Process != b.Process || len(puts[a.Value]) != 1 || len(puts[b.Value]) != 1 || len(takes[a.Value]) != 1 || len(takes[b.Value]) != 1 {
				continue
			}
			x, y := takes[a.Value][0], takes[b.Value][0]
			found = found || y.op.Return < x.op.Call || x.op == y.op && y.at < x.at
		}
		if found {
			broken++
		}
	}
	return broken
}

func bruteIDs(h *history.History) bruteAnswer {
	acked := 0.0
	answer := bruteKeys(h, []history.Kind{history.Generate}, func(key history.Key) (bool, bool, map[string]float64) {
		times, figures := map[history.Value]int{}, map[string]float64{}
		for _, e := range eventsOf(h, key) {
			if e.call {
				figures["attempted"]++
			} else if e.op.Outcome == history.OK && e.op.Result != history.None {
				figures["acknowledged"]++
				if times[e.op.Result]++; times[e.op.Result] == 2 {
					figures["duplicated"]++
				}
			}
		}
		acked += figures["acknowledged"]
		return figures["duplicated"] == 0, false, figures
	})
	if answer.verdict == Pass && acked == 0 {
		answer.verdict = Inconclusive
	}
	return answer
}

// bruteCounter tries every choice of the adds that need not be in a read.
func bruteCounter(h *history.History) bruteAnswer {
	strange := false
	initial := h.Header.Initial.(int64)
	answer := bruteKeys(h, []history.Kind{history.Add, history.Read}, func(key history.Key) (bool, bool, map[string]float64) {
		figures := map[string]float64{}
		for _, read := range h.Ops {
			if read.Key != key || read.Kind != history.Read || read.Outcome != history.OK || read.Result == history.None {
				continue
			}
			value := int64(read.Result)
			if read.Result == history.Nil {
				value = initial
			} else if !read.Result.IsInt() {
				strange = true
				continue
			}
			figures["reads"]++
			sure, maybe := initial, []int64{}
			for _, add := range h.Ops {
				switch {
				case add.Key != key || add.Kind != history.Add || add.Outcome == history.Fail || add.Call > read.Return:
				case add.Outcome == history.OK && add.Return < read.Call:
					sure += int64(add.Value)
				default:
					maybe = append(maybe, int64(add.Value))
				}
			}
			low, high := sure, sure
			for choice := range 1 << len(maybe) {
				sum := sure
				for i, amount := range maybe {
					if choice>>i&1 == 1 {
						sum += amount
					}
				}
				low, high = min(low, sum), max(high, sum)
			}
			if value < low || value > high {
				figures["errors"]++
			}
		}
		return figures["errors"] == 0, false, figures
	})
	if answer.verdict == Pass && (strange || answer.figures["reads"] == 0) {
		answer.verdict = Inconclusive
	}
	return answer
}

func bruteReverse(h *history.History) bruteAnswer {
	reads := 0.0
	answer := bruteKeys(h, []history.Kind{history.Append, history.ReadList}, func(key history.Key) (bool, bool, map[string]float64) {
		figures := map[string]float64{}
		completed, expected := map[history.Value]bool{}, map[history.Value]map[history.Value]bool{}
		happens := func(v history.Value) bool {
			return slices.ContainsFunc(h.Ops, func(op history.Op) bool {
				return op.Key == key && op.Kind == history.Append && op.Value == v && op.Outcome != history.Fail
			})
		}
		for _, e := range eventsOf(h, key) {
			if e.op.Kind != history.Append {
				continue
			}
			v := e.op.Value
			if e.call && expected[v] == nil && (e.op.Outcome != history.Fail || !happens(v)) {
				expected[v] = map[history.Value]bool{}
				for w := range completed {
					expected[v][w] = true
				}
			} else if !e.call && e.op.Outcome == history.OK {
				completed[v] = true
			}
		}
		for _, op := range h.Ops {
			if op.Key != key || op.Kind != history.ReadList || op.Outcome != history.OK {
				continue
			}
			figures["reads"]++
			missing := map[history.Value]bool{}
			for _, v := range h.List(&op) {
				for w := range expected[v] {
					if !slices.Contains(h.List(&op), w) {
						missing[w] = true
					}
				}
			}
			if figures["missing"] += float64(len(missing)); len(missing) > 0 {
				figures["errors"]++
			}
		}
		reads += figures["reads"]
		return figures["errors"] == 0, false, figures
	})
	if answer.verdict == Pass && reads == 0 {
		answer.verdict = Inconclusive
	}
	return answer
}
