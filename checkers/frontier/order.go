package frontier

import (
	"cmp"
	"slices"
)

// makeEvents lists calls (the operation's place) and returns (its complement) in
// the order of time. At one instant calls come first: operations are concurrent
// where one returns at the instant at which the other is called.
func makeEvents(ops []Op) []int32 {
	returns := make([]int32, 0, len(ops))
	for i := range ops {
		if ops[i].Return != Never {
			returns = append(returns, int32(i))
		}
	}
	sortReturns(ops, returns)
	events := make([]int32, 0, len(ops)+len(returns))
	r := 0
	for i := range ops {
		for r < len(returns) && ops[returns[r]].Return < ops[i].Call && returns[r] < int32(i) {
			events = append(events, ^returns[r])
			r++
		}
		events = append(events, int32(i))
	}
	for ; r < len(returns); r++ {
		events = append(events, ^returns[r])
	}
	return events
}

// sortReturns sorts by the time of the return. Operations come in the order of
// their calls, so nearly all are a few places from where they belong: insertion is
// faster than a general sort, as long as it moves little.
func sortReturns(ops []Op, list []int32) {
	moves, allowed := 0, 64*len(list)
	for i := 1; i < len(list); i++ {
		k := list[i]
		at := ops[k].Return
		j := i
		for ; j > 0 && ops[list[j-1]].Return > at; j-- {
			list[j] = list[j-1]
		}
		list[j] = k
		if moves += i - j; moves > allowed {
			slices.SortFunc(list, func(a, b int32) int {
				return cmp.Or(cmp.Compare(ops[a].Return, ops[b].Return), cmp.Compare(a, b))
			})
			return
		}
	}
}

// makeSlots gives each operation that returns the lowest bit that nobody under way
// has, and says how many words the bits take.
func makeSlots(ops []Op, events []int32) (slots []int32, words int) {
	slots = make([]int32, len(ops))
	var free []int32
	used := int32(0)
	for _, event := range events {
		switch {
		case event < 0:
			free = append(free, slots[^event])
		case ops[event].Return == Never:
			slots[event] = None
		case len(free) > 0:
			slots[event] = free[len(free)-1]
			free = free[:len(free)-1]
		default:
			slots[event] = used
			used++
		}
	}
	return slots, max(1, int(used+63)/64)
}
