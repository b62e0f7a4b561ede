package history

import (
	"bytes"
	"io"
	"os"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

// BenchmarkRecord measures one event, into files of two million: those of a run
// that is longer than most, and not so much that the disk is what is measured.
func BenchmarkRecord(b *testing.B) {
	const most = 2_000_000
	b.ReportAllocs()
	bytes := int64(0)
	for begun := 0; begun < b.N; begun += most {
		b.StopTimer()
		r, _ := newRecorder(b, Header{})
		b.StartTimer()
		for i := begun; i < min(begun+most, b.N); i += 2 {
			r.Invoke(3, Write, "register-17", Int(int64(i)), None)
			r.Complete(3, Write, OK, None, false)
		}
		b.StopTimer()
		bytes += r.file.end
		require.NoError(b, r.Close())
		require.NoError(b, os.Remove(r.path))
		b.StartTimer()
	}
	b.ReportMetric(float64(bytes)/float64(b.N), "B/event")
}

// BenchmarkRecordParallel measures one event of many clients at once.
func BenchmarkRecordParallel(b *testing.B) {
	r, _ := newRecorder(b, Header{})
	b.ReportAllocs()
	b.SetParallelism(8)
	b.RunParallel(func(pb *testing.PB) {
		for invoke := true; pb.Next(); invoke = !invoke {
			if invoke {
				r.Invoke(3, CAS, "register-17", 2, 1)
			} else {
				r.Complete(3, CAS, OK, 7, true)
			}
		}
	})
	require.NoError(b, r.Err())
}

func BenchmarkCounts(b *testing.B) {
	r, _ := newRecorder(b, Header{})
	for b.Loop() {
		if r.Counts().Total() != 0 {
			b.Fatal("counted what never was")
		}
	}
}

// million is a history of that many operations by 50 clients on 100 keys, 5 %
// of them with unknown outcomes.
func million() *History {
	const operations, clients = 1_000_000, 50
	b := NewBuilder(Header{Model: "cas-register", UniqueValues: true, Clients: clients})
	process, next := make([]int32, clients), int32(clients)
	for i := range process {
		process[i] = int32(i)
	}
	for i := range int64(operations) {
		slot := i % clients
		key := "r" + strconv.Itoa(int(i*7919%100))
		call := 1_000_000_000 + i*10_000
		ret := call + clients*10_000 - 1_000 - slot
		outcome := OK
		if i%20 == 19 {
			outcome = Info
		}
		switch i % 3 {
		case 0:
			b.Op(process[slot], Write, key, Int(i), None, None, outcome, call, ret)
		case 1:
			result := None
			if outcome == OK {
				result = Int(i - 1)
			}
			b.Op(process[slot], Read, key, None, None, result, outcome, call, ret)
		default:
			b.Op(process[slot], CAS, key, Int(i), Int(i-2), None, outcome, call, ret)
		}
		if outcome == Info {
			process[slot], next = next, next+1
		}
	}
	return b.History()
}

// BenchmarkDecode1M measures reading a million operations from memory.
func BenchmarkDecode1M(b *testing.B) {
	var text bytes.Buffer
	require.NoError(b, Encode(&text, million()))
	b.SetBytes(int64(text.Len()))
	b.ReportAllocs()
	for b.Loop() {
		h, err := Decode(bytes.NewReader(text.Bytes()))
		if err != nil || len(h.Ops) != 1_000_000 {
			b.Fatal(err)
		}
	}
}

// BenchmarkDecodeLists measures reading 5,000 lists of 400 elements from memory.
func BenchmarkDecodeLists(b *testing.B) {
	const lists, elements = 5_000, 400
	builder := NewBuilder(Header{Model: "append-list"})
	for i := range int64(lists) {
		builder.List(1, "l"+strconv.Itoa(int(i%100)), ints(elements), 1000*i, 1000*i+900)
	}
	var text bytes.Buffer
	require.NoError(b, Encode(&text, builder.History()))
	b.SetBytes(int64(text.Len()))
	b.ReportAllocs()
	for b.Loop() {
		h, err := Decode(bytes.NewReader(text.Bytes()))
		if err != nil || len(h.Elements) != lists*elements {
			b.Fatal(err)
		}
	}
}

// BenchmarkEncode measures writing a million operations.
func BenchmarkEncode(b *testing.B) {
	h := million()
	b.ReportAllocs()
	for b.Loop() {
		if err := Encode(io.Discard, h); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkRecordTransactions measures one event of transactions of four steps,
// into files of half a million.
func BenchmarkRecordTransactions(b *testing.B) {
	const most = 500_000
	asked := []Step{Reads("register-17", None), Writes("register-18", 1_000_000), Appends("list-3", 2_000_000), Asks("list-3")}
	answered := []Step{Reads("register-17", 999_999), asked[1], asked[2], Lists("list-3", ints(5)...)}
	b.ReportAllocs()
	bytes := int64(0)
	for begun := 0; begun < b.N; begun += most {
		b.StopTimer()
		r, _ := newRecorder(b, Header{})
		b.StartTimer()
		for i := begun; i < min(begun+most, b.N); i += 2 {
			r.InvokeTxn(3, "", asked)
			r.CompleteTxn(3, answered)
		}
		b.StopTimer()
		bytes += r.file.end
		require.NoError(b, r.Close())
		require.NoError(b, os.Remove(r.path))
		b.StartTimer()
	}
	b.ReportMetric(float64(bytes)/float64(b.N), "B/event")
}

// transactions is a history of that many transactions by 20 clients, of one to
// four steps on 100 lists.
func transactions(n int) *History {
	const clients = 20
	b := NewBuilder(Header{Model: "list-append", Clients: clients})
	steps := make([]Step, 0, 4)
	for i := range int64(n) {
		steps = steps[:0]
		for step := range 1 + i%4 {
			key := "l" + strconv.Itoa(int((i*7919+step)%100))
			if (i+step)%2 == 0 {
				steps = append(steps, Appends(key, Int(i*4+step)))
			} else {
				steps = append(steps, Lists(key, ints(int(i%10))...))
			}
		}
		call := 1_000_000_000 + i*10_000
		b.Txn(int32(i%clients), OK, call, call+clients*10_000-1_000, steps...)
	}
	return b.History()
}

// BenchmarkDecodeTransactions measures reading a million transactions of 2.5
// million steps from memory.
func BenchmarkDecodeTransactions(b *testing.B) {
	var text bytes.Buffer
	require.NoError(b, Encode(&text, transactions(1_000_000)))
	b.SetBytes(int64(text.Len()))
	b.ReportAllocs()
	for b.Loop() {
		h, err := Decode(bytes.NewReader(text.Bytes()))
		if err != nil || len(h.Micros) != 2_500_000 {
			b.Fatal(err)
		}
	}
}

// BenchmarkEncodeTransactions measures writing a million transactions.
func BenchmarkEncodeTransactions(b *testing.B) {
	h := transactions(1_000_000)
	b.ReportAllocs()
	for b.Loop() {
		if err := Encode(io.Discard, h); err != nil {
			b.Fatal(err)
		}
	}
}
