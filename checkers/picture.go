package checkers

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"html"
	"io"
	"slices"
	"sync/atomic"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/seatrial/seatrial/checkers/frontier"
	"github.com/seatrial/seatrial/checkers/model"
	"github.com/seatrial/seatrial/harness/history"
)

// The limits of a picture.
const (
	pictureOperations = 200
	pictureBytes      = 5 << 20
	pictureTime       = time.Second // for one attempt; a failed one is tried again with half as much
	pictureJudging    = 10 * time.Second
	pictureMemory     = 128 << 20
)

// ErrNotDrawn is why [Picture] draws no key that is a list.
var ErrNotDrawn = errors.New("only registers are drawn, and this is a list: the report shows its proof")

// Picture writes porcupine's drawing of one key as an HTML page that needs no
// network: one lane a client, the operations that prove a violation and those
// around them, at most 200, with the longest orders that were found. Where the
// key is linearizable, or undecided, it draws the first operations. A key with
// operations on lists is not drawn: the error is [ErrNotDrawn].
//
// The page is at most 5 MB. Judging the key again takes ten seconds at most, and
// drawing it a few more.
func Picture(h *history.History, key history.Key, w io.Writer) error {
	if err := Sound(h); err != nil {
		return fmt.Errorf("draw a key: %w", err)
	}
	counts := count(h)
	if int(key) < len(counts.keys) && counts.keys[key].foreign {
		return fmt.Errorf("draw key %s: %w", nameText(h, key), ErrNotDrawn)
	}
	initial, err := h.InitialValue()
	if err != nil {
		return fmt.Errorf("draw a key: %w", err)
	}
	var k *keyOps
	for _, have := range splitByKey(h, initial, counts.keys) {
		if have.key == key {
			k = have
		}
	}
	if k == nil {
		return fmt.Errorf("draw key %d: the history has no operation on it", key)
	}
	p := newProver(k, newSearcher(context.Background(), time.Now().Add(pictureJudging), Budget{}.WithDefaults().Bytes))
	core, err := p.core()
	if err != nil {
		return fmt.Errorf("draw key %s: %w", nameText(h, key), err)
	}
	for most := pictureOperations; ; most /= 2 {
		page, err := p.draw(p.around(core, most))
		if err == nil {
			_, err = w.Write(page)
			return err
		}
		if most <= len(core) || most == 0 {
			return fmt.Errorf("draw key %s: %w", nameText(h, key), err)
		}
	}
}

// core returns the places of the operations that prove a violation of the key,
// none where there is no violation.
func (p *prover) core() ([]int32, error) {
	var z zones
	answer := p.keyOps.judge(&z)
	var proof *Proof
	switch {
	case answer.flaw != noFlaw:
		var err error
		if proof, err = p.fromZones(&z, answer); err != nil {
			return nil, err
		}
	case !answer.exact:
		if found := p.judge(p.searchable(), p.search.deadline); found.Verdict == frontier.Illegal {
			proof = p.fromSearch(found)
		}
	}
	if proof == nil {
		return nil, nil
	}
	var places []int32
	for _, op := range proof.Operations {
		if place, found := slices.BinarySearch(p.index, int32(op.Index)); found {
			places = append(places, int32(place))
		}
	}
	return places, nil
}

// around adds to a set the operations that were called nearest to it in time, up
// to a number in all.
func (p *prover) around(core []int32, most int) []int32 {
	var all []int32
	for place := range p.index {
		if model.Evidence(p.op(int32(place))) {
			all = append(all, int32(place))
		}
	}
	distance := func(place int32) int64 {
		if len(core) == 0 {
			return p.op(place).Call
		}
		at, nearest := p.op(place).Call, history.Open
		for _, c := range core {
			nearest = min(nearest, max(at-p.op(c).Call, p.op(c).Call-at))
		}
		return nearest
	}
	distances := make(map[int32]int64, len(all))
	for _, place := range all {
		distances[place] = distance(place)
	}
	slices.SortStableFunc(all, func(a, b int32) int { return cmp.Compare(distances[a], distances[b]) })
	set := slices.Clone(core)
	for _, place := range all {
		if len(set) >= most {
			break
		}
		if !slices.Contains(core, place) {
			set = append(set, place)
		}
	}
	return sorted(set)
}

// drawn is an operation with what is written into its box.
type drawn struct {
	model.Input
	text string
}

