package history

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"
)

const head = `{"seatrial":1,"seed":7,"initial":null}` + "\n"

const began = `{"t":5,"e":"call","p":3,"f":"write","k":"x","v":1}` + "\n"

const askedList = `{"t":5,"e":"call","p":3,"f":"read-list","k":"x"}` + "\n"

// malformed texts, and where a person is to look.
var malformed = []struct {
	name, text   string
	line, column int
	says         string
}{
	{"empty", "", 1, 1, "the file is empty"},
	{"blank", "\n \n", 3, 1, "the file is empty"},
	{"only NUL bytes", "\x00\x00\x00", 1, 1, "nothing was recorded"},
	{"unfinished header", `{"seatrial":1,"se`, 1, 18, "the header is unfinished"},
	{"no header", began, 1, 1, "the header is missing"},
	{"another format", "{\"type\":\"invoke\"}\n", 1, 1, `an object with the field "seatrial"`},
	{"not JSON", "seatrial\n", 1, 1, "not JSON"},
	{"a list", "[1]\n", 1, 1, "expected"},
	{"schema to come", "{\"seatrial\":2}\n", 1, 1, "schema version 2, and this program reads version 1"},
	{"schema is no number", `{"seatrial":"1"}` + "\n", 1, 15, `expected "seatrial" to be an integer`},
	{"seed is no number", `{"seatrial":1,"seed":"x"}` + "\n", 1, 24, `expected "seed" to be an integer`},
	{"initial value too large", `{"seatrial":1,"initial":9223372036854775807}` + "\n", 1, 1, "the initial value is 9223372036854775807"},
	{"initial value is a fraction", `{"seatrial":1,"initial":0.5}` + "\n", 1, 1, "must be an integer, a string or null"},

	{"no event", head + "hello\n", 2, 1, `expected an event, which begins with {, found "hello"`},
	{"torn in the middle", head + `{"t":5,"e":"ca` + "\n" + began, 2, 12, "expected an event: call, ok"},
	{"missing quote", head + `{"t":5,"e":"call","p":3,"f":"write","k":"x` + "\n", 2, 43, "expected the end of a string, found the end of the line"},
	{"missing comma", head + `{"t":5 "e":"call"}` + "\n", 2, 8, "expected a comma or }"},
	{"trailing comma", head + `{"t":5,}` + "\n", 2, 8, "expected the name of a field"},
	{"missing colon", head + `{"t" 5}` + "\n", 2, 6, "expected a colon"},
	{"rubbish after an event", head + `{"t":5,"e":"ok","p":3} x` + "\n", 2, 24, "expected the end of the line"},
	{"two events on a line", head + strings.TrimSpace(began) + began, 2, 51, "expected the end of the line"},
	{"unknown event", head + `{"t":5,"e":"invoke","p":3}` + "\n", 2, 12, `expected an event: call, ok, fail, info, session, fault or mark, found "\"invoke\""`},
	{"event is a number", head + `{"t":5,"e":1}` + "\n", 2, 12, "expected an event"},
	{"unknown kind", head + `{"t":5,"e":"call","p":3,"f":"delete","k":"x"}` + "\n", 2, 29, "expected a kind of operation, one of [read write cas append read-list read-local enqueue"},
	{"time is a fraction", head + `{"t":5.5,"e":"ok","p":3}` + "\n", 2, 6, "expected a time in nanoseconds"},
	{"time is a string", head + `{"t":"5","e":"ok","p":3}` + "\n", 2, 6, "expected a time in nanoseconds"},
	{"time too large", head + `{"t":9223372036854775808,"e":"ok","p":3}` + "\n", 2, 6, "fits into 64 bits"},
	{"time is Open", head + `{"t":9223372036854775807,"e":"mark","name":"x"}` + "\n", 2, 6, "an end was never seen"},
	{"leading zero", head + `{"t":05,"e":"ok","p":3}` + "\n", 2, 6, "expected a time"},
	{"process negative", head + `{"t":5,"e":"call","p":-3,"f":"read","k":"x"}` + "\n", 2, 23, "a process number is from 0"},
	{"process too large", head + `{"t":5,"e":"session","p":2147483648}` + "\n", 2, 26, "a process number is from 0"},
	{"key is a number", head + `{"t":5,"e":"call","p":3,"f":"read","k":1}` + "\n", 2, 40, "expected a key in quotes"},
	{"value is an object", head + `{"t":5,"e":"call","p":3,"f":"write","k":"x","v":{}}` + "\n", 2, 49, "expected an integer, a string or null"},
	{"value too large", head + `{"t":5,"e":"call","p":3,"f":"write","k":"x","v":4611686018427387904}` + "\n", 2, 49, "expected an integer from -2305843009213693952 to 4611686018427387903"},
	{"bad escape", head + `{"t":5,"e":"call","p":3,"f":"read","k":"a\x"}` + "\n", 2, 42, "expected an escape of JSON"},
	{"half a surrogate pair", head + `{"t":5,"e":"call","p":3,"f":"read","k":"\ud83d!"}` + "\n", 2, 41, "surrogate pair"},
	{"control character", head + "{\"t\":5,\"e\":\"call\",\"p\":3,\"f\":\"read\",\"k\":\"a\tb\"}\n", 2, 42, "expected the end of a string"},
	{"unknown field is not JSON", head + `{"t":5,"new":tru,"e":"ok"}` + "\n", 2, 14, "expected a value of JSON"},
	{"unknown field never ends", head + `{"t":5,"new":[1,2` + "\n", 2, 18, "expected the end of a value"},
	{"mismatch is a number", head + began + `{"t":6,"e":"ok","p":3,"mismatch":1}` + "\n", 3, 34, "expected true or false"},
	{"step is a string", head + `{"t":5,"e":"fault","step":"two"}` + "\n", 2, 31, `expected "step" to be an integer`},

	{"no time", head + `{"e":"ok","p":3}` + "\n", 2, 1, `the event "ok" needs "t"`},
	{"no event name", head + `{"t":1}` + "\n", 2, 1, `needs "e"`},
	{"nothing in it", head + "{}\n", 2, 1, `needs "t"`},
	{"no process", head + `{"t":5,"e":"call","f":"read","k":"x"}` + "\n", 2, 1, `needs "p"`},
	{"no kind", head + `{"t":5,"e":"call","p":1,"k":"x"}` + "\n", 2, 1, `needs "f"`},
	{"no key", head + `{"t":5,"e":"call","p":1,"f":"read"}` + "\n", 2, 1, `needs "k"`},
	{"completion without process", head + `{"t":5,"e":"ok"}` + "\n", 2, 1, `needs "p"`},
	{"session without process", head + `{"t":5,"e":"session"}` + "\n", 2, 1, `needs "p"`},
	{"write of nothing", head + `{"t":5,"e":"call","p":3,"f":"write","k":"x"}` + "\n", 2, 29, "a write needs a value"},
	{"cas without a new value", head + `{"t":5,"e":"call","p":3,"f":"cas","k":"x","x":1}` + "\n", 2, 29, "needs a new value"},
	{"cas without an expected value", head + `{"t":5,"e":"call","p":3,"f":"cas","k":"x","v":1}` + "\n", 2, 29, "needs an expected value"},

	{"completion of nothing", head + `{"t":5,"e":"ok","p":3}` + "\n", 2, 21, `process 3 has nothing under way that could end with "ok"`},
	{"completed twice", head + began + `{"t":6,"e":"ok","p":3}` + "\n" + `{"t":7,"e":"info","p":3}` + "\n", 4, 23, `nothing under way that could end with "info"`},
	{"two at a time", head + began + `{"t":6,"e":"call","p":3,"f":"read","k":"x"}` + "\n", 3, 23, `process 3 calls while its write of "x", called at 5 ns, is under way`},
	{"after info", head + began + `{"t":6,"e":"info","p":3}` + "\n" + `{"t":7,"e":"call","p":3,"f":"read","k":"x"}` + "\n", 4, 23, "its successor must have a new number"},
	{"return before call", head + began + `{"t":4,"e":"ok","p":3}` + "\n", 3, 6, "time goes back: process 3 was at 5 ns before and is now at 4 ns"},
	{"call before return", head + began + `{"t":9,"e":"ok","p":3}` + "\n" + `{"t":8,"e":"call","p":3,"f":"read","k":"x"}` + "\n", 4, 6, "time goes back"},
	{"mismatch of a write", head + began + `{"t":9,"e":"ok","p":3,"mismatch":true}` + "\n", 3, 34, "only a compare-and-set"},
	{"result of info", head + began + `{"t":9,"e":"info","p":3,"r":1}` + "\n", 3, 29, "has no result"},
	{"append of nothing", head + `{"t":5,"e":"call","p":3,"f":"append","k":"x"}` + "\n", 2, 29, "an append needs an element"},
	{"list never ends", head + askedList + `{"t":9,"e":"ok","p":3,"r":[1,2` + "\n", 3, 31, "expected a comma or ] after the element of a list, found the end of the line"},
	{"list ends at a comma", head + askedList + `{"t":9,"e":"ok","p":3,"r":[1,]}` + "\n", 3, 30, "expected an integer, a string or null"},
	{"list of an object", head + askedList + `{"t":9,"e":"ok","p":3,"r":[1,{}]}` + "\n", 3, 30, "expected an integer, a string or null"},
	{"list of lists", head + askedList + `{"t":9,"e":"ok","p":3,"r":[[1]]}` + "\n", 3, 29, "expected what a step of a transaction does"},
	{"list in a list", head + askedList + `{"t":9,"e":"ok","p":3,"r":[1,[2]]}` + "\n", 3, 30, "expected an integer, a string or null"},
	{"list with a fraction", head + askedList + `{"t":9,"e":"ok","p":3,"r":[12,1.5,2]}` + "\n", 3, 31, "expected an integer, a string or null"},
	{"list with a leading zero", head + askedList + `{"t":9,"e":"ok","p":3,"r":[01,2]}` + "\n", 3, 28, "expected an integer, a string or null"},
	{"list with a number too large", head + askedList + `{"t":9,"e":"ok","p":3,"r":[1,4611686018427387904,2]}` + "\n", 3, 30, "expected an integer from"},
	{"list without commas", head + askedList + `{"t":9,"e":"ok","p":3,"r":[1 2]}` + "\n", 3, 30, "expected a comma or ]"},
	{"answered without a list", head + askedList + `{"t":9,"e":"ok","p":3}` + "\n", 3, 12, "needs its elements"},
	{"a single value for a list", head + askedList + `{"t":9,"e":"ok","p":3,"r":1}` + "\n", 3, 27, "never a single value"},
	{"null for a list", head + askedList + `{"t":9,"e":"ok","p":3,"r":null}` + "\n", 3, 27, "never a single value"},
	{"a list for a write", head + began + `{"t":9,"e":"ok","p":3,"r":[1]}` + "\n", 3, 27, "only reads of lists, drains and transactions are told a list"},
	{"a list that failed", head + askedList + `{"t":9,"e":"fail","p":3,"r":[]}` + "\n", 3, 29, `this one ended with "fail"`},
	{"a list of unknown outcome", head + askedList + `{"t":9,"e":"info","p":3,"r":[]}` + "\n", 3, 29, "has no result"},
	{"mismatch of a list", head + askedList + `{"t":9,"e":"ok","p":3,"r":[],"mismatch":true}` + "\n", 3, 41, "only a compare-and-set"},
	{"a list of a drain that failed", head + `{"t":5,"e":"call","p":3,"f":"drain","k":"q"}` + "\n" + `{"t":9,"e":"fail","p":3,"r":[]}` + "\n", 3, 29, `only a drain that was answered`},
	{"a drain answered without a list", head + `{"t":5,"e":"call","p":3,"f":"drain","k":"q"}` + "\n" + `{"t":9,"e":"ok","p":3}` + "\n", 3, 12, "a drain that was answered (\"ok\") needs its elements"},
	{"enqueue of nothing", head + `{"t":5,"e":"call","p":3,"f":"enqueue","k":"q"}` + "\n", 2, 29, "an enqueue needs an element"},
	{"add of nothing", head + `{"t":5,"e":"call","p":3,"f":"add","k":"c"}` + "\n", 2, 29, "an add needs an amount"},
	{"add of a string", head + `{"t":5,"e":"call","p":3,"f":"add","k":"c","v":"1"}` + "\n", 2, 29, "an add needs an amount"},
	{"add of null", head + `{"t":5,"e":"call","p":3,"f":"add","k":"c","v":null}` + "\n", 2, 29, "an add needs an amount"},
	{"mismatch of a dequeue", head + `{"t":5,"e":"call","p":3,"f":"dequeue","k":"q"}` + "\n" + `{"t":9,"e":"ok","p":3,"r":1,"mismatch":true}` + "\n", 3, 40, "only a compare-and-set"},
	{"a list for a dequeue", head + `{"t":5,"e":"call","p":3,"f":"dequeue","k":"q"}` + "\n" + `{"t":9,"e":"ok","p":3,"r":[1]}` + "\n", 3, 27, "and this is a dequeue"},
	{"a token of unknown outcome", head + `{"t":5,"e":"call","p":3,"f":"acquire","k":"m"}` + "\n" + `{"t":9,"e":"info","p":3,"r":1}` + "\n", 3, 29, "has no result"},

	{"a hole in the file", head + began + "\x00\x00\x00\x00\n" + `{"t":9,"e":"ok","p":3}` + "\n", 3, 1, "the file lost a part"},
	{"a hole in a line", head + `{"t":5,"e":` + "\x00\x00\x00\n" + began, 2, 12, "cut the file before line 2"},
}

