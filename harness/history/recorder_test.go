package history

import (
	"bytes"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

func newRecorder(t testing.TB, header Header) (*Recorder, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "history.jsonl")
	r, err := Create(path, header)
	require.NoError(t, err)
	t.Cleanup(func() { _ = r.Close() })
	return r, path
}

func TestWhatIsRecordedIsReadBack(t *testing.T) {
	r, path := newRecorder(t, Header{Scenario: "made/up", Seed: 42, Initial: 0, Nodes: []string{"n1"}})
	r.Mark("load", "")
	r.Session(Session{Process: 1, Slot: 1, Group: "clients", Node: "n1"})
	text := r.Intern("forty \"two\"")
	call := r.Invoke(1, Write, "x", text, None)
	ret := r.Complete(1, Write, OK, None, false)
	r.Invoke(1, CAS, "x", 3, Nil)
	r.Complete(1, CAS, OK, text, true)
	r.Invoke(1, CAS, "x", 3, text)
	r.Complete(1, CAS, OK, None, false)
	r.Invoke(1, Read, "x", None, None)
	r.Complete(1, Read, Fail, None, false)
	r.Fault(FaultEvent{Step: 1, Phase: "injected", Fault: "kill n1", Nodes: []string{"n1"}, Detail: "pid 1"})
	r.Invoke(1, Read, "x", None, None)
	r.Complete(1, Read, Info, 9, true)
	r.Invoke(2, Read, "x", None, None)
	require.Less(t, call, ret)
	require.LessOrEqual(t, ret, r.Now())

	// Readable while it is being written, and the same after.
	live, err := ReadFile(path)
	require.NoError(t, err)
	require.Positive(t, live.Torn, "the reserved space")
	require.NoError(t, r.Sync())
	require.NoError(t, r.Close())
	h, err := ReadFile(path)
	require.NoError(t, err)
	require.Zero(t, h.Torn)
	requireSame(t, live, h)

	require.Equal(t, int64(42), int64(h.Header.Seed))
	require.NotEmpty(t, h.Header.Started)
	require.Equal(t, call, h.Ops[0].Call)
	require.Equal(t, ret, h.Ops[0].Return)
	var told []string
	for i := range h.Ops {
		told = append(told, h.Describe(i))
	}
	require.Equal(t, []string{
		`write x = "forty \"two\""`,
		`cas x nil→3 refused, saw "forty \"two\""`,
		`cas x "forty \"two\""→3 swapped`,
		`read x failed`,
		`read x unknown outcome`,
		`read x unknown outcome`,
	}, told)
	require.Equal(t, "n1", h.NodeOf(1))
	require.Equal(t, "kill n1", h.Faults[0].Fault)
	mark, found := h.Find("load")
	require.True(t, found)
	require.LessOrEqual(t, mark.Time, h.Sessions[0].Time)

	counts := r.Counts()
	require.Equal(t, int64(6), counts.Total())
	require.Equal(t, int64(3), counts.Invoked(Read))
	require.Equal(t, int64(2), counts.Completed(CAS, OK))
	require.Equal(t, int64(1), counts.Mismatches())
	require.Equal(t, int64(3), counts.Ended(OK))
	require.Equal(t, int64(1), counts.UnderWay())
}

func TestListsAreRecordedAndReadBack(t *testing.T) {
	r, path := newRecorder(t, Header{Model: "append-list"})
	text := r.Intern("garbage [")
	r.Invoke(1, Append, "l", 17, None)
	r.Complete(1, Append, OK, None, false)
	r.Invoke(1, ReadList, "l", None, None)
	elements := []Value{17, text, Nil, Int(-3)}
	r.CompleteList(1, ReadList, elements)
	elements[0] = 99 // the recorder has what it was given
	r.Invoke(1, ReadLocal, "l", None, None)
	r.CompleteList(1, ReadLocal, nil)
	r.Invoke(1, ReadList, "l", None, None)
	r.Complete(1, ReadList, Fail, None, false)
	r.Invoke(1, ReadList, "l", None, None)
	r.Complete(1, ReadList, Info, 5, false)
	require.NoError(t, r.Close())
	counts := r.Counts()
	require.Equal(t, int64(1), counts.Completed(ReadList, OK))
	require.Equal(t, int64(1), counts.Completed(ReadLocal, OK))
	require.Equal(t, int64(1), counts.Completed(ReadList, Info))
	require.Zero(t, counts.UnderWay())

	h, err := ReadFile(path)
	require.NoError(t, err)
	var told []string
	for i := range h.Ops {
		told = append(told, h.Describe(i))
	}
	require.Equal(t, []string{"append l = 17", `list l → [17 "garbage [" nil -3]`, "local list l → []",
		"list l failed", "list l unknown outcome"}, told)
}

func TestRecordingAListAllocatesNothing(t *testing.T) {
	r, _ := newRecorder(t, Header{})
	elements := append(ints(300), r.Intern("a string"))
	r.Invoke(1, ReadList, "l", None, None)
	r.CompleteList(1, ReadList, elements)
	require.Zero(t, testing.AllocsPerRun(1000, func() {
		r.Invoke(1, ReadList, "l", None, None)
		r.CompleteList(1, ReadList, elements)
	}))
}

