package edn

import (
	"bytes"
	"fmt"
	"io"
	"testing"

	"github.com/stretchr/testify/require"
)

const million = 1_000_000

// benchmarkLines is a history of operations of 20 clients, as Jepsen writes it.
func benchmarkLines(operations int) []byte {
	var b bytes.Buffer
	for i := range operations {
		process, time := i%20, int64(i)*1000
		switch i % 3 {
		case 0:
			fmt.Fprintf(&b, "{:type :invoke, :f :write, :value %d, :process %d, :time %d, :index %d}\n", i, process, time, 2*i)
			fmt.Fprintf(&b, "{:type :ok, :f :write, :value %d, :process %d, :time %d, :index %d}\n", i, process, time+500, 2*i+1)
		case 1:
			fmt.Fprintf(&b, "{:type :invoke, :f :read, :value nil, :process %d, :time %d, :index %d}\n", process, time, 2*i)
			fmt.Fprintf(&b, "{:type :ok, :f :read, :value %d, :process %d, :time %d, :index %d}\n", i-1, process, time+500, 2*i+1)
		default:
			fmt.Fprintf(&b, "{:type :invoke, :f :cas, :value [%d %d], :process %d, :time %d, :index %d}\n", i-2, i, process, time, 2*i)
			fmt.Fprintf(&b, "{:type :ok, :f :cas, :value [%d %d], :process %d, :time %d, :index %d}\n", i-2, i, process, time+500, 2*i+1)
		}
	}
	return b.Bytes()
}

func BenchmarkImportRegisterMillion(b *testing.B) {
	benchmarkImport(b, benchmarkLines(million), Options{Model: "cas-register"})
}

func BenchmarkImportListAppendMillion(b *testing.B) {
	var text bytes.Buffer
	for i := range million {
		process, time := i%20, int64(i)*1000
		fmt.Fprintf(&text, "{:type :invoke, :f :txn, :value [[:r %d nil] [:append %d %d]], :process %d, :time %d, :index %d}\n", i%100, i%77, i, process, time, 2*i)
		fmt.Fprintf(&text, "{:type :ok, :f :txn, :value [[:r %d [%d %d %d]] [:append %d %d]], :process %d, :time %d, :index %d}\n",
			i%100, i-300, i-200, i-100, i%77, i, process, time+500, 2*i+1)
	}
	benchmarkImport(b, text.Bytes(), Options{Model: "list-append"})
}

func BenchmarkImportLogMillion(b *testing.B) {
	var text bytes.Buffer
	for i := range million {
		fmt.Fprintf(&text, "INFO  jepsen.util - %d\t:invoke\t:write\t%d\nINFO  jepsen.util - %d\t:ok\t:write\t%d\n", i%20, i, i%20, i)
	}
	benchmarkImport(b, text.Bytes(), Options{Model: "register"})
}

func BenchmarkImportJSONMillion(b *testing.B) {
	var text bytes.Buffer
	for i := range million {
		separator := ",\n"
		if i == 0 {
			separator = "["
		}
		fmt.Fprintf(&text, `%s{"type": "invoke", "f": "write", "value": %d, "process": %d, "time": %d, "index": %d},`+"\n", separator, i, i%20, i*1000, 2*i)
		fmt.Fprintf(&text, `{"type": "ok", "f": "write", "value": %d, "process": %d, "time": %d, "index": %d}`, i, i%20, i*1000+500, 2*i+1)
	}
	text.WriteString("]\n")
	benchmarkImport(b, text.Bytes(), Options{Model: "register"})
}

func benchmarkImport(b *testing.B, text []byte, options Options) {
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		h, err := Import(bytes.NewReader(text), "bench.edn", options)
		require.NoError(b, err)
		require.Len(b, h.Ops, million)
	}
}

func BenchmarkExportRegisterMillion(b *testing.B) {
	text := benchmarkLines(million)
	h, err := Import(bytes.NewReader(text), "bench.edn", Options{Model: "cas-register"})
	require.NoError(b, err)
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		require.NoError(b, Export(io.Discard, h))
	}
}
