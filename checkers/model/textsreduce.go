package model

import (
	"slices"
	"sort"
	"strings"

	"github.com/seatrial/seatrial/harness/history"
)

// Texts that are read.
//
// A text that no answered read's text begins with is as good as any other such text:
// appends leave it one, and only a put ends it; until then nobody looked. All of them
// become one state, elsewhere.
//
// Where all pieces are marked (each begins with one and the same byte, which is nowhere
// else in it, as in "x 0 3 y"; or all end with one), a text says what it is made of. Then, of a
// piece that one operation brings and that a read was told of:
//
//   - The operation happened before the first such read returned, if that was unknown.
//   - What the read has before the piece is what was there when it was brought. So
//     the operation can happen only where it makes a text that some read's begins with:
//     in any other state it is refused.
//   - A text that ends with it never comes back once it is left, see [Once].
//
// A piece that no read was told of leads elsewhere wherever it is appended: all such
// appends become one, and so do all such puts.

// texts is what reads were told of a key.
type texts struct {
	o      *Object
	first  []string // one of them was there at first
	read   []string // each once, sorted
	byRead map[string]int32
	pieces map[string]*piece
	marked bool
	mark   byte
	ends   bool // the mark is at the end of a piece
}

// piece is what is known of a piece.
type piece struct {
	sources int
	seen    int64 // the earliest return of the reads that have it
	last    int64 // and the latest
}

// reduceKV leaves out puts and appends of unknown outcome whose text is part of no
// text that was read after their call. Had one happened, then until the next put
// every text would have it in it, so nobody looked; and after that it is gone.
//
// Where nobody knows what was there at first, it becomes one of a few texts, with all
// of which the search begins.
func reduceKV(s *Spec[Text], o *Object) *Object {
	first, known := firstTexts(o)
	t := newTexts(o, first, known)
	o = o.filter(func(i int) bool {
		op := o.Op(i)
		return op.Known() || op.Kind != history.Read && t.seenAfter(kvText(o.H, op.Value), op.Call)
	})
	if !known {
		return o
	}
	s.Initial = func(*Object) []Text {
		states := make([]Text, len(first))
		for i, text := range first {
			states[i] = Text{Text: text}
		}
		return states
	}
	s.Observes = func(op Op) bool { return op.Kind == history.Read }
	o = o.with(slices.Clone(o.Ops), o.Index)
	if t.marked {
		t.settle(o)
		t.once(s, o)
	}
	s.Step = t.step
	return o
}

func newTexts(o *Object, first []string, known bool) *texts {
	t := &texts{o: o, first: first, byRead: map[string]int32{}, pieces: map[string]*piece{}}
	for i := range o.Ops {
		if op := o.Op(i); op.Kind == history.Read && op.Known() && op.Result != history.None {
			t.read = append(t.read, kvText(o.H, op.Result))
		}
	}
	slices.Sort(t.read)
	t.read = slices.Compact(t.read)
	for n, text := range t.read {
		t.byRead[text] = int32(n)
	}
	if !known {
		return t // a piece may be part of what was there at first
	}
	if t.findMark(); t.marked {
		t.findPieces()
	}
	return t
}

// findMark finds the byte that all pieces begin with, or end with.
func (t *texts) findMark() {
	var pieces []string
	for i := range t.o.Ops {
		if op := &t.o.Ops[i]; op.Kind != history.Read {
			if text := kvText(t.o.H, op.Value); text != "" {
				pieces = append(pieces, text)
			}
		}
	}
	if len(pieces) == 0 {
		return
	}
	marks := func(at func(text string) int) bool {
		mark := pieces[0][at(pieces[0])]
		for _, text := range pieces {
			if text[at(text)] != mark || strings.IndexByte(text, mark) != strings.LastIndexByte(text, mark) {
				return false
			}
		}
		for _, text := range t.first {
			if text != "" && text[at(text)] != mark {
				return false
			}
		}
		t.mark = mark
		return true
	}
	t.marked = marks(func(string) int { return 0 })
	if !t.marked {
		t.marked = marks(func(text string) int { return len(text) - 1 })
		t.ends = t.marked
	}
}

// split lists the pieces of a text. What is no piece nobody brought.
func (t *texts) split(text string) []string {
	var pieces []string
	begin := 0
	for at := range len(text) {
		switch {
		case text[at] != t.mark:
		case t.ends:
			pieces = append(pieces, text[begin:at+1])
			begin = at + 1
		case at > begin:
			pieces = append(pieces, text[begin:at])
			begin = at
		}
	}
	if begin < len(text) {
		pieces = append(pieces, text[begin:])
	}
	return pieces
}

