package checkers

import (
	"github.com/seatrial/seatrial/checkers/model"
	"github.com/seatrial/seatrial/harness/history"
)

// keyOps is what happened on one key. Places are positions in index.
type keyOps struct {
	h       *history.History
	key     history.Key
	initial history.Value
	anyhow  bool    // nobody knows what the key held at first: initial is what nobody was told
	values  int     // how many operations store a value, at most
	foreign bool    // some of its operations are none on a register
	index   []int32 // of the key's operations in h.Ops, in the order of their calls
}

func (k *keyOps) op(place int32) *history.Op { return &k.h.Ops[k.index[place]] }

// tally is what one pass over a history counts.
type tally struct {
	unknown, completed int
	observed           int // completed operations that were told what a key held
	keys               []keyTally
}

type keyTally struct {
	operations, stores int32
	foreign            bool // some of the operations are none on a register
}

func count(h *history.History) tally {
	t := tally{keys: make([]keyTally, len(h.Keys))}
	for i := range h.Ops {
		op := &h.Ops[i]
		key := &t.keys[op.Key]
		key.operations++
		switch op.Kind {
		case history.Write, history.CAS:
			key.stores++
		case history.Read:
		default:
			key.foreign = true
		}
		switch op.Outcome {
		case history.Info:
			t.unknown++
		case history.OK:
			t.completed++
			if op.Kind == history.CAS || op.Kind == history.Read && op.Result != history.None {
				t.observed++
			}
		}
	}
	return t
}

// splitByKey lists the keys that have operations. A register is linearizable if
// and only if each key is: that is why keys are judged one by one.
func splitByKey(h *history.History, initial history.Value, counts []keyTally) []*keyOps {
	all := make([]int32, len(h.Ops))
	byKey := make([]*keyOps, len(h.Keys))
	var keys []*keyOps
	for key, count := range counts {
		if count.operations == 0 {
			continue
		}
		byKey[key] = &keyOps{h: h, key: history.Key(key), initial: initial, values: int(count.stores), foreign: count.foreign, anyhow: h.Header.InitialUnknown, index: all[:0:count.operations]}
		all = all[count.operations:]
		keys = append(keys, byKey[key])
	}
	for i := range h.Ops {
		k := byKey[h.Ops[i].Key]
		k.index = append(k.index, int32(i))
	}
	return keys
}

// judge asks the zones. Where nobody knows what the key held at first, a pass with
// something that nobody was told is a pass. A value that somebody was told, and that
// nobody stored, must have been there at first. Otherwise another value may make it
// legal: then nothing is proven.
func (k *keyOps) judge(z *zones) zoneAnswer {
	answer := k.decide(z)
	if answer.flaw == noFlaw && !answer.exact && !z.repeated {
		answer.exact = k.refusalsFit(z)
	}
	if !k.anyhow || answer.flaw == noFlaw || answer.flaw == flawContradicted {
		return answer
	}
	if answer.flaw != flawGarbage || !k.told(z.value(answer.a)) {
		return zoneAnswer{}
	}
	value := z.value(answer.a)
	if k.tried(value, z.blocks[answer.a].readReturn) {
		k.anyhow = false
		return answer
	}
	k.initial, k.anyhow = value, false
	return k.judge(z)
}

// tried reports whether somebody had tried to store a value before an instant, and
// was told that it did not happen. What is seen after that, and nobody else stored,
// is taken for the trace of it, not for what the key happened to hold at first:
//
//	p1  write 3  failed  |------|
//	p2  read → 3            |--------|
//
// That is a guess, which Knossos and porcupine with an initial value of nil make
// too. It is the only one here, and whoever knows the initial value is spared it.
func (k *keyOps) tried(v history.Value, before int64) bool {
	for place := range k.index {
		op := k.op(int32(place))
		if op.Call >= before {
			return false
		}
		if op.Outcome == history.Fail && op.Value == v && (op.Kind == history.Write || op.Kind == history.CAS) {
			return true
		}
	}
	return false
}

// told reports whether an answer says that the key held a value. That a swap of
// unknown outcome expected it does not: what the swap was to store, and somebody saw,
// may have been there at first.
func (k *keyOps) told(v history.Value) bool {
	for place := range k.index {
		switch op := k.op(int32(place)); {
		case op.Outcome != history.OK:
		case op.Kind == history.Read || op.Mismatch:
			if op.Result == v {
				return true
			}
		case op.Kind == history.CAS && op.Expect == v:
			return true
		}
	}
	return false
}

// decide asks the zones, with the initial value that is noted.
func (k *keyOps) decide(z *zones) zoneAnswer {
	if len(k.index) == len(k.h.Ops) {
		return z.decide(k.h.Ops, nil, k.initial, k.values) // the only key: read memory in order
	}
	return z.decide(k.h.Ops, k.index, k.initial, k.values)
}

// refusalsFit asks the zones, which have just decided the key.
func (k *keyOps) refusalsFit(z *zones) bool {
	if len(k.index) == len(k.h.Ops) {
		return z.refusalsFit(k.h.Ops, nil)
	}
	return z.refusalsFit(k.h.Ops, k.index)
}

// searchable returns the operations that a search has to place.
func (k *keyOps) searchable() []history.Op {
	ops := make([]history.Op, 0, len(k.index))
	for place := range k.index {
		if op := k.op(int32(place)); model.Evidence(op) {
			ops = append(ops, *op)
		}
	}
	return dropUnseen(ops)
}

// whole is all that is evidence on the key, with its places in the history.
func (k *keyOps) whole() *model.Object {
	o := k.object(nil)
	for place, index := range k.index {
		if op := k.op(int32(place)); model.Evidence(op) {
			o.Ops, o.Index = append(o.Ops, *op), append(o.Index, index)
		}
	}
	return o
}

// object is operations on the key as the search takes them.
func (k *keyOps) object(ops []history.Op) *model.Object {
	o := &model.Object{H: k.h, Key: k.key, Ops: ops, First: k.initial, Anything: k.anyhow, Index: make([]int32, len(ops))}
	for i := range o.Index {
		o.Index[i] = int32(i)
	}
	return o
}

// dropUnseen leaves out unknown operations whose value nobody asks for: no
// answer saw it, and no compare-and-set that is kept expects it. What is left is
// linearizable if and only if all of it is; see zones.go.
//
// A compare-and-set that was refused without saying what it saw may owe its
// refusal to any write, seen or not:
//
//	p1  write 1  ok    |--|
//	p2  write 2  ?          |-------…
//	p3  cas 1→3  refused        |--|
//
// is legal, and would not be without p2's write. Then all are kept.
func dropUnseen(ops []history.Op) []history.Op {
	for i := range ops {
		if ops[i].Mismatch && ops[i].Result == history.None {
			return ops
		}
	}
	for {
		asked := make(map[history.Value]bool)
		for i := range ops {
			switch op := &ops[i]; {
			case op.Kind == history.Read || op.Mismatch:
				asked[op.Result] = true
			case op.Kind == history.CAS:
				asked[op.Expect] = true
			}
		}
		kept := ops[:0]
		for i := range ops {
			if ops[i].Outcome == history.OK || asked[ops[i].Value] {
				kept = append(kept, ops[i])
			}
		}
		if len(kept) == len(ops) {
			return kept
		}
		ops = kept
	}
}
