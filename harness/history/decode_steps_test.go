package history

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// askedTxn is a transaction under way.
const askedTxn = `{"t":5,"e":"call","p":3,"f":"txn","k":"","v":[["read","x"],["write","y",3],["append","z",4],["read-list","z"],["add","a",-5]]}` + "\n"

func txnOf(steps string) string {
	return head + `{"t":5,"e":"call","p":3,"f":"txn","k":"","v":` + steps + `}` + "\n"
}

func answerOf(steps string) string {
	return head + askedTxn + `{"t":9,"e":"ok","p":3,"r":` + steps + `}` + "\n"
}

// malformedSteps are more of malformed. A ¿ is where a person is to look.
var malformedSteps = []struct{ name, text, says string }{
	{"no steps", head + `{"t":5,"e":"call","p":3,"f":¿"txn","k":""}` + "\n", `a transaction needs its steps ("v"), be it []`},
	{"a single value for steps", txnOf(`¿7`), `the value of a transaction ("v") is a list of its steps`},
	{"null for steps", txnOf(`¿null`), `the value of a transaction ("v") is a list of its steps`},
	{"steps of a write", head + `{"t":5,"e":"call","p":3,"f":"write","k":"x","v":¿[["write","x",1]]}` + "\n", `only a transaction has steps ("v"), and this is a write`},
	{"no steps, of a read", head + `{"t":5,"e":"call","p":3,"f":"read","k":"x","v":¿[]}` + "\n", `only a transaction has steps ("v"), and this is a read`},
	{"an expected value", head + `{"t":5,"e":"call","p":3,"f":¿"txn","k":"","x":1,"v":[]}` + "\n", "and no expected value"},
	{"transaction without key", head + `¿{"t":5,"e":"call","p":3,"f":"txn","v":[]}` + "\n", `needs "k"`},
	{"values for steps", txnOf(`[¿1,2]`), `expected a step of a transaction, for instance ["read","x"], found "1"`},
	{"step is a string", txnOf(`[["read","x"],¿"read"]`), "expected a step of a transaction"},
	{"step is empty", txnOf(`[[¿]]`), "expected what a step of a transaction does (read, write, append, read-list or add), in quotes"},
	{"step of an unknown kind", txnOf(`[[¿"delete","x"]]`), `expected what a step of a transaction does (read, write, append, read-list or add), in quotes, found "\"delete\""`},
	{"step of a kind that is no step's", txnOf(`[["read","x"],[¿"cas","x",1,2]]`), "expected what a step of a transaction does"},
	{"transaction in a transaction", txnOf(`[[¿"txn","x",[]]]`), "expected what a step of a transaction does"},
	{"step without a key", txnOf(`[["read"¿]]`), "expected a comma, and the key of a step"},
	{"step whose key is a number", txnOf(`[["read",¿1]]`), "expected the key of a step, in quotes"},
	{"write of nothing in a step", txnOf(`[["write","x"¿]]`), "expected a comma, and the value of a step that changes something"},
	{"write of a list in a step", txnOf(`[["write","x",¿[1]]]`), "expected an integer, a string or null"},
	{"append of nothing in a step", txnOf(`[["append","x",¿]]`), "expected an integer, a string or null"},
	{"add of a string in a step", txnOf(`[["add","x",¿"1"]]`), "expected an integer, which is added"},
	{"add of null in a step", txnOf(`[["add","x",¿null]]`), "expected an integer, which is added"},
	{"two values in a step", txnOf(`[["write","x",1¿,2]]`), "expected ] after a step of a transaction"},
	{"read that was told too early", txnOf(`[["read","x"¿,1]]`), "a read is told nothing before its transaction is answered"},
	{"list that was told too early", txnOf(`[["read-list","x"¿,[]]]`), "a read is told nothing before its transaction is answered"},
	{"steps without a comma", txnOf(`[["read","x"]¿["read","x"]]`), "expected a comma or ] after the step of a transaction"},
	{"steps end at a comma", txnOf(`[["read","x"],¿]`), "expected a step of a transaction"},
	{"steps never end", head + `{"t":5,"e":"call","p":3,"f":"txn","k":"","v":[["read","x"]¿` + "\n", "expected a comma or ] after the step of a transaction, found the end of the line"},
	{"step never ends", head + `{"t":5,"e":"call","p":3,"f":"txn","k":"","v":[["read","x"¿` + "\n", "expected ] after a step of a transaction, found the end of the line"},
	{"step's kind never ends", head + `{"t":5,"e":"call","p":3,"f":"txn","k":"","v":[[¿"` + "\n", "expected what a step of a transaction does"},
	{"step's key never ends", head + `{"t":5,"e":"call","p":3,"f":"txn","k":"","v":[["read","x¿` + "\n", "expected the end of a string"},
	{"bad escape in a step", txnOf(`[["read","¿\x"]]`), "expected an escape of JSON"},

	{"transaction answered without steps", head + askedTxn + `{"t":9,"e":¿"ok","p":3}` + "\n", `a transaction that was answered ("ok") needs its steps`},
	{"transaction answered with a value", answerOf(`¿7`), "a transaction is told its steps"},
	{"transaction answered with values", answerOf(`¿[7,8]`), `is a list of its steps, for instance [["read","x",7]]`},
	{"transaction failed with a value", head + askedTxn + `{"t":9,"e":"fail","p":3,"r":¿7}` + "\n", "a transaction is told its steps"},
	{"transaction failed with steps", head + askedTxn + `{"t":9,"e":"fail","p":3,"r":¿[["read","x",7]]}` + "\n", `only a txn that was answered ("ok") is told a list ("r"), and this one ended with "fail"`},
	{"transaction of unknown outcome with steps", head + askedTxn + `{"t":9,"e":"info","p":3,"r":¿[["read","x",7]]}` + "\n", "has no result"},
	{"mismatch of a transaction", head + askedTxn + `{"t":9,"e":"ok","p":3,"r":[],"mismatch":¿true}` + "\n", "only a compare-and-set"},
	{"steps for a write", head + began + `{"t":9,"e":"ok","p":3,"r":¿[["write","x",1]]}` + "\n", "and this is a write"},
	{"steps for a list", head + askedList + `{"t":9,"e":"ok","p":3,"r":¿[["read-list","x",[1]]]}` + "\n", `only a transaction is told steps ("r"), and this is a read-list`},
	{"no answered step", answerOf(`¿[]`), "the transaction called at 5 ns has 5 steps, and its answer has 0"},
	{"too few steps", answerOf(`¿[["read","x",1]]`), "has 5 steps, and its answer has 1: an answer has the steps that were asked, in their order"},
	{"too many steps", txnOf(`[["read","x"]]`) + `{"t":9,"e":"ok","p":3,"r":¿[["read","x",1],["read","x",1]]}` + "\n", "has 1 step, and its answer has 2"},
	{"another kind", answerOf(`[¿["write","x",1]]`), `step 1 was asked as ["read","x"], called at 5 ns, and is answered as ["write","x",1]`},
	{"another key", answerOf(`[["read","x",1], ¿["write","w",3]]`), `step 2 was asked as ["write","y",3], called at 5 ns, and is answered as ["write","w",3]`},
	{"another value", answerOf(`[["read","x",1],¿["write","y",null]]`), `step 2 was asked as ["write","y",3], called at 5 ns, and is answered as ["write","y",null]`},
	{"another element", answerOf(`[["read","x",1],["write","y",3],¿["append","z","4"]]`), `step 3 was asked as ["append","z",4], called at 5 ns, and is answered as ["append","z","4"]`},
	{"another order", answerOf(`[¿["write","y",3],["read","x",1]]`), `step 1 was asked as ["read","x"]`},
	{"another amount", txnOf(`[["add","a",1]]`) + `{"t":9,"e":"ok","p":3,"r":[¿["add","a",2]]}` + "\n", `step 1 was asked as ["add","a",1]`},
	{"a list for a read", answerOf(`[["read","x",¿[1]]]`), "expected an integer, a string or null"},
	{"a value for a list", txnOf(`[["read-list","x"]]`) + `{"t":9,"e":"ok","p":3,"r":[["read-list","x",¿1]]}` + "\n", "expected the list that a read of a list was told"},
	{"null for a list in a step", txnOf(`[["read-list","x"]]`) + `{"t":9,"e":"ok","p":3,"r":[["read-list","x",¿null]]}` + "\n", "expected the list that a read of a list was told"},
	{"a list of lists in a step", txnOf(`[["read-list","x"]]`) + `{"t":9,"e":"ok","p":3,"r":[["read-list","x",[¿[1]]]]}` + "\n", "expected an integer, a string or null"},
	{"a list in a step never ends", txnOf(`[["read-list","x"]]`) + `{"t":9,"e":"ok","p":3,"r":[["read-list","x",[1¿` + "\n", "expected a comma or ] after the element of a list"},
}

