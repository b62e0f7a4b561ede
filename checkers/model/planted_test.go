package model

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seatrial/seatrial/checkers/frontier"
	"github.com/seatrial/seatrial/harness/history"
)

// planted is a large history of one object, and what is planted in it.
type planted struct {
	name  string
	model Model
	world func() (world, history.Value)
	// size, clients and unknown are 100,000 operations (fewer where the test is not the
	// long one) of 20 clients of which nobody knows the outcome of one in fifty, where
	// nothing else is said.
	size, clients int
	unknown       float64
	// wide says that an operation takes hundreds of steps: the proof of a large one takes long.
	wide   bool
	plants map[string]func(h *history.History)
}

var plantedIn = []planted{
	{name: "counter", model: Counter(), world: func() (world, history.Value) { return &counterWorld{}, history.Nil }, plants: map[string]func(h *history.History){
		"a stale sum": tooLow(200), "a sum too low by little": tooLow(20), "a sum nobody can have reached": tooHigh, "a sum that goes back": backwards, "a lost addition": lostAdd,
	}},
	{name: "counter up and down", model: Counter(), world: func() (world, history.Value) { return &counterWorld{signed: true}, history.Nil }, plants: map[string]func(h *history.History){
		"a sum too low": tooLow(1_000_000), "a sum too high": tooHigh, "a lost addition": lostAdd,
	}},
	{name: "kv", model: KV(), world: func() (world, history.Value) { return &kvWorld{marked: true, form: "<%d>"}, history.Nil }, plants: map[string]func(h *history.History){
		"a stale text": staleText, "a piece twice": textTwice, "two pieces in another order": textSwapped, "a piece that nobody appended": textGarbage, "a lost append": lostText,
	}},
	{name: "multi-register", model: MultiRegister(), world: func() (world, history.Value) {
		return &multiWorld{values: map[history.Key]history.Value{}, unique: true}, 0
	}, wide: true, plants: map[string]func(h *history.History){
		"half of another transaction": halfRead, "half of a transaction at the same time": halfReadMeanwhile, "a value that nobody wrote": txnGarbage, "a stale read": staleTxn,
	}},
	{name: "register of few values", model: CASRegister(), world: func() (world, history.Value) {
		return &registerWorld{value: 0, repeat: true, vague: true}, 0
	}, plants: map[string]func(h *history.History){
		"a stale read": staleCell, "a value that nobody wrote": garbage,
	}},
	{name: "append-list", model: AppendList(), world: func() (world, history.Value) { return &setWorld{rare: 60, list: true}, history.Nil }, plants: map[string]func(h *history.History){
		"two elements in another order": swapped, "an element twice": twice, "an element that one read misses": missingOnce, "an element that nobody appended": listGarbage,
		"a stale read": staleList, "a lost append": lostElement, "an element before its append": early,
	}},
	{name: "linearizable-set", model: Set(), world: func() (world, history.Value) { return &setWorld{rare: 20}, history.Nil }, size: 4_000, clients: 8, unknown: 0.02, plants: map[string]func(h *history.History){
		"an element twice": twice, "an element that one read misses": missingOnce, "an element that nobody added": listGarbage,
		"a stale read": staleList, "a lost element": lostElement, "an element before it was added": early,
	}},
	{name: "mutex", model: Mutex(), world: func() (world, history.Value) { return &lockWorld{}, history.Nil }, plants: map[string]func(h *history.History){
		"a lock granted twice": forgetReleases(grantedTwice),
	}},
	{name: "fenced-mutex", model: FencedMutex(), world: func() (world, history.Value) { return &lockWorld{fenced: true}, history.Nil }, plants: map[string]func(h *history.History){
		"a lock granted twice": grantedTwice, "a lock released by another": releasedByAnother, "a token that does not grow": tokenTooLow, "a write with an old token": writtenWithOldToken,
	}},
	{name: "queue", model: Queue(), world: func() (world, history.Value) { return &queueWorld{anywhere: true}, history.Nil }, size: 1_000, clients: 3, unknown: 0.001, plants: map[string]func(h *history.History){
		"an element twice": dequeuedTwice,
	}},
	{name: "fifo-queue", model: FIFOQueue(), world: func() (world, history.Value) { return &queueWorld{}, history.Nil }, size: 200, clients: 3, unknown: 0.001, plants: map[string]func(h *history.History){
		"an element out of order": dequeuedOutOfOrder, "an element twice": dequeuedTwice,
	}},
}

