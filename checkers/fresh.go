package checkers

import (
	"context"
	"fmt"
	"slices"
	"sort"
	"time"

	"github.com/seatrial/seatrial/harness/history"
)

// FreshWithin says that no read is older than Limit: a value that a read was told
// had not been overwritten, by an acknowledged write that began after the value
// was acknowledged, for longer than Limit when the read was called.
//
// It is weaker than linearizability and puts a figure on staleness. Written values
// must be unique in their key; a read of a value whose write is unknown, or is the
// initial one, is not judged, and no read of a list is ([SetFull] with Linearizable
// judges these).
type FreshWithin struct{ Limit time.Duration }

// staleRead is a read, the write whose value it was told, and the first write
// after that to be acknowledged.
type staleRead struct {
	read, wrote, overwrote int // in History.Ops
	age                    time.Duration
}

// Check looks at every read that was answered.
func (c FreshWithin) Check(_ context.Context, evidence Evidence, _ Budget) Result {
	h := evidence.History
	result := Result{Checker: "fresh", Method: "scan"}
	if err := Sound(h); err != nil {
		result.Verdict, result.Summary = Error, err.Error()
		return result
	}
	reads, stale, oldest := 0, 0, staleRead{}
	for _, key := range keyWrites(h) {
		for _, i := range key.reads {
			s, judged := key.judge(h, i)
			if !judged {
				continue
			}
			reads++
			if s.age > 0 {
				stale++
			}
			if s.age > oldest.age {
				oldest = s
			}
		}
	}
	notJudged := ""
	if n := answeredLists(h); n > 0 {
		notJudged = fmt.Sprintf("; %d reads of lists were not judged", n)
	}
	result.Figures = map[string]float64{"reads": float64(reads), "stale_reads": float64(stale), "age_max_seconds": oldest.age.Seconds()}
	switch {
	case reads == 0:
		result.Verdict, result.Summary = Inconclusive, "no read was told a value whose write is known"+notJudged
	case oldest.age > c.Limit:
		result.Verdict = Violation
		result.Summary = fmt.Sprintf("%s was told a value that had been overwritten %.3f s before, more than %v; %d of %d reads were stale",
			h.Describe(oldest.read), oldest.age.Seconds(), c.Limit, stale, reads)
		result.Proof = oldest.proof(h)
	default:
		result.Summary = fmt.Sprintf("no read was older than %v: %d of %d were stale, by at most %.3f s", c.Limit, stale, reads, oldest.age.Seconds()) + notJudged
	}
	return result
}

func answeredLists(h *history.History) int {
	n := 0
	for i := range h.Ops {
		if op := &h.Ops[i]; op.Kind == history.ReadList && op.Outcome == history.OK {
			n++
		}
	}
	return n
}

// writesOfKey are a key's reads and its acknowledged writes by their calls.
type writesOfKey struct {
	reads, writes []int
	byValue       map[history.Value]int // -1 where a value was written twice
	// first[i] is which of writes[i:] was acknowledged first.
	first []int
}

func keyWrites(h *history.History) []*writesOfKey {
	keys := make([]*writesOfKey, len(h.Keys))
	for k := range keys {
		keys[k] = &writesOfKey{byValue: map[history.Value]int{}}
	}
	initial := h.Initial()
	for i := range h.Ops {
		op, key := &h.Ops[i], keys[h.Ops[i].Key]
		stores := op.Kind == history.Write || op.Kind == history.CAS && !op.Mismatch
		if stores && op.Outcome != history.Fail { // one of unknown outcome may have stored it too
			if _, twice := key.byValue[op.Value]; twice || op.Value == initial || op.Outcome == history.Info {
				key.byValue[op.Value] = -1
			} else {
				key.byValue[op.Value] = i
			}
		}
		switch {
		case op.Outcome != history.OK:
		case op.Kind == history.Read && op.Result != history.None:
			key.reads = append(key.reads, i)
		case stores:
			key.writes = append(key.writes, i)
		}
	}
	for _, key := range keys {
		key.index(h)
	}
	return keys
}

func (k *writesOfKey) index(h *history.History) {
	slices.SortFunc(k.writes, func(a, b int) int { return int(h.Ops[a].Call - h.Ops[b].Call) })
	k.first = make([]int, len(k.writes))
	for i := len(k.writes) - 1; i >= 0; i-- {
		k.first[i] = k.writes[i]
		if i+1 < len(k.writes) && h.Ops[k.first[i+1]].Return < h.Ops[k.first[i]].Return {
			k.first[i] = k.first[i+1]
		}
	}
}

// judge says how old the value was that a read was told.
func (k *writesOfKey) judge(h *history.History, read int) (staleRead, bool) {
	wrote, known := k.byValue[h.Ops[read].Result]
	if !known || wrote < 0 {
		return staleRead{}, false
	}
	after := sort.Search(len(k.writes), func(i int) bool { return h.Ops[k.writes[i]].Call > h.Ops[wrote].Return })
	s := staleRead{read: read, wrote: wrote}
	if after < len(k.writes) {
		s.overwrote = k.first[after]
		s.age = max(0, time.Duration(h.Ops[read].Call-h.Ops[s.overwrote].Return))
	}
	return s, true
}

func (s staleRead) proof(h *history.History) *Proof {
	seconds := func(ns int64) string { return fmt.Sprintf("%.3f s", time.Duration(ns).Seconds()) }
	proof := &Proof{Key: h.KeyName(h.Ops[s.read].Key)}
	for _, i := range []int{s.wrote, s.overwrote, s.read} {
		proof.Operations = append(proof.Operations, proofOperation(h, i))
	}
	wrote, overwrote, read := &h.Ops[s.wrote], &h.Ops[s.overwrote], &h.Ops[s.read]
	proof.Story = []string{
		fmt.Sprintf("p%d's %s was acknowledged at %s.", wrote.Process, h.Describe(s.wrote), seconds(wrote.Return)),
		fmt.Sprintf("p%d's %s was called after that and acknowledged at %s.", overwrote.Process, h.Describe(s.overwrote), seconds(overwrote.Return)),
		fmt.Sprintf("p%d called read at %s, %.3f s later, and was still told %s.", read.Process, seconds(read.Call), s.age.Seconds(), h.Text(read.Result)),
	}
	return proof
}
