package fault

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"time"

	"github.com/seatrial/seatrial/harness/named"
)

// Mix injects one fault after another in an order drawn from the seed: a quiet
// time between QuietMin and QuietMax, then a fault for a time between ForMin and
// ForMax. Every fault is drawn once before any is drawn again, and a [Weighted] one
// as often as its weight says. Zero durations mean 0.3 s to 1 s of quiet and 0.8 s
// to 2 s of fault. A fault that does not apply is left out, and the plan says why.
type Mix struct {
	Faults             []Fault
	QuietMin, QuietMax time.Duration
	ForMin, ForMax     time.Duration
	// AtOnce is how many faults begin together; 0 and 1 are one. Of faults that are
	// none of the network, which could undo each other, only one is there at a time.
	AtOnce int
	// Overlap lets about every second fault begin, without a quiet time, while the
	// one before it is being undone.
	Overlap bool
}

// Weighted is a fault of a [Mix] that is drawn Weight times where others are drawn once.
type Weighted struct {
	Fault
	Weight int
}

// Rolling injects a fault into the members one after the other, in an order drawn
// from the seed: each for Duration, with Quiet between the end of one and the next
// one's begin, which waits until the last is healed. It goes through all members
// once. The fault's own Target is left empty.
type Rolling struct {
	Fault           Fault
	Duration, Quiet time.Duration
	// AtOnce is how many nodes are taken at a time; 0 and 1 are one.
	AtOnce int
}

func (s Mix) draw(p *planner, from, until time.Duration) {
	s = s.withDefaults()
	drawn := deck{all: s.cards(p.world), random: p.random}
	if len(drawn.all) == 0 {
		return
	}
	p.chains++
	at := from
	var last []Fault // those that began together before
	for place := 0; ; place++ {
		overlap := s.Overlap && place > 0 && p.random.IntN(2) == 0 && drawn.fits(last)
		if !overlap {
			last = nil
			at += drawTime(p.random, s.QuietMin, s.QuietMax)
		}
		var now []Fault
		end := at
		for range max(1, s.AtOnce) {
			length := drawTime(p.random, s.ForMin, s.ForMax)
			if at+length > until || !drawn.fits(slices.Concat(last, now)) {
				break
			}
			f := drawn.take(slices.Concat(last, now))
			now = append(now, f)
			p.add(Step{At: at, For: length, Fault: f, Mix: true, chain: p.chains, place: place, overlap: overlap})
			end = max(end, at+length)
		}
		if len(now) == 0 {
			return
		}
		last, at = now, end
	}
}

// cards are the faults that apply, each as often as its weight says.
func (s Mix) cards(w World) []Fault {
	var all []Fault
	for _, f := range s.Faults {
		weight := 1
		if heavy, is := f.(Weighted); is {
			f, weight = heavy.Fault, heavy.Weight
		}
		if Applies(f, w) == nil {
			all = append(all, slices.Repeat([]Fault{f}, weight)...)
		}
	}
	return all
}

// deck is shuffled when it is used up.
type deck struct {
	all, left []Fault
	random    *rand.Rand
}

// fits reports whether some fault can be there together with these.
func (d *deck) fits(beside []Fault) bool {
	if len(d.left) == 0 {
		for _, i := range d.random.Perm(len(d.all)) {
			d.left = append(d.left, d.all[i])
		}
	}
	return slices.ContainsFunc(d.left, func(f Fault) bool { return joins(f, beside) })
}

// take draws the first that can be there together with these.
func (d *deck) take(beside []Fault) Fault {
	i := slices.IndexFunc(d.left, func(f Fault) bool { return joins(f, beside) })
	f := d.left[i]
	d.left = slices.Delete(d.left, i, i+1)
	return f
}

// joins reports whether a fault can be there together with others: not twice, and
// not with another that works on the same programs. What resumes a program would
// meet one that the other had killed.
func joins(f Fault, beside []Fault) bool {
	return !slices.ContainsFunc(beside, func(other Fault) bool {
		return !onNetwork(f) && !onNetwork(other) || reflect.DeepEqual(f, other)
	})
}

func onNetwork(f Fault) bool {
	switch f.(type) {
	case networkFault, Regions:
		return true
	}
	return false
}

func (s Mix) withDefaults() Mix {
	if s.QuietMax == 0 {
		s.QuietMin, s.QuietMax = 300*time.Millisecond, time.Second
	}
	if s.ForMax == 0 {
		s.ForMin, s.ForMax = 800*time.Millisecond, 2*time.Second
	}
	return s
}

