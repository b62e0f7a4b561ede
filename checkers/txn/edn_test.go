package txn

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seatrial/seatrial/harness/history"
)

// edn reads just as much of EDN as the histories in testdata need: maps, vectors,
// keywords, integers and nil.
type edn struct {
	t    *testing.T
	text string
}

func (e *edn) next() any {
	e.text = strings.TrimLeft(e.text, " ,\n")
	switch e.text[0] {
	case '{', '[':
		end := e.text[0] + 2 // the bracket that closes it
		e.text = e.text[1:]
		list := []any{}
		for {
			e.text = strings.TrimLeft(e.text, " ,\n")
			if e.text[0] == end {
				e.text = e.text[1:]
				return list
			}
			list = append(list, e.next())
		}
	}
	end := strings.IndexAny(e.text, " ,\n]}")
	word := e.text[:end]
	e.text = e.text[end:]
	if word == "nil" {
		return nil
	}
	if n, err := strconv.ParseInt(word, 10, 64); err == nil {
		return n
	}
	require.True(e.t, strings.HasPrefix(word, ":"), word)
	return word[1:]
}

// readEDN reads a history of transactions.
func readEDN(t *testing.T, file string, initial any) *history.History {
	data, err := os.ReadFile(file)
	require.NoError(t, err)
	b := history.NewBuilder(history.Header{Initial: initial})
	type call struct {
		time  int64
		value []any
	}
	open := map[int64]call{}
	for line := range strings.Lines(string(data)) {
		if !strings.HasPrefix(line, "{") {
			continue
		}
		fields := map[string]any{}
		pairs := (&edn{t, line}).next().([]any)
		for i := 0; i < len(pairs); i += 2 {
			fields[pairs[i].(string)] = pairs[i+1]
		}
		process, now, value := fields["process"].(int64), fields["time"].(int64), fields["value"].([]any)
		if fields["type"] == "invoke" {
			open[process] = call{now, value}
			continue
		}
		outcome := map[any]history.Outcome{"ok": history.OK, "fail": history.Fail, "info": history.Info}[fields["type"]]
		b.Txn(int32(process), outcome, open[process].time, now, ednSteps(value, outcome == history.OK, strings.Contains(file, "list-append"))...)
		delete(open, process)
	}
	for process, c := range open {
		b.Txn(int32(process), history.Info, c.time, 0, ednSteps(c.value, false, strings.Contains(file, "list-append"))...)
	}
	return b.History()
}

func ednSteps(value []any, answered, lists bool) []history.Step {
	var steps []history.Step
	for _, item := range value {
		step := item.([]any)
		key := fmt.Sprint(step[1])
		switch {
		case step[0] == "append":
			steps = append(steps, history.Appends(key, history.Int(step[2].(int64))))
		case step[0] == "w":
			steps = append(steps, history.Writes(key, history.Int(step[2].(int64))))
		case lists && answered:
			var elements []history.Value
			if list, ok := step[2].([]any); ok {
				for _, v := range list {
					elements = append(elements, history.Int(v.(int64)))
				}
			}
			steps = append(steps, history.Lists(key, elements...))
		case lists:
			steps = append(steps, history.Asks(key))
		case !answered:
			steps = append(steps, history.Reads(key, history.None))
		case step[2] == nil:
			steps = append(steps, history.Reads(key, history.Nil))
		default:
			steps = append(steps, history.Reads(key, history.Int(step[2].(int64))))
		}
	}
	return steps
}
