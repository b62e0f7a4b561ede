package model

import (
	"github.com/seatrial/seatrial/checkers/internal/valuetable"
	"github.com/seatrial/seatrial/harness/history"
)

// Sum is the state of a [Counter].
type Sum struct {
	history.Value
	// Since says that nobody knows what was there at first, and that no read has
	// told: Value is what was added since.
	Since bool
}

// Counter is a number that is added to and read. It is the header's initial value at
// first, and 0 where that is null.
func Counter() Spec[Sum] {
	return Spec[Sum]{
		Name:   "linearizable-counter",
		Kinds:  []history.Kind{history.Add, history.Read},
		Always: putsAlways,
		Fresh:  freshCounter,
		refute: refuteCounter,
	}
}

func freshCounter(o *Object) Spec[Sum] {
	s := Counter()
	unknown := o.Anything // then the first read makes it known: it is no observer
	s.Initial = func(o *Object) []Sum {
		switch {
		case o.Anything:
			return []Sum{{0, true}}
		case o.First == history.Nil:
			return []Sum{{0, false}}
		}
		return []Sum{{o.First, false}}
	}
	s.Step = stepCounter
	s.Commute = func(a, b Op) bool { return a.Kind == b.Kind && (a.Kind == history.Add || !unknown) }
	s.Observes = func(op Op) bool { return op.Kind == history.Read && !unknown || op.Value == 0 }
	s.Describe = func(o *Object, sum Sum) string {
		if sum.Since {
			return "what it was at first and " + o.H.Text(sum.Value)
		}
		return o.H.Text(sum.Value)
	}
	if !unknown {
		s.Reduce = reduceCounter
	}
	return s
}

func stepCounter(sum Sum, op Op) (Sum, bool) {
	switch {
	case op.Kind == history.Add:
		return Sum{sum.Value + op.Value, sum.Since}, sum.IsInt()
	case !op.Known() || op.Result == history.None:
		return sum, true
	case sum.Since:
		return Sum{op.Result, false}, true
	}
	return sum, op.Result == sum.Value
}

// reduceCounter numbers the sums that reads were told, where all amounts have one
// sign: then a sum never comes back.
func reduceCounter(s *Spec[Sum], o *Object) *Object {
	up, down := false, false
	sums := valuetable.New(16)
	for i := range o.Ops {
		switch op := &o.Ops[i]; {
		case op.Kind == history.Add:
			up, down = up || op.Value > 0, down || op.Value < 0
		case op.Outcome == history.OK && op.Result != history.None:
			sums.At(op.Result)
		}
	}
	if up && down {
		return o
	}
	s.Lost = func(sum Sum, op Op) bool {
		if op.Kind != history.Read || !op.Known() || op.Result == history.None {
			return false
		}
		return up && sum.Value > op.Result || !up && sum.Value < op.Result
	}
	s.Once = &Once[Sum]{
		Count: len(sums.All()),
		Holds: func(sum Sum) int32 { return sums.Find(sum.Value) },
		Needs: func(op Op) int32 {
			if op.Kind == history.Read && op.Known() && op.Result != history.None {
				return sums.Find(op.Result)
			}
			return -1
		},
	}
	return o
}