func TestMalformedStepsAreRefusedAtTheRightPlace(t *testing.T) {
	for _, c := range malformedSteps {
		t.Run(c.name, func(t *testing.T) {
			before, after, marked := strings.Cut(c.text, "¿")
			require.True(t, marked)
			_, err := Decode(strings.NewReader(before + after))
			var syntax *SyntaxError
			require.ErrorAs(t, err, &syntax)
			require.Contains(t, syntax.Problem, c.says)
			line, column := 1+strings.Count(before, "\n"), len(before)-strings.LastIndex(before, "\n")
			require.Equal(t, [2]int{line, column}, [2]int{syntax.Line, syntax.Column}, "line and column of: %s", syntax)
		})
	}
}

func TestTransactionsAreReadAsTheyWereAnswered(t *testing.T) {
	h, err := Decode(strings.NewReader(answerOf(`[["read","x",7],["write","y",3],["append","z",4],["read-list","z",[1,2]],["add","a",-5]]`)))
	require.NoError(t, err)
	require.NoError(t, h.Validate())
	require.Equal(t, "txn [read x → 7, write y 3, append z 4, list z → [1 2], add a -5]", h.Describe(0))
	require.Equal(t, []Micro{
		{Kind: Read, Key: 0, Value: 7}, {Kind: Write, Key: 1, Value: 3}, {Kind: Append, Key: 2, Value: 4},
		{Kind: ReadList, Key: 2, Value: None, Offset: 0, Count: 2, Listed: true}, {Kind: Add, Key: 3, Value: -5},
	}, h.Transaction(&h.Ops[0]))
	require.Equal(t, []string{"x", "y", "z", "a", ""}, h.Keys)
}