func TestManyGoroutinesRecordAtOnce(t *testing.T) {
	const clients, operations = 8, 6000 // more than one window of the file holds
	r, path := newRecorder(t, Header{})
	var all sync.WaitGroup
	for client := range int32(clients) {
		all.Go(func() {
			for i := range int64(operations) {
				r.Invoke(client, Write, "r"+strconv.Itoa(int(i%7)), Int(int64(client)<<32|i), None)
				if i%512 == 0 {
					r.Mark("at", r.lineText(i))
				}
				r.Complete(client, Write, OK, r.Intern(strconv.Itoa(int(i%100))), false)
				r.Counts()
			}
		})
	}
	all.Wait()
	require.NoError(t, r.Sync())
	require.NoError(t, r.Close())
	h, err := ReadFile(path)
	require.NoError(t, err)
	require.Len(t, h.Ops, clients*operations)
	next := make([]int64, clients)
	for _, o := range h.Ops {
		require.Equal(t, Int(int64(o.Process)<<32|next[o.Process]), o.Value)
		require.Equal(t, strconv.Itoa(int(next[o.Process]%100)), h.Text(o.Result))
		next[o.Process]++
	}
	require.Equal(t, int64(clients*operations), r.Counts().Completed(Write, OK))
	require.Zero(t, r.Counts().UnderWay())
}

func (r *Recorder) lineText(i int64) string { return "operation " + strconv.Itoa(int(i)) }

func TestFileOrderIsTimeOrder(t *testing.T) {
	r, path := newRecorder(t, Header{})
	var all sync.WaitGroup
	for client := range int32(4) {
		all.Go(func() {
			for range 2000 {
				r.Invoke(client, Read, "x", None, None)
				r.Complete(client, Read, OK, Nil, false)
			}
		})
	}
	all.Wait()
	require.NoError(t, r.Close())
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	last := int64(0)
	for _, line := range bytes.Split(text, []byte("\n"))[1:] {
		if rest, ok := bytes.CutPrefix(line, []byte(`{"t":`)); ok {
			at, err := strconv.ParseInt(string(rest[:bytes.IndexByte(rest, ',')]), 10, 64)
			require.NoError(t, err)
			require.GreaterOrEqual(t, at, last)
			last = at
		}
	}
	require.Positive(t, last)
}

func TestRecordingAllocatesNothing(t *testing.T) {
	r, _ := newRecorder(t, Header{})
	text := r.Intern("a value that is a string")
	r.Invoke(1, CAS, "register-17", text, text)
	r.Complete(1, CAS, OK, text, true)
	require.Zero(t, testing.AllocsPerRun(5000, func() {
		r.Invoke(1, CAS, "register-17", text, text)
		r.Complete(1, CAS, OK, Int(math.MaxInt32), true)
		r.Intern("a value that is a string")
		r.Counts()
	}))
}

func TestCreateNeverOverwrites(t *testing.T) {
	r, path := newRecorder(t, Header{})
	require.NoError(t, r.Close())
	_, err := Create(path, Header{})
	require.ErrorIs(t, err, os.ErrExist)
	require.ErrorContains(t, err, path)
	_, err = Create(path+".other", Header{Initial: []int{1}})
	require.ErrorContains(t, err, "must be an integer, a string or null")
	require.NoFileExists(t, path+".other")
}

func TestWhatComesAfterCloseIsIgnored(t *testing.T) {
	r, path := newRecorder(t, Header{})
	r.Invoke(1, Write, "x", 1, None)
	require.NoError(t, r.Close())
	require.NoError(t, r.Close())
	require.NoError(t, r.Err())
	r.Complete(1, Write, OK, None, false)
	require.ErrorIs(t, r.Err(), ErrClosed)
	require.NoError(t, r.Sync())
	h, err := ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, Info, h.Ops[0].Outcome)
}

func TestMisuseIsAnErrorAndLeavesTheFileReadable(t *testing.T) {
	for name, misuse := range map[string]func(r *Recorder){
		"kind that does not exist":    func(r *Recorder) { r.Invoke(1, Kind(200), "x", None, None) },
		"completion of such a kind":   func(r *Recorder) { r.Complete(1, Kind(200), OK, None, false) },
		"outcome that does not exist": func(r *Recorder) { r.Complete(1, Read, Outcome(9), None, false) },
		"write of nothing":            func(r *Recorder) { r.Invoke(1, Write, "x", None, None) },
		"cas that expects nothing":    func(r *Recorder) { r.Invoke(1, CAS, "x", 1, None) },
		"string of another recorder":  func(r *Recorder) { r.Invoke(1, Write, "x", StringValue(3), None) },
		"result of another recorder":  func(r *Recorder) { r.Complete(1, Read, OK, StringValue(3), false) },
		"append of nothing":           func(r *Recorder) { r.Invoke(1, Append, "x", None, None) },
		"list of a write":             func(r *Recorder) { r.CompleteList(1, Write, nil) },
		"answered without a list":     func(r *Recorder) { r.Complete(1, ReadList, OK, None, false) },
		"a single value for a list":   func(r *Recorder) { r.Complete(1, ReadLocal, Fail, 5, false) },
		"no value in a list":          func(r *Recorder) { r.CompleteList(1, ReadList, []Value{1, None}) },
		"element of another recorder": func(r *Recorder) { r.CompleteList(1, ReadList, []Value{StringValue(3)}) },
		"negative process":            func(r *Recorder) { r.Invoke(-1, Read, "x", None, None) },
	} {
		t.Run(name, func(t *testing.T) {
			r, path := newRecorder(t, Header{})
			r.Invoke(1, Read, "x", None, None)
			misuse(r)
			require.ErrorContains(t, r.Err(), path)
			require.Error(t, r.Close())
			h, err := ReadFile(path)
			require.NoError(t, err)
			require.Len(t, h.Ops, 1)
		})
	}
}