func (t *texts) findPieces() {
	at := func(text string) *piece {
		p := t.pieces[text]
		if p == nil {
			p = &piece{seen: history.Open}
			t.pieces[text] = p
		}
		return p
	}
	for _, text := range t.first {
		for _, one := range t.split(text) {
			at(one).sources++
		}
		if text == "" {
			at(text).sources++
		}
	}
	firstSeen := make([]int64, len(t.read)) // by text: the earliest return of its reads
	lastSeen := make([]int64, len(t.read))  // and the latest
	for i := range firstSeen {
		firstSeen[i] = history.Open
	}
	for i := range t.o.Ops {
		op := t.o.Op(i)
		if op.Kind != history.Read {
			at(kvText(t.o.H, op.Value)).sources++
		} else if op.Known() && op.Result != history.None {
			n := t.byRead[kvText(t.o.H, op.Result)]
			firstSeen[n], lastSeen[n] = min(firstSeen[n], op.Return), max(lastSeen[n], op.Return)
		}
	}
	for n, text := range t.read {
		for _, one := range t.split(text) {
			p := at(one)
			p.seen, p.last = min(p.seen, firstSeen[n]), max(p.last, lastSeen[n])
		}
	}
}

// seenAfter reports whether a piece is part of a text that a read was told that
// returned at an instant or later.
func (t *texts) seenAfter(one string, instant int64) bool {
	if t.marked && one != "" {
		p := t.pieces[one]
		return p.seen != history.Open && p.last >= instant
	}
	for i := len(t.o.Ops) - 1; i >= 0; i-- {
		op := t.o.Op(i)
		if op.Kind == history.Read && op.Known() && op.Result != history.None && op.Return >= instant && strings.Contains(kvText(t.o.H, op.Result), one) {
			return true
		}
	}
	return false
}

// settle brings forward the returns of operations whose piece was seen, and makes one
// of those whose piece was not.
func (t *texts) settle(o *Object) {
	common := map[history.Kind]history.Value{}
	for i := range o.Ops {
		op := &o.Ops[i]
		if op.Kind == history.Read {
			continue
		}
		text := kvText(o.H, op.Value)
		p := t.pieces[text]
		switch {
		case text == "":
		case p.seen == history.Open:
			if _, has := common[op.Kind]; !has {
				common[op.Kind] = op.Value
			}
			op.Value = common[op.Kind]
		case p.sources == 1 && p.seen < op.Return && p.seen >= op.Call:
			op.Outcome, op.Return = history.OK, p.seen
		}
	}
}

// once numbers the texts that were read and never come back.
func (t *texts) once(s *Spec[Text], o *Object) {
	for i := range o.Ops {
		if o.Ops[i].Kind == history.Append && kvText(o.H, o.Ops[i].Value) == "" {
			return // it leaves every text as it is
		}
	}
	numbers := make(map[string]int32, len(t.read))
	for _, text := range t.read {
		last := ""
		if pieces := t.split(text); len(pieces) > 0 {
			last = pieces[len(pieces)-1]
		}
		if p := t.pieces[last]; p != nil && p.sources == 1 {
			numbers[text] = int32(len(numbers))
		}
	}
	number := func(text string) int32 {
		if n, has := numbers[text]; has {
			return n
		}
		return -1
	}
	s.Once = &Once[Text]{
		Count: len(numbers),
		Holds: func(state Text) int32 {
			if state.elsewhere {
				return -1
			}
			return number(state.Text)
		},
		Needs: func(op Op) int32 {
			if op.Kind != history.Read || !op.Known() || op.Result == history.None {
				return -1
			}
			return number(kvText(op.h, op.Result))
		},
	}
}

func (t *texts) step(state Text, op Op) (Text, bool) {
	next := Text{Text: state.Text}
	switch op.Kind {
	case history.Write:
		next.Text = kvText(op.h, op.Value)
	case history.Append:
		if next.elsewhere = state.elsewhere; !next.elsewhere {
			next.Text += kvText(op.h, op.Value)
		}
	default:
		return state, !op.Known() || op.Result == history.None || !state.elsewhere && sameText(op.h, op.Result, state.Text)
	}
	if n := sort.SearchStrings(t.read, next.Text); n == len(t.read) || !strings.HasPrefix(t.read[n], next.Text) {
		next = Text{elsewhere: true}
	}
	if next.elsewhere && t.marked {
		if p := t.pieces[kvText(op.h, op.Value)]; p != nil && p.sources == 1 && p.seen != history.Open {
			return state, false
		}
	}
	return next, true
}