func TestTransactionsThatWereNotAnsweredAreReadAsTheyWereAsked(t *testing.T) {
	for end, says := range map[string]string{
		"": " unknown outcome", `{"t":9,"e":"info","p":3}`: " unknown outcome", `{"t":9,"e":"fail","p":3}`: " failed",
	} {
		h, err := Decode(strings.NewReader(head + askedTxn + end))
		require.NoError(t, err)
		require.NoError(t, h.Validate())
		require.Equal(t, "txn [read x, write y 3, append z 4, list z, add a -5]"+says, h.Describe(0))
	}
}

func TestReadsOfATransactionMayBeToldNothing(t *testing.T) {
	h, err := Decode(strings.NewReader(txnOf(`[["read","x"],["read-list","z"],["read","y"],["read-list","z"]]`) +
		`{"t":9,"e":"ok","p":3,"r":[["read","x"],["read-list","z"],["read","y",null],["read-list","z",[]]]}` + "\n"))
	require.NoError(t, err)
	require.Equal(t, "txn [read x, list z, read y → nil, list z → []]", h.Describe(0))
}

func TestTransactionsAsOthersMayWriteThem(t *testing.T) {
	h, err := Decode(strings.NewReader(head +
		`{ "v" : [ [ "read" , "\u0078" ] , ["write","\u00e9" ,"two words" ],` + "\t" + `[ "read-list","l"]] ,"r":[["read","w",9]],"k":"group","f":"txn","p":1,"e":"call","t":1}` + "\n" +
		`{"t":2,"e":"mark","name":"m","v":[["read","x"]],"r":[["read-list","l",[98]]]}` + "\n" +
		`{"r":[["read-list","l",[97]]],"v":[["read","x"]],"r" : [ [ "read" , "x" , null ] , ["write","é","two words"],["read-list","l" , [ 7 , "a" ] ] ] ,"t":3,"e":"ok","p":1}` + "\n" +
		`{"t":4,"e":"call","p":1,"f":"txn","k":"","v":[ ]}` + "\n" + `{"t":5,"e":"ok","p":1,"r":[ ]}` + "\n" +
		`{"t":6,"e":"call","p":1,"f":"drain","k":"q"}` + "\n" + `{"t":7,"e":"ok","p":1,"r":[5]}` + "\n"))
	require.NoError(t, err)
	require.NoError(t, h.Validate())
	require.Equal(t, `txn [read x → nil, write é "two words", list l → [7 a]]`, h.Describe(0))
	require.Equal(t, "group", h.KeyName(h.Ops[0].Key))
	require.Equal(t, "txn []", h.Describe(1))
	require.Equal(t, "drain q → [5]", h.Describe(2))
	require.Len(t, h.Elements, 3, "nothing but what was answered is kept")
	require.Len(t, h.Micros, 3, "nothing but what was asked is kept")
}