func TestMalformedHistoriesAreRefusedAtTheRightPlace(t *testing.T) {
	for _, c := range malformed {
		t.Run(c.name, func(t *testing.T) {
			_, err := Decode(strings.NewReader(c.text))
			var syntax *SyntaxError
			require.ErrorAs(t, err, &syntax)
			require.Contains(t, syntax.Problem, c.says)
			require.Equal(t, [2]int{c.line, c.column}, [2]int{syntax.Line, syntax.Column}, "line and column of: %s", syntax)
			// However the stream is cut into pieces, the answer is the same.
			_, slow := Decode(iotest.OneByteReader(strings.NewReader(c.text)))
			require.Equal(t, err, slow)
		})
	}
}

func TestTornEndsAreDroppedAndCounted(t *testing.T) {
	whole := head + began
	for name, tail := range map[string]string{
		"nothing":                        "",
		"reserved space":                 strings.Repeat("\x00", 10_000),
		"an unfinished line":             `{"t":9,"e":"ok","p`,
		"an unfinished line and NUL":     `{"t":9,"e":"ok","p` + strings.Repeat("\x00", 5000),
		"a record without its beginning": "\x00" + `"t":9,"e":"ok","p":3}` + "\n" + strings.Repeat("\x00", 4000),
		"a record copied in its middle":  "\x00\x00\x00\x00" + `"e":"ok","p` + "\x00\x00\x00",
		"an end inside a string":         `{"t":9,"e":"mark","name":"a}`,
		"an end in the first byte":       "{",
	} {
		t.Run(name, func(t *testing.T) {
			for _, from := range []io.Reader{strings.NewReader(whole + tail), iotest.OneByteReader(strings.NewReader(whole + tail))} {
				h, err := Decode(from)
				require.NoError(t, err)
				require.Equal(t, len(tail), h.Torn)
				require.Len(t, h.Ops, 1)
				require.Equal(t, Info, h.Ops[0].Outcome)
				require.Equal(t, Open, h.Ops[0].Return)
			}
		})
	}
}

