package checkers

import (
	"slices"

	"github.com/seatrial/seatrial/harness/history"
)

func bruteBank(h *history.History, c Bank) bruteAnswer {
	strange, twice := false, false
	answer := bruteKeys(h, []history.Kind{history.Txn}, func(key history.Key) (bool, bool, map[string]float64) {
		figures := map[string]float64{}
		type sum struct {
			total int64
			owes  bool
		}
		var sums []sum
		for _, op := range h.Ops {
			if op.Key != key || op.Kind != history.Txn || op.Outcome != history.OK {
				continue
			}
			balances, pure := map[string]history.Value{}, true
			for _, m := range h.Transaction(&op) {
				pure = pure && m.Kind == history.Read
				balances[h.KeyName(m.Key)] = m.Value
			}
			if !pure {
				continue
			}
			figures["reads"]++
			is, untold, text := "", false, false
			s := sum{}
			for account, v := range balances {
				if len(c.Accounts) > 0 && !slices.Contains(c.Accounts, account) {
					is = "unexpected_key"
				} else if v == history.Nil && is == "" {
					is = "nil_balance"
				}
				untold = untold || v == history.None
				text = text || v.IsString()
				s.total += int64(v)
				s.owes = s.owes || v < 0 && !c.Negative
			}
			switch {
			case is != "":
				figures[is]++
				figures["errors"]++
			case untold:
				figures["reads"]--
				figures["untold"]++
			case text:
				strange = true
			default:
				sums = append(sums, s)
			}
		}
		twice = twice || figures["reads"] > 1
		want, counts := int64(0), map[int64]int{}
		for i := len(sums) - 1; i >= 0; i-- {
			counts[sums[i].total]++
		}
		for i := len(sums) - 1; i >= 0; i-- {
			if counts[sums[i].total] >= counts[want] {
				want = sums[i].total
			}
		}
		if c.Total != nil {
			want = *c.Total
		}
		for _, s := range sums {
			if s.total != want {
				figures["wrong_total"]++
				figures["errors"]++
			} else if s.owes {
				figures["negative_value"]++
				figures["errors"]++
			}
		}
		return figures["errors"] == 0, false, figures
	})
	if answer.verdict == Pass && (strange || answer.figures["reads"] == 0 || c.Total == nil && !twice) {
		answer.verdict = Inconclusive
	}
	return answer
}

func bruteFork(h *history.History, c LongFork) bruteAnswer {
	size := c.Group
	for part := range h.Keys {
		for _, op := range h.Ops {
			if int(op.Key) == part && size == 0 {
				if state, told := bruteState(h, &op); state != nil && told {
					size = len(state)
				}
			}
		}
	}
	illegal, split := false, false
	answer := bruteKeys(h, []history.Kind{history.Txn}, func(part history.Key) (bool, bool, map[string]float64) {
		figures, written := map[string]float64{}, map[history.Key]bool{}
		var states []map[history.Key]history.Value
		for _, op := range h.Ops {
			if op.Key != part {
				continue
			}
			if steps := h.Transaction(&op); len(steps) == 1 && steps[0].Kind == history.Write {
				illegal = illegal || written[steps[0].Key]
				written[steps[0].Key] = true
			}
			state, told := bruteState(h, &op)
			switch {
			case state == nil:
			case !told:
				figures["untold"]++
			default:
				states = append(states, state)
				figures["reads"]++
				illegal = illegal || len(state) != size
				nils := 0
				for _, v := range state {
					if v == history.Nil {
						nils++
					}
				}
				if nils == len(state) {
					figures["early_reads"]++
				}
				if nils == 0 {
					figures["late_reads"]++
				}
			}
		}
		for i, a := range states {
			for _, b := range states[:i] {
				fork, differ := bruteCompare(size, a, b)
				if fork {
					figures["forks"]++
				}
				split = split || differ
			}
		}
		return figures["forks"] == 0, false, figures
	})
	switch {
	case illegal || answer.figures["reads"] == 0:
		answer.verdict = Inconclusive
	case split:
		answer.verdict = max(answer.verdict, Inconclusive)
	}
	return answer
}

// bruteState is what a read saw, nil for what is no answered read.
func bruteState(h *history.History, op *history.Op) (state map[history.Key]history.Value, told bool) {
	if op.Kind != history.Txn || op.Outcome != history.OK {
		return nil, false
	}
	state, told = map[history.Key]history.Value{}, true
	for _, m := range h.Transaction(op) {
		if m.Kind != history.Read {
			return nil, false
		}
		state[m.Key] = m.Value
	}
	for _, v := range state {
		told = told && v != history.None
	}
	return state, told
}

func bruteCompare(size int, a, b map[history.Key]history.Value) (fork, differ bool) {
	if len(a) != size || len(b) != size {
		return false, false
	}
	more, less := false, false
	for key, v := range a {
		w, both := b[key]
		if !both {
			return false, false
		}
		more = more || v != history.Nil && w == history.Nil
		less = less || v == history.Nil && w != history.Nil
		differ = differ || v != history.Nil && w != history.Nil && v != w
	}
	return more && less, differ
}
