package edn

import (
	"slices"
	"strconv"

	"github.com/seatrial/seatrial/harness/history"
)

// A transaction's value is [[:r x nil] [:append x 1]], in Knossos's words
// [[:read :x nil] [:write :x 1]]. Its reads are told what they found by the
// completion, and only where that is :ok.

// transaction takes the micro-operations of an invocation, or of an :ok completion.
func (im *importer) transaction(o *history.Op, n int, e *event) bool {
	p := im.p
	if n < 0 || p.nodes[n].kind != kindVector && p.nodes[n].kind != kindList {
		return p.wrong(im.where(n, e), "a transaction needs a :value of micro-operations, such as %s", im.model.example())
	}
	count := 0
	for i := n + 1; i < p.next(n); i = p.next(i) {
		count++
	}
	im.steps(o, count)
	at := int(o.Offset)
	for i := n + 1; i < p.next(n); i = p.next(i) {
		if !im.micro(o, &im.h.Micros[at], i) {
			return false
		}
		at++
	}
	return true
}

func (m *model) example() string {
	if m.lists {
		return "[[:r :x nil] [:append :x 1]]"
	}
	return "[[:r :x nil] [:w :x 1]]"
}

// steps makes room for an operation's micro-operations, where it has them already
// in the same place.
func (im *importer) steps(o *history.Op, count int) {
	if int(o.Count) != count {
		o.Offset, o.Count = 0, uint32(count)
		if count > 0 {
			o.Offset = uint32(len(im.h.Micros))
			im.h.Micros = slices.Grow(im.h.Micros, count)[:len(im.h.Micros)+count]
		}
	}
}

// micro reads one micro-operation.
func (im *importer) micro(o *history.Op, m *history.Micro, n int) bool {
	p := im.p
	if k := p.nodes[n].kind; k != kindVector && k != kindList || !p.parts(n, 3) && !p.parts(n, 2) {
		return p.expectedAt(p.at(n), "a micro-operation of a transaction, such as [:r :x nil]")
	}
	key := p.next(n + 1)
	value := p.next(key)
	if value == p.next(n) {
		value = -1 // [:r :x]
	}
	*m = history.Micro{Key: im.microKey(o, key), Value: history.None}
	switch name := string(p.name(n + 1)); {
	case name == "r" || name == "read":
		return im.microRead(o, m, value)
	case im.model.lists && name == "append":
		m.Kind = history.Append
	case !im.model.lists && (name == "w" || name == "write"):
		m.Kind = history.Write
	default:
		takes := ":r and :w"
		if im.model.lists {
			takes = ":r and :append"
		}
		return p.wrong(p.at(n+1), "the micro-operation %s means nothing for a %s, whose transactions are of %s", p.appendText(nil, n+1), im.model.name, takes)
	}
	if value < 0 {
		return p.wrong(p.at(n), "the micro-operation needs a value")
	}
	m.Value = im.valueOf(value)
	return true
}

func (im *importer) microRead(o *history.Op, m *history.Micro, value int) bool {
	p := im.p
	m.Kind = history.Read
	if im.model.lists {
		m.Kind = history.ReadList
	}
	if o.Outcome != history.OK || value < 0 || im.wild && p.nodes[value].kind == kindNil {
		return true
	}
	if im.model.lists {
		m.Listed = true
		return im.list(value, &m.Offset, &m.Count)
	}
	m.Value = im.valueOf(value)
	return true
}

// microKey is the key of a micro-operation. Those of a transaction that is itself
// on an independent key k are keys [k x]: x of one k is not x of another.
func (im *importer) microKey(o *history.Op, n int) history.Key {
	p := im.p
	if im.keys.names[o.Key] == "" {
		return im.keyOf(n)
	}
	name := p.written([]byte{'['}, []byte(im.keys.names[o.Key]), true)
	name = append(p.appendText(append(name, ' '), n), ']')
	return history.Key(im.keys.number(name))
}

// transfer takes {:from a, :to b, :amount 5} for two additions.
func (im *importer) transfer(o *history.Op, n int, e *event) bool {
	p := im.p
	from, to, amount := -1, -1, -1
	if n >= 0 && p.nodes[n].kind == kindMap {
		for i := n + 1; i < p.next(n); {
			name := string(p.name(i))
			i = p.next(i)
			switch name {
			case "from":
				from = i
			case "to":
				to = i
			case "amount":
				amount = i
			}
			i = p.next(i)
		}
	}
	if from < 0 || to < 0 || amount < 0 {
		return p.wrong(im.where(n, e), "a transfer needs a :value such as {:from 0, :to 1, :amount 5}")
	}
	value := im.valueOf(amount)
	if !value.IsInt() || !(-value).IsInt() {
		return p.expectedAt(p.at(amount), "an amount, which is an integer")
	}
	im.steps(o, 2)
	im.h.Micros[o.Offset] = history.Micro{Kind: history.Add, Key: im.microKey(o, from), Value: -value}
	im.h.Micros[o.Offset+1] = history.Micro{Kind: history.Add, Key: im.microKey(o, to), Value: value}
	return true
}

// balances takes {account amount, …} for a transaction of reads.
func (im *importer) balances(o *history.Op, n int) bool {
	p := im.p
	if n < 0 || p.nodes[n].kind == kindNil {
		return true
	}
	if p.nodes[n].kind != kindMap {
		return p.expectedAt(p.at(n), "balances such as {0 10, 1 90}")
	}
	first := len(im.h.Micros)
	for i := n + 1; i < p.next(n); {
		account := i
		i = p.next(i)
		m := history.Micro{Kind: history.Read, Key: im.account(o, account), Value: history.None}
		if !im.wild || p.nodes[i].kind != kindNil {
			m.Value = im.valueOf(i)
		}
		im.h.Micros = append(im.h.Micros, m)
		i = p.next(i)
	}
	if count := len(im.h.Micros) - first; count > 0 {
		o.Offset, o.Count = uint32(first), uint32(count)
	}
	return true
}

// account is the key of an account in a map of balances. JSON has only strings for
// names: the account "0" of a read is the account 0 of a transfer.
func (im *importer) account(o *history.Op, n int) history.Key {
	p := im.p
	if !p.json || im.keys.names[o.Key] != "" {
		return im.microKey(o, n)
	}
	name := p.content(n)
	if _, err := strconv.ParseInt(string(name), 10, 64); err == nil {
		return history.Key(im.keys.number(name))
	}
	return im.keyOf(n)
}