func TestAFileWithoutAFinalNewlineIsWhole(t *testing.T) {
	for _, end := range []string{"", " ", "\r\n", "\n\n  "} {
		h, err := Decode(strings.NewReader(head + began + `{"t":9,"e":"ok","p":3}` + end))
		require.NoError(t, err)
		require.Zero(t, h.Torn)
		require.Equal(t, OK, h.Ops[0].Outcome)
	}
	_, err := Decode(strings.NewReader(head + began + `{"t":9,"e":"ok","p":4}`))
	require.ErrorContains(t, err, "nothing under way", "a complete line counts, and is checked")
}

func TestEventsAsOthersMayWriteThem(t *testing.T) {
	h, err := Decode(strings.NewReader(head + "\r\n" +
		"\t{ \"v\" : \"\\u00e9\\ud83d\\ude00\\n\\/\" ,\"x\":null, \"later\":{\"a\":[1,\"}\\\"\",{}]}, \"k\" : \"\\u0072\\u0033\" ," +
		` "f" : "cas", "p":1,"e":"call" , "t" : 10 } ` + "\r\n   \n" +
		`{"nodes":["n1"],"e":"fault","phase":"bit","fault":"kill n1","z":-1.5e3,"detail":"d","step":4,"t":15}` + "\n" +
		`{"r":21,"\u0070":1,"mismatch":true,"more":null,"t":20,"e":"ok","f":"cas"}` + "\n"))
	require.NoError(t, err)
	require.Equal(t, `cas r3 nil→"é😀\n/" refused, saw 21`, h.Describe(0))
	require.Equal(t, int64(20), h.Ops[0].Return)
	require.Equal(t, []FaultEvent{{Time: 15, Step: 4, Phase: "bit", Fault: "kill n1", Nodes: []string{"n1"}, Detail: "d"}}, h.Faults)
}

