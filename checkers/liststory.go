package checkers

import (
	"fmt"
	"strings"

	"github.com/seatrial/seatrial/harness/history"
)

// listTeller tells what clients did to lists, as [teller] does for registers.
type listTeller struct {
	h      *history.History
	places []int32 // of the operations of the proof, in the order of their calls
	digits int
	about  history.Value // the element that reads are told of; None for none
}

// tellLists begins a proof with some operations, which may be named twice and in
// any order; none is left out.
func tellLists(h *history.History, about history.Value, places ...int32) (*Proof, listTeller) {
	places, digits := inOrder(h, places)
	t := listTeller{h: h, places: places, digits: digits, about: about}
	return beginProof(h, places, t.sentence), t
}

func (t listTeller) time(ns int64) string { return seconds(ns, t.digits) + " s" }

func (t listTeller) who(op *history.Op) string { return nodeWho(t.h, op) }

func (t listTeller) sentence(op *history.Op, after bool) string {
	what := "append " + nameText(t.h, op.Key) + " = " + elementText(t.h, op.Value)
	if op.ReadsList() {
		what = "list " + nameText(t.h, op.Key)
	}
	begin := fmt.Sprintf("%s called %s at %s", t.who(op), what, t.time(op.Call))
	if after {
		begin += ", after that,"
	}
	switch {
	case op.Outcome == history.Info:
		return begin + " and never learned the outcome."
	case op.Outcome == history.Fail:
		return fmt.Sprintf("%s and was told at %s that it did not happen.", begin, t.time(op.Return))
	case op.ReadsList():
		return fmt.Sprintf("%s and was told %s at %s.", begin, t.told(op), t.time(op.Return))
	default:
		return fmt.Sprintf("%s and was acknowledged at %s.", begin, t.time(op.Return))
	}
}

// told says what a read returned, as far as the element is concerned.
func (t listTeller) told(op *history.Op) string {
	list := t.h.List(op)
	if t.about == history.None {
		return plural(len(list), "element")
	}
	times := 0
	for _, v := range list {
		if v == t.about {
			times++
		}
	}
	text := elementText(t.h, t.about)
	switch times {
	case 0:
		return fmt.Sprintf("%s, and %s is not among them", plural(len(list), "element"), text)
	case 1:
		return fmt.Sprintf("%s, %s among them", plural(len(list), "element"), text)
	default:
		return fmt.Sprintf("%s, among them %s %d times", plural(len(list), "element"), text, times)
	}
}

// elementText writes an element as it stands in a sentence: what the system made
// of it may be of any length.
func elementText(h *history.History, v history.Value) string {
	const longest = 40
	text := []rune(valueText(h, v))
	if len(text) > longest {
		return string(text[:longest-2]) + `…"`
	}
	return string(text)
}

// names lists the earliest instances: "17, 18 and 21 of l0, …".
func (s *instances) names(h *history.History) string {
	var parts []string
	for i := 0; i < len(s.earliest); {
		list := s.earliest[i].list
		var values []string
		for ; i < len(s.earliest) && s.earliest[i].list == list; i++ {
			values = append(values, elementText(h, s.earliest[i].value))
		}
		parts = append(parts, joinAnd(values)+" of "+nameText(h, list.key))
	}
	text := strings.Join(parts, ", ")
	if s.count > len(s.earliest) {
		text += ", …"
	}
	return text
}

func joinAnd(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:len(words)-1], ", ") + " and " + words[len(words)-1]
}

// odd tells of elements that were read where they can't be.
type odd struct {
	kinds [oddities]instances
	where whereabouts
}

// note adds the element if it is odd, and reports whether it is.
func (o *odd) note(s *listScan, e *element) {
	if e.odd == none {
		return
	}
	kind, _ := o.where.why(s.list.h, e)
	o.kinds[kind].add(instance{s.list, e.value, s.list.read(e.odd).Return})
}

func (o *odd) count() int {
	total := 0
	for i := range o.kinds {
		total += o.kinds[i].count
	}
	return total
}

// figures adds a figure for each kind that there is.
func (o *odd) figures(figures map[string]float64) {
	figures["unexpected"] = float64(o.count())
	for kind, name := range [oddities]string{"unexpected_unknown", "unexpected_failed", "unexpected_of_other_list", "unexpected_early"} {
		if n := o.kinds[kind].count; n > 0 {
			figures[name] = float64(n)
		}
	}
}

// sentences say what was read and could not be there.
func (o *odd) sentences(h *history.History) []string {
	var all []string
	for kind, why := range [oddities][2]string{
		{"which nobody ever appended", "which nobody ever appended"},
		{"though its append had failed", "though their appends had failed"},
		{"which was appended to another list", "which were appended to another list"},
		{"before its append was called", "before their appends were called"},
	} {
		if s := &o.kinds[kind]; s.count == 1 {
			all = append(all, fmt.Sprintf("a read holds %s, %s", s.names(h), why[0]))
		} else if s.count > 1 {
			all = append(all, fmt.Sprintf("reads hold %d elements, %s (%s)", s.count, why[1], s.names(h)))
		}
	}
	return all
}

// prove shows the first odd element of the first kind that there is.
func (o *odd) prove(s *listScan) *Proof {
	for kind := range o.kinds {
		if o.kinds[kind].count == 0 {
			continue
		}
		x := o.kinds[kind].earliest[0]
		s.scan(x.list, x.list.reads)
		e := &s.elements[s.Find(x.value)]
		why, place := o.where.why(s.list.h, e)
		proof, t := tellLists(s.list.h, x.value, place, s.list.reads[e.odd])
		proof.Story = append(proof.Story, t.oddity(why, place, x))
		return proof
	}
	return nil
}

func (t listTeller) oddity(why oddity, place int32, x instance) string {
	text, list := elementText(t.h, x.value), nameText(t.h, x.list.key)
	switch why {
	case oddFailed:
		return fmt.Sprintf("Nobody else ever tried to append %s to %s: an append that failed must never be seen.", text, list)
	case oddElsewhere:
		return fmt.Sprintf("Nobody ever tried to append %s to %s, only to %s.", text, list, nameText(t.h, t.h.Ops[place].Key))
	case oddEarly:
		return fmt.Sprintf("%s was read before anybody had begun to append it.", text)
	default:
		return fmt.Sprintf("Nobody ever tried to append %s to any list.", text)
	}
}
