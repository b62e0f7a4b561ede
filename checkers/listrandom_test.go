package checkers

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/seatrial/seatrial/harness/history"
)

// listEvent is an operation on a list with the instant at which it took effect,
// before its list is known.
type listEvent struct {
	op      history.Op
	at      int64
	happens bool
	list    []history.Value
}

// buildLists makes a history of events. Reads return what was appended to their
// list before their instant, and then spoil may change it.
func buildLists(events []listEvent, keys int, spoil func(e *listEvent)) *history.History {
	h := &history.History{Header: history.Header{Model: "append-list", UniqueValues: true}}
	for k := range keys {
		h.Keys = append(h.Keys, fmt.Sprintf("l%d", k))
	}
	order := make([]int, len(events))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(events[a].at, events[b].at) })
	held := make([][]history.Value, keys)
	for _, i := range order {
		e := &events[i]
		switch key := e.op.Key; {
		case e.op.Kind == history.Append && e.happens:
			held[key] = append(held[key], e.op.Value)
		case e.op.ReadsList() && e.op.Outcome == history.OK:
			e.list = slices.Clone(held[key])
			spoil(e)
		}
	}
	slices.SortStableFunc(events, func(a, b listEvent) int { return cmp.Compare(a.op.Call, b.op.Call) })
	for _, e := range events {
		if len(e.list) > 0 {
			e.op.Offset, e.op.Count = uint32(len(h.Elements)), uint32(len(e.list))
			h.Elements = append(h.Elements, e.list...)
		}
		h.Ops = append(h.Ops, e.op)
	}
	return h
}

// randomLists draws a small history of lists: half of them correct, the others
// with one way of going wrong, or several.
func randomLists(draw *rand.Rand) *history.History {
	keys, processes := 1+draw.IntN(2), 2+draw.IntN(3)
	type seat struct {
		process int32
		now     int64
	}
	seats, next := make([]seat, processes), int32(0)
	for i := range seats {
		seats[i].process, next = next, next+1
	}
	var sessions []history.Session
	var events []listEvent
	value := history.Value(0)
	for range 2 + draw.IntN(11) {
		s := &seats[draw.IntN(processes)]
		call := s.now + draw.Int64N(4) // small steps: ties are likely
		ret := call + draw.Int64N(5)
		op := history.Op{Call: call, Return: ret, Process: s.process, Key: history.Key(draw.IntN(keys)),
			Value: history.None, Expect: history.None, Result: history.None, Outcome: history.OK, Kind: history.Append}
		s.now = ret
		switch draw.IntN(10) {
		case 0, 1, 2, 3:
			op.Kind = history.ReadList
		case 4:
			op.Kind = history.ReadLocal
		default:
			if value++; draw.IntN(12) == 0 {
				value = max(1, value-1) // not unique after all
			}
			op.Value = value
		}
		e := listEvent{op: op, at: call + draw.Int64N(ret-call+1), happens: true}
		switch draw.IntN(8) {
		case 0:
			e.op.Outcome, e.happens = history.Fail, false
		case 1:
			e.op.Outcome, e.op.Return = history.Info, history.Open
			e.at, e.happens = call+draw.Int64N(10), draw.IntN(3) > 0
			s.process, next = next, next+1
		}
		events = append(events, e)
	}
	final := draw.Int64N(16)
	if draw.IntN(2) == 0 { // a read of everything at the end, as in a real run
		final = 0
		for _, s := range seats {
			final = max(final, s.now)
		}
		final += draw.Int64N(2)
		for key, at := 0, final; key < keys; key, at = key+1, at+2 {
			op := history.Op{Call: at, Return: at + draw.Int64N(3), Process: next, Key: history.Key(key), Kind: history.ReadList,
				Value: history.None, Expect: history.None, Result: history.None, Outcome: history.OK}
			events = append(events, listEvent{op: op, at: at})
		}
		next++
	}
	h := buildLists(events, keys, randomSpoil(draw, value))
	for p := range next {
		sessions = append(sessions, history.Session{Process: p, Node: fmt.Sprintf("n%d", p%2+1)})
	}
	h.Sessions = sessions
	if draw.IntN(2) == 0 {
		h.Marks = append(h.Marks, history.Mark{Time: draw.Int64N(3), Name: MarkLoad})
	}
	if draw.IntN(8) > 0 {
		h.Marks = append(h.Marks, history.Mark{Time: final, Name: MarkFinal})
	}
	return h
}