func TestListsAsOthersMayWriteThem(t *testing.T) {
	h, err := Decode(strings.NewReader(head +
		`{"t":1,"e":"call","p":1,"f":"read-list","k":"l","r":[99]}` + "\n" + // said too early: not listened to
		`{"t":2,"e":"mark","name":"m","r":[98]}` + "\n" +
		`{"r" : [ 97 ],"r":[ 7 ,"two words",` + "\t" + `null , -5,0,4611686018427387903,"\u00e9" ] ,"t":3,"e":"ok","p":1}` + "\n" +
		`{"t":4,"e":"call","p":1,"f":"read-local","k":"l"}` + "\n" + `{"t":5,"e":"ok","p":1,"r":[ ]}` + "\n" +
		`{"t":6,"e":"call","p":1,"f":"read-list","k":"l"}` + "\n" + `{"t":7,"e":"ok","p":1,"r":[7]}` + "\n"))
	require.NoError(t, err)
	require.NoError(t, h.Validate())
	require.Equal(t, `list l → [7 "two words" nil -5 0 4611686018427387903 é]`, h.Describe(0))
	require.Equal(t, "local list l → []", h.Describe(1))
	require.Equal(t, []Value{7}, h.List(&h.Ops[2]))
	require.Len(t, h.Elements, 8, "nothing but what was answered is kept")
}