// draw makes the page. It is an error where the search or the page grew too large.
func (p *prover) draw(set []int32) ([]byte, error) {
	var stop atomic.Bool
	operations := p.drawable(set)
	cell := p.drawnModel(&stop)
	done, reason := make(chan struct{}), make(chan string, 1)
	limits := guard{ctx: p.search.ctx, deadline: time.Now().Add(pictureTime), bytes: pictureMemory, baseline: heapBytes()}
	go func() { reason <- limits.watch(done, &stop) }()
	_, info := porcupine.CheckOperationsVerbose(cell, operations, 0)
	close(done)
	if why := <-reason; why != "" {
		return nil, errors.New(why)
	}
	limited := limitedBuffer{limit: pictureBytes}
	if err := porcupine.Visualize(cell, info, &limited); err != nil {
		return nil, err
	}
	return limited.Bytes(), nil
}

// drawable converts a set. What is weakened or left out so that the set can be
// judged by itself keeps its text, and is drawn where it happened.
func (p *prover) drawable(set []int32) []porcupine.Operation {
	lanes := p.lanes(set)
	end := int64(0)
	for _, place := range set {
		if op := p.op(place); op.Return != history.Open {
			end = max(end, op.Return)
		}
		end = max(end, p.op(place).Call)
	}
	judged := p.judgedAs(set)
	operations := make([]porcupine.Operation, 0, len(set))
	for _, place := range set {
		op := p.op(place)
		in, out := model.Split(judged[place])
		ret := op.Return
		if ret == history.Open {
			ret = end + 1
		}
		text := p.h.Describe(int(p.index[place]))
		operations = append(operations, porcupine.Operation{
			ClientId: lanes[op.Process], Input: drawn{in, text}, Output: out, Call: op.Call, Return: ret,
			Metadata: fmt.Sprintf("p%d: %s (operation %d of the history, at %s s)", op.Process, text, p.index[place], seconds(op.Call, 6)),
		})
	}
	return operations
}

// judgedAs is [prover.alone] with an entry for every operation of the set: one
// that is left out becomes a read that says nothing.
func (p *prover) judgedAs(set []int32) map[int32]*history.Op {
	judged := make(map[int32]*history.Op, len(set))
	in := members(set)
	for _, place := range set {
		op, keep := p.weaken(in, place)
		if !keep {
			op.Kind, op.Result, op.Mismatch = history.Read, history.None, false
		}
		judged[place] = &op
	}
	return judged
}

// lanes gives each process the lowest lane that nobody needs any more: process
// numbers grow with every unknown outcome, lanes do not. An unknown operation
// keeps its lane, since its box reaches to the end.
func (p *prover) lanes(set []int32) map[int32]int {
	until := map[int32]int64{} // by process: when its last operation returned
	for _, place := range set {
		op := p.op(place)
		until[op.Process] = max(until[op.Process], op.Return)
	}
	lanes := map[int32]int{}
	var taken []int64 // by lane: until when
	for _, place := range set {
		op := p.op(place)
		if _, has := lanes[op.Process]; has {
			continue
		}
		lane := slices.IndexFunc(taken, func(until int64) bool { return until < op.Call })
		if lane < 0 {
			lane = len(taken)
			taken = append(taken, 0)
		}
		lanes[op.Process], taken[lane] = lane, until[op.Process]
	}
	return lanes
}

func (p *prover) drawnModel(stop *atomic.Bool) porcupine.Model {
	text := func(v history.Value) string { return valueText(p.h, v) }
	cell := model.Cell(p.initial, text)
	step := cell.Step
	cell.Step = func(state, input, output any) (bool, any) {
		if stop.Load() {
			return false, state
		}
		return step(state, input.(drawn).Input, output)
	}
	// The page sets this as text, and the rest as HTML.
	cell.DescribeOperation = func(input, _ any) string { return input.(drawn).text }
	cell.DescribeState = func(state any) string {
		return html.EscapeString(nameText(p.h, p.key) + " = " + text(state.(history.Value)))
	}
	return cell
}

// limitedBuffer refuses to grow beyond a limit.
type limitedBuffer struct {
	bytes.Buffer
	limit int
}

func (b *limitedBuffer) Write(data []byte) (int, error) {
	if b.Len()+len(data) > b.limit {
		return 0, fmt.Errorf("the page would be larger than %d bytes", b.limit)
	}
	return b.Buffer.Write(data)
}
