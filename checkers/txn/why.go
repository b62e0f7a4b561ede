package txn

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/seatrial/seatrial/harness/history"
)

// why says why one transaction of a list-append history comes before another.
func (l *lists) why(from, to int32, kind int) string {
	switch kind {
	case ww:
		for _, m := range l.h.Transaction(&l.h.Ops[to]) {
			if m.Kind != history.Append {
				continue
			}
			n := l.table.find(m.Key, m.Value)
			if before := l.beforeThis(n); before != nobody && l.table.writes[before].txn == from {
				return say("#1 appended %s to %s after #0's %s%s", l.text(n), l.keyOf(n), l.text(before), l.unseenNote(n))
			}
		}
	case wr:
		for j := range l.h.Transaction(&l.h.Ops[to]) {
			m := &l.h.Transaction(&l.h.Ops[to])[j]
			list := l.h.MicroList(m)
			if len(list) == 0 {
				continue
			}
			if n := l.table.find(m.Key, list[len(list)-1]); n != nobody && l.table.writes[n].txn == from {
				return say("#1 read %s as %s, of which #0 appended %s", l.keyOf(n), l.listText(list), l.text(n))
			}
		}
	case rw:
		return l.whyMissed(from, to)
	}
	return "the one depends on the other"
}

// beforeThis is the append that was right before one, or of which no more is known
// than that it was before; nobody where there is none.
func (l *lists) beforeThis(n int32) int32 {
	w := &l.table.writes[n]
	if w.place == nobody {
		return l.lastOf(l.table.key(n))
	}
	order := l.orderOf(l.table.key(n))
	for i := w.place - 1; i >= 0; i-- {
		if order[i] == nobody || l.table.writes[order[i]].place == i {
			return order[i]
		}
	}
	return nobody
}

func (l *lists) unseenNote(n int32) string {
	if l.table.writes[n].place != nobody {
		return ""
	}
	return fmt.Sprintf(", which is the last in every read: %s is in none", l.text(n))
}

func (l *lists) whyMissed(from, to int32) string {
	for j := range l.h.Transaction(&l.h.Ops[from]) {
		m := &l.h.Transaction(&l.h.Ops[from])[j]
		if !m.Listed {
			continue
		}
		list := l.h.MicroList(m)
		last := nobody
		if len(list) > 0 {
			last = l.table.find(m.Key, list[len(list)-1])
		}
		for _, x := range l.h.Transaction(&l.h.Ops[to]) {
			if x.Kind != history.Append || x.Key != m.Key {
				continue
			}
			n := l.table.find(x.Key, x.Value)
			if l.beforeThis(n) == last {
				return say("#0 read %s as %s, without #1's append of %s", l.keyOf(n), l.listText(list), l.text(n))
			}
		}
	}
	return say("#0 read what #1 appended to")
}

// why says why one transaction of an rw-register history comes before another.
func (r *registers) why(from, to int32, kind int) string {
	h := r.h
	read := func(j uint32) bool {
		return h.Micros[j].Kind == history.Read && h.Micros[j].Value != history.None
	}
	one, other := &h.Ops[from], &h.Ops[to]
	if kind == wr {
		for j := other.Offset; j < other.Offset+other.Count; j++ {
			if n := r.version(j); read(j) && n != nobody && !r.isFirst(n) && r.table.writes[n].txn == from {
				return say("#1 read %s as %s, which #0 wrote", r.keyOf(n), r.text(n))
			}
		}
		return say("#1 read what #0 wrote")
	}
	for j := one.Offset; j < one.Offset+one.Count; j++ {
		if kind == rw && !read(j) || kind == ww && h.Micros[j].Kind != history.Write {
			continue
		}
		older := r.version(j)
		for k := other.Offset; k < other.Offset+other.Count; k++ {
			if x := &h.Micros[k]; x.Kind != history.Write || x.Key != h.Micros[j].Key {
				continue
			}
			newer := r.version(k)
			if because, follows := r.follows(older, newer, to); follows {
				verb := "read"
				if kind == ww {
					verb = "wrote"
				}
				return say("#0 %s %s as %s, and #1 wrote %s over it%s", verb, r.keyOf(newer), r.versionText(older), r.text(newer), because)
			}
		}
	}
	return say("#1 wrote over what #0 saw")
}

// follows says how it is known that a version is newer than another.
func (r *registers) follows(older, newer, writer int32) (string, bool) {
	for _, u := range r.updates {
		if u == pair(older, writer) {
			return ", having read the same", true
		}
	}
	for _, a := range r.assumed {
		if slices.Contains(a.order, versions{older, newer}) {
			return ", later by " + a.source, true
		}
	}
	return ", as what it held at first is before all that was written", r.isFirst(older)
}

func (a *analysis) listText(list []history.Value) string {
	const shown = 8
	var texts []string
	for i, v := range list {
		if len(list) > shown && i >= 2 && i < len(list)-3 {
			if i == 2 {
				texts = append(texts, "…")
			}
			continue
		}
		texts = append(texts, a.h.Text(v))
	}
	return "[" + strings.Join(texts, " ") + "]"
}

// name is that of a key, in quotes where it could be misread.
func name(h *history.History, key history.Key) string {
	text := h.KeyName(key)
	if text == "" || strings.ContainsAny(strings.TrimPrefix(text, ":"), " \t\r\n\",;:#") || strconv.Quote(text) != `"`+text+`"` {
		return strconv.Quote(text)
	}
	return text
}

func ordinal(n int) string {
	suffix := "th"
	if n%100 < 11 || n%100 > 13 {
		switch n % 10 {
		case 1:
			suffix = "st"
		case 2:
			suffix = "nd"
		case 3:
			suffix = "rd"
		}
	}
	return strconv.Itoa(n) + suffix
}

func joinAnd(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:len(words)-1], ", ") + " and " + words[len(words)-1]
}