func TestEventsOutOfTheOrderOfTimeAreSorted(t *testing.T) {
	h, err := Decode(strings.NewReader(head +
		`{"t":50,"e":"mark","name":"late"}` + "\n" + `{"t":10,"e":"mark","name":"early"}` + "\n" +
		`{"t":30,"e":"call","p":1,"f":"read","k":"b"}` + "\n" + `{"t":20,"e":"call","p":2,"f":"read","k":"a"}` + "\n" +
		`{"t":40,"e":"ok","p":1,"r":1}` + "\n" + `{"t":25,"e":"ok","p":2,"r":2}` + "\n"))
	require.NoError(t, err)
	require.NoError(t, h.Validate())
	require.Equal(t, "read a → 2", h.Describe(0))
	require.Equal(t, "read b → 1", h.Describe(1))
	require.Equal(t, "early", h.Marks[0].Name)
}

func TestLargeInitialValuesAreExact(t *testing.T) {
	h, err := Decode(strings.NewReader(`{"seatrial":1,"initial":4611686018427387903}` + "\n"))
	require.NoError(t, err)
	require.Equal(t, Int(MaxInt), h.Initial())
	h, err = Decode(strings.NewReader(`{"seatrial":1,"initial":"none yet"}` + "\n"))
	require.NoError(t, err)
	require.Equal(t, "none yet", h.Text(h.Initial()))
	require.Len(t, h.Strings, 1)
}

func TestCompressedFilesAreReadAsIs(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "history.jsonl")
	var compressed bytes.Buffer
	zip := gzip.NewWriter(&compressed)
	_, err := zip.Write([]byte(head + began))
	require.NoError(t, err)
	require.NoError(t, zip.Close())
	require.NoError(t, os.WriteFile(path+".gz", compressed.Bytes(), 0o644))

	for _, name := range []string{path, path + ".gz"} {
		h, err := ReadFile(name)
		require.NoError(t, err)
		require.Equal(t, "write x = 1 unknown outcome", h.Describe(0))
	}
	require.NoError(t, os.WriteFile(path+".gz", compressed.Bytes()[:compressed.Len()-9], 0o644))
	_, err = ReadFile(path)
	require.ErrorIs(t, err, io.ErrUnexpectedEOF, "a damaged archive is no torn end")
	require.ErrorContains(t, err, path+".gz")
}

func TestErrorsNameTheFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "history.jsonl")
	_, err := ReadFile(path)
	require.ErrorIs(t, err, os.ErrNotExist)
	require.NoError(t, os.WriteFile(path, []byte(head+"{\"t\":1}\n"), 0o644))
	_, err = ReadFile(path)
	require.EqualError(t, err, path+`:2:1: an event needs "e", the event, which is not there`)
}

func TestAFailedReadIsNoSyntaxError(t *testing.T) {
	broken := errors.New("the cable is out")
	_, err := Decode(io.MultiReader(strings.NewReader(head+began), iotest.ErrReader(broken)))
	require.ErrorIs(t, err, broken)
}

func TestLinesMayBeLongerThanABuffer(t *testing.T) {
	long := strings.Repeat("long ", chunk)
	h := NewBuilder(Header{}).Mark(1, "a", long).Write(1, "x", 1, 2, 3).Mark(4, "b", long).History()
	got, err := Decode(bytes.NewReader(encoded(t, h)))
	require.NoError(t, err)
	requireSame(t, h, got)
}