func drawTime(draw *rand.Rand, low, high time.Duration) time.Duration {
	if high <= low {
		return low
	}
	return low + time.Duration(draw.Int64N(int64(high-low))).Round(time.Millisecond)
}

func (s Mix) check() error {
	s = s.withDefaults()
	switch {
	case len(s.Faults) == 0:
		return fmt.Errorf("fault.Mix: no Faults to draw from")
	case s.QuietMin < 0 || s.QuietMax < s.QuietMin:
		return fmt.Errorf("fault.Mix: quiet between %v and %v makes no sense", s.QuietMin, s.QuietMax)
	case s.ForMin <= 0 || s.ForMax < s.ForMin:
		return fmt.Errorf("fault.Mix: faults that last between %v and %v make no sense", s.ForMin, s.ForMax)
	case s.AtOnce < 0:
		return fmt.Errorf("fault.Mix: AtOnce is %d: it can't be below zero", s.AtOnce)
	}
	for _, f := range s.Faults {
		heavy, is := f.(Weighted)
		if f == nil || is && heavy.Fault == nil {
			return fmt.Errorf("fault.Mix: a fault is nil")
		}
		if is && (heavy.Weight < 1 || heavy.Weight > weightMax) {
			return fmt.Errorf("fault.Mix: the weight of %s is %d: it must be between 1 and %d", heavy.FaultName(), heavy.Weight, weightMax)
		}
		if _, twice := heavy.Fault.(Weighted); twice {
			return fmt.Errorf("fault.Mix: %s has two weights", heavy.FaultName())
		}
	}
	return nil
}

// weightMax bounds a weight: a run has not many more faults.
const weightMax = 1000

func (s Rolling) draw(p *planner, from, until time.Duration) {
	members := p.world.members()
	order := p.random.Perm(len(members))
	together := max(1, s.AtOnce)
	places := (len(members) + together - 1) / together
	if from+time.Duration(places)*(s.Duration+s.Quiet)-s.Quiet > until {
		return
	}
	p.chains++
	for place := range places {
		var names []string
		for _, i := range order[place*together : min(len(order), (place+1)*together)] {
			names = append(names, members[i])
		}
		slices.Sort(names)
		target := Nodes(names...)
		if len(names) == 1 {
			target = Node(names[0])
		}
		f, _ := aimedAt(s.Fault, target)
		p.add(Step{At: from + time.Duration(place)*(s.Duration+s.Quiet), For: s.Duration, Fault: f,
			chain: p.chains, place: place, rolling: true})
	}
}

func (s Rolling) check() error {
	switch {
	case s.Fault == nil:
		return fmt.Errorf("fault.Rolling: no Fault")
	case s.Duration <= 0 || s.Quiet < 0 || s.AtOnce < 0:
		return fmt.Errorf("fault.Rolling: Duration is %v, Quiet %v and AtOnce %d: the first must be above zero, and the others not below it", s.Duration, s.Quiet, s.AtOnce)
	}
	if _, can := aimedAt(s.Fault, Random); !can {
		return fmt.Errorf("fault.Rolling: %s has no field Target that could go from node to node", s.Fault.FaultName())
	}
	if at := s.Fault.At(); at != "" {
		return fmt.Errorf("fault.Rolling: the Target of %s is %q: leave it empty, it goes from node to node", s.Fault.FaultName(), at)
	}
	return nil
}

// aimedAt is the fault with another target: its field Target, or that of the fault in it.
func aimedAt(f Fault, t Target) (Fault, bool) {
	if only, is := f.(Only); is && only.Fault != nil {
		inner, can := aimedAt(only.Fault, t)
		only.Fault = inner
		return only, can
	}
	v := reflect.ValueOf(f)
	if v.Kind() != reflect.Struct {
		return f, false
	}
	field, has := v.Type().FieldByName("Target")
	if !has || field.Type != reflect.TypeFor[Target]() || len(field.Index) != 1 {
		return f, false
	}
	aimed := reflect.New(v.Type()).Elem()
	aimed.Set(v)
	aimed.FieldByName("Target").Set(reflect.ValueOf(t))
	return aimed.Interface().(Fault), true
}

func init() { named.Register(Mix{}, Weighted{}, Rolling{}) }