// randomSpoil changes what reads return, in ways that are drawn for the history.
func randomSpoil(draw *rand.Rand, values history.Value) func(e *listEvent) {
	ways := 0
	if draw.IntN(2) == 0 {
		ways = 1 + draw.IntN(31)
	}
	var from int64
	var target history.Value
	if values > 0 {
		from, target = draw.Int64N(12), 1+history.Value(draw.Int64N(int64(values)))
	}
	return func(e *listEvent) {
		if ways&1 != 0 && e.at >= from { // the target is gone
			e.list = slices.DeleteFunc(e.list, func(v history.Value) bool { return v == target })
		}
		if ways&2 != 0 && len(e.list) > 0 && draw.IntN(4) == 0 { // something is missing this once
			i := draw.IntN(len(e.list))
			e.list = slices.Delete(e.list, i, i+1)
		}
		if ways&4 != 0 && len(e.list) > 0 && draw.IntN(6) == 0 { // something is there twice
			e.list = append(e.list, e.list[draw.IntN(len(e.list))])
		}
		if ways&8 != 0 && draw.IntN(6) == 0 { // something that may not be there at all
			e.list = append(e.list, 1+history.Value(draw.Int64N(int64(values)+2)))
		}
		if ways&16 != 0 && draw.IntN(5) == 0 { // nothing is there
			e.list = nil
		}
	}
}

func listListing(h *history.History) string {
	var b strings.Builder
	for _, m := range h.Marks {
		fmt.Fprintf(&b, "mark %s at %d\n", m.Name, m.Time)
	}
	for i := range h.Ops {
		op := &h.Ops[i]
		fmt.Fprintf(&b, "%3d  [%d, %d] p%d %s\n", i, op.Call, op.Return, op.Process, h.Describe(i))
	}
	return b.String()
}

// listLoad is a correct system under load: lists that retire, reads of them, and
// at the end a read of each as clients are served and one from each node.
type listLoad struct {
	appends, reads, clients, retire int
	unknown, failed                 float64
	nodes                           int
}

func (l listLoad) history(draw *rand.Rand) *history.History {
	const inUse, step = 4, 20_000
	keys := inUse * (l.appends/(inUse*l.retire) + 1)
	events := make([]listEvent, 0, l.appends+l.reads+keys*(1+l.nodes))
	process, next := make([]int32, l.clients), int32(l.clients)
	for i := range process {
		process[i] = int32(i)
	}
	total, value := l.appends+l.reads, history.Value(0)
	every := total / max(l.reads, 1)
	for i := range total {
		slot := i % l.clients
		call := int64(i)*step + draw.Int64N(step)
		ret := call + int64(l.clients-1)*step - draw.Int64N(step)*int64(l.clients/2) - step
		op := history.Op{Call: call, Return: max(ret, call+1), Process: process[slot], Kind: history.ReadList,
			Value: history.None, Expect: history.None, Result: history.None, Outcome: history.OK}
		generation := int(value) / (inUse * l.retire)
		op.Key = history.Key(generation*inUse + draw.IntN(inUse))
		e := listEvent{at: call + draw.Int64N(op.Return-call+1), happens: true}
		if i%every != every-1 || int(value)+total-i <= l.appends {
			value++
			op.Kind, op.Value = history.Append, value
			switch r := draw.Float64(); {
			case r < l.unknown:
				op.Outcome, op.Return = history.Info, history.Open
				e.happens = draw.IntN(2) == 0
				process[slot], next = next, next+1
			case r < l.unknown+l.failed:
				op.Outcome, e.happens = history.Fail, false
			}
		}
		e.op = op
		events = append(events, e)
	}
	final := int64(total+2*l.clients) * step
	sessions := l.sessions(next)
	at := final
	for kind, nodes := range map[history.Kind]int{history.ReadList: 1, history.ReadLocal: l.nodes} {
		for key := range keys {
			for node := range nodes {
				op := history.Op{Kind: kind, Key: history.Key(key), Call: at, Return: at + 900, Process: next + int32(node),
					Value: history.None, Expect: history.None, Result: history.None, Outcome: history.OK}
				events = append(events, listEvent{op: op, at: at + 100})
				at += 1000
			}
		}
	}
	h := buildLists(events, keys, func(*listEvent) {})
	h.Sessions = sessions
	h.Marks = []history.Mark{{Time: 0, Name: MarkLoad}, {Time: final, Name: MarkFinal}}
	return h
}

// sessions spreads processes over the nodes; the last ones are the final readers.
func (l listLoad) sessions(processes int32) []history.Session {
	var all []history.Session
	for p := range processes {
		all = append(all, history.Session{Process: p, Slot: p, Group: "clients", Node: fmt.Sprintf("n%d", int(p)%max(l.nodes, 1)+1)})
	}
	for n := range l.nodes {
		all = append(all, history.Session{Process: processes + int32(n), Node: fmt.Sprintf("n%d", n+1)})
	}
	return all
}
