package workloads

import (
	"slices"
	"strconv"
	"sync"

	"github.com/seatrial/seatrial/harness/history"
)

// rotation hands out keys at a number of places. A key retires after some uses
// and a new one takes its place, so what is on one key stays small enough to look
// at. It also hands out values, each once.
type rotation struct {
	prefix      string
	places      int
	retireAfter int

	mu         sync.Mutex
	uses       []int // of the key now at each place
	generation []int // keys retired at each place
	touched    []string
	lastValue  int64
}

func newRotation(prefix string, places, retireAfter int) *rotation {
	r := &rotation{prefix: prefix, places: places, retireAfter: retireAfter, uses: make([]int, places), generation: make([]int, places)}
	for place := range places {
		r.touched = append(r.touched, r.name(place))
	}
	return r
}

func (r *rotation) name(place int) string {
	return r.prefix + strconv.Itoa(place+r.generation[place]*r.places)
}

// look returns the key now at a place.
func (r *rotation) look(place int) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.name(place)
}

// use returns the key now at a place, and counts one use of it.
func (r *rotation) use(place int) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.uses[place]++; r.uses[place] > r.retireAfter {
		r.uses[place] = 1
		r.generation[place]++
		r.touched = append(r.touched, r.name(place))
	}
	return r.name(place)
}

// value returns a value that was never handed out before.
func (r *rotation) value() history.Value {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lastValue++
	return history.Int(r.lastValue)
}

// all are the keys that were in use at any time.
func (r *rotation) all() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.touched)
}

// reads are one read of every key that was in use at any time.
func (r *rotation) reads(kind history.Kind, eachNode bool) []FinalRead {
	keys := r.all()
	reads := make([]FinalRead, 0, len(keys))
	for _, key := range keys {
		reads = append(reads, FinalRead{Operation: readOf(kind, key), EachNode: eachNode})
	}
	return reads
}

// readOf is a read of a key, which has no value of its own.
func readOf(kind history.Kind, key string) Operation {
	return Operation{Kind: kind, Key: key, Value: history.None, Expect: history.None}
}
