package script

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/seatrial/seatrial/harness/history"
	"github.com/seatrial/seatrial/workloads"
)

// steps reads the steps of a transaction, for instance "read A, write B".
func (c *compiler) steps(text string) ([]history.Step, error) {
	if strings.TrimSpace(text) == "" {
		return nil, nil
	}
	var steps []history.Step
	for words := range strings.SplitSeq(text, ",") {
		kind, key, value, err := c.words(words)
		if err != nil {
			return nil, err
		}
		switch kind {
		case history.Read:
			steps = append(steps, history.Reads(key, history.None))
		case history.ReadList:
			steps = append(steps, history.Asks(key))
		case history.Write:
			steps = append(steps, history.Writes(key, value))
		case history.Append:
			steps = append(steps, history.Appends(key, value))
		case history.Add:
			steps = append(steps, history.Adds(key, value))
		default:
			return nil, fmt.Errorf("a transaction has no step %v: want read, write, append, read-list or add", kind)
		}
		c.finally(kind, key, true)
	}
	return steps, nil
}

// operation reads one operation, for instance "append l".
func (c *compiler) operation(text string) (workloads.Operation, error) {
	kind, key, value, err := c.words(text)
	if err != nil {
		return workloads.Operation{}, err
	}
	op := workloads.Operation{Kind: kind, Key: key, Value: value, Expect: history.None}
	c.finally(kind, key, false)
	return op, nil
}

// words reads what is done, to which key, and with which value.
func (c *compiler) words(text string) (kind history.Kind, key string, value history.Value, err error) {
	fail := func(err error) (history.Kind, string, history.Value, error) { return 0, "", history.None, err }
	words := strings.Fields(text)
	if len(words) < 2 {
		return fail(fmt.Errorf("%q: want what is done and a key, for instance \"read x\"", text))
	}
	kind, known := history.ParseKind(words[0])
	if !known || kind == history.Txn {
		return fail(fmt.Errorf("%q: there is no operation %q", text, words[0]))
	}
	key, value = words[1], history.None
	if strings.Contains(key, "#") {
		if c.rounds == "" {
			return fail(fmt.Errorf("%q: a # stands for the round's number, and this is not in a Repeat", text))
		}
		key = strings.ReplaceAll(key, "#", c.rounds)
	}
	rest := words[2:]
	switch kind {
	case history.Write, history.CAS, history.Append, history.Enqueue:
		c.value++
		value = history.Int(c.value)
	case history.Add:
		if len(rest) == 0 {
			return fail(fmt.Errorf("%q: say how much", text))
		}
		n, err := strconv.ParseInt(rest[0], 10, 64)
		if err != nil || n < history.MinInt || n > history.MaxInt {
			return fail(fmt.Errorf("%q: %q is no amount", text, rest[0]))
		}
		value, rest = history.Int(n), rest[1:]
	}
	if len(rest) > 0 {
		return fail(errors.Join(fmt.Errorf("%q: too many words: the script draws what is written", text)))
	}
	return kind, key, value, nil
}

// finally notes a key to be read when everything is over, as it was used.
func (c *compiler) finally(kind history.Kind, key string, transaction bool) {
	var reads []workloads.FinalRead
	op := workloads.Operation{Key: key, Value: history.None, Expect: history.None}
	switch kind {
	case history.Read, history.Write, history.CAS, history.Add:
		op.Kind = history.Read
		if transaction {
			op = workloads.TransactionOf(history.Reads(key, history.None))
		}
		reads = []workloads.FinalRead{{Operation: op}}
	case history.Append, history.ReadList, history.ReadLocal:
		if transaction {
			reads = []workloads.FinalRead{{Operation: workloads.TransactionOf(history.Asks(key))}}
			break
		}
		op.Kind = history.ReadList
		reads = append(reads, workloads.FinalRead{Operation: op})
		op.Kind = history.ReadLocal
		reads = append(reads, workloads.FinalRead{Operation: op, EachNode: true})
	default:
		return
	}
	for _, read := range reads {
		id := fmt.Sprint(read.Operation.Kind, read.EachNode, len(read.Operation.Steps) > 0, kind.ReadsList() || kind == history.Append, key)
		if !c.seen[id] {
			c.seen[id] = true
			c.final = append(c.final, read)
		}
	}
}