// One violation of whatever kind in a large history is found, and comes down to a handful.
func TestPlantedViolationsAreFoundAndExplained(t *testing.T) {
	for number, c := range plantedIn {
		t.Run(c.name, func(t *testing.T) {
			judgePlanted(t, c, "", func(*history.History) {}, uint64(number))
			for name, plant := range c.plants {
				t.Run(strings.ReplaceAll(name, " ", "-"), func(t *testing.T) { judgePlanted(t, c, name, plant, uint64(number)) })
			}
		})
	}
}

// asked is who called an operation, and when.
func asked(op *history.Op) [2]int64 { return [2]int64{int64(op.Process), op.Call} }

// descriptions are the operations in words, with all elements of lists.
func descriptions(h *history.History) map[[2]int64]string {
	texts := make(map[[2]int64]string, len(h.Ops))
	for i := range h.Ops {
		texts[asked(&h.Ops[i])] = h.Describe(i)
		if op := &h.Ops[i]; op.ReadsList() {
			sum := uint64(0)
			for _, v := range h.List(op) {
				sum = mix(sum ^ uint64(v))
			}
			texts[asked(op)] += fmt.Sprintf(" (%x)", sum)
		}
	}
	return texts
}

func judgePlanted(t *testing.T, c planted, name string, plant func(h *history.History), seed uint64) {
	w, first := c.world()
	work := newWorkload(rand.New(rand.NewPCG(seed, 9)), w, 20)
	work.unknown, work.failed, work.long = 0.02, 0.01, true
	long := os.Getenv("SEATRIAL_SOAK") == "1"
	size := map[bool]int{false: 8_000, true: 100_000}[long]
	if c.size > 0 {
		size, work.clients, work.unknown = min(size, c.size), c.clients, c.unknown
	}
	if testing.Short() || c.wide && !long {
		size = min(size, 2_000)
	}
	work.simulate(size)
	before := descriptions(work.h)
	plant(work.h)
	o := Objects(work.h, c.model, first)[0]
	limits := frontier.Limits{Deadline: time.Now().Add(3 * time.Minute), Bytes: 1 << 30}
	began := time.Now()
	answer := c.model.Judge(context.Background(), o, limits)
	t.Logf("%q: %v in %.2f s, %d steps, widest %d, %d MB %s", name, answer.Verdict, time.Since(began).Seconds(), answer.Steps, answer.Widest, answer.Bytes>>20, answer.Reason)
	if name == "" {
		require.Equal(t, frontier.Legal, answer.Verdict, answer.Reason)
		return
	}
	require.Equal(t, frontier.Illegal, answer.Verdict, answer.Reason)
	if c.wide && long {
		return
	}
	began = time.Now()
	limits.Deadline = time.Now().Add(3 * time.Minute)
	told, ok := c.model.Explain(context.Background(), o, limits)
	require.True(t, ok)
	t.Logf("explained in %.2f s by %d operations: %v", time.Since(began).Seconds(), len(told.Places), told.Found)
	require.LessOrEqual(t, len(told.Places), handful)
	if name == "a lost addition" {
		return // a sum does not say which addition it lacks
	}
	after := descriptions(work.h)
	require.True(t, slices.ContainsFunc(told.Places, func(place int) bool {
		at := asked(&o.Ops[place])
		return before[at] != after[at]
	}), "none of the operations that are shown is what was planted")
}
