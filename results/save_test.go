package results

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seatrial/seatrial/harness/history"
)

func small(t testing.TB) *Dir {
	d := newDir(t)
	d.caps = caps{log: 4000, data: 4000, compress: 8000, passLogs: 2000, passCompress: 3000, passHistory: 2000}
	return d
}

// numbered writes lines in chunks of a size that fits nothing.
func numbered(lines int) func(io.Writer) error {
	return func(w io.Writer) error {
		var text bytes.Buffer
		for i := range lines {
			fmt.Fprintf(&text, "line %d\n", i)
		}
		for text.Len() > 0 {
			if _, err := w.Write(text.Next(613)); err != nil {
				return err
			}
		}
		return nil
	}
}

func TestSaveLogKeepsBothEnds(t *testing.T) {
	for _, lines := range []int{0, 10, 100, 400, 450, 1000, 5000} {
		d := small(t)
		d.SaveLog("n1", numbered(lines))
		var all bytes.Buffer
		require.NoError(t, numbered(lines)(&all))
		saved := read(t, d.Path("logs/n1.log"))
		if all.Len() <= 4000 {
			require.Equal(t, all.String(), saved)
			require.Empty(t, d.Problems())
			continue
		}
		head, rest, found := strings.Cut(saved, "\n[seatrial: ")
		require.True(t, found)
		note, tail, found := strings.Cut(rest, "]\n")
		require.True(t, found)
		require.True(t, strings.HasPrefix(all.String(), head))
		require.True(t, strings.HasSuffix(all.String(), tail))
		require.Equal(t, 4000, len(head)+len(tail))
		require.Equal(t, byteText(int64(all.Len()-4000))+" were cut here", note)
		require.Len(t, d.Problems(), 1)
		require.Contains(t, d.Problems()[0], "the log of n1 was cut")
		require.Equal(t, []string{"logs/n1.log"}, d.Files(), "no scratch file stays")
		entries, err := os.ReadDir(d.Path("logs"))
		require.NoError(t, err)
		require.Len(t, entries, 1)
	}
}

func TestSaveLogKeepsWhatItGot(t *testing.T) {
	d := small(t)
	d.SaveLog("n1", func(w io.Writer) error {
		_, err := io.WriteString(w, "started\n")
		return errors.Join(err, errors.New("the container is gone"))
	})
	saved := read(t, d.Path("logs/n1.log"))
	require.Contains(t, saved, "started\n")
	require.Contains(t, saved, "the container is gone")
	require.Len(t, d.Problems(), 1)
	require.Contains(t, d.Problems()[0], "the log of n1 is incomplete: the container is gone")
}

func TestSaveWhereNothingCanBeWritten(t *testing.T) {
	d := small(t)
	write(t, d.Path("logs"), "a file in the way")
	write(t, d.Path("data"), "a file in the way")
	d.SaveLog("n1", numbered(3))
	d.SaveData("n1", numbered(3))
	require.Len(t, d.Problems(), 2)
}

func TestSaveData(t *testing.T) {
	d := small(t)
	d.SaveData("n1", numbered(100))
	d.SaveData("n2", numbered(5000))
	d.SaveData("n3", func(io.Writer) error { return errors.New("no such container") })
	var all bytes.Buffer
	require.NoError(t, numbered(5000)(&all))
	for node, size := range map[string]int{"n1": 100*8 - 10, "n2": 4000} {
		file, err := d.OpenFile("data/" + node + ".tar")
		require.NoError(t, err)
		text, err := io.ReadAll(file)
		require.NoError(t, errors.Join(err, file.Close()))
		require.Equal(t, all.String()[:size], string(text), node)
	}
	require.Len(t, d.Problems(), 2)
	require.Contains(t, d.Problems()[0], "the data of n2 was cut after 4 kB")
	require.Contains(t, d.Problems()[1], "the data of n3 is incomplete: no such container")
}

func TestFinishOfAFailureKeepsEverything(t *testing.T) {
	d := small(t)
	write(t, d.Path(HistoryFile), strings.Repeat("x", 9000))
	write(t, d.Path(PlanFile), "plan")
	write(t, d.Path(ReportFile), strings.Repeat("x", 9000))
	d.SaveLog("n1", numbered(400))
	d.SaveData("n1", numbered(10))
	before := read(t, d.Path("logs/n1.log"))
	require.NoError(t, d.Finish(false))
	require.Equal(t, []string{"data/n1.tar.gz", "history.jsonl.gz", "logs/n1.log", PlanFile, ReportFile}, d.Files())
	require.Equal(t, before, read(t, d.Path("logs/n1.log")))
	file, err := d.OpenFile(HistoryFile)
	require.NoError(t, err)
	text, err := io.ReadAll(file)
	require.NoError(t, errors.Join(err, file.Close()))
	require.Equal(t, strings.Repeat("x", 9000), string(text))
	require.Empty(t, d.Problems())
}

func TestFinishOfAPass(t *testing.T) {
	d := small(t)
	write(t, d.Path(HistoryFile), strings.Repeat("x", 2999))
	d.SaveLog("n1", numbered(400))
	d.SaveLog("n2", numbered(10))
	d.SaveData("n1", numbered(10))
	require.NoError(t, d.Finish(true))
	require.Equal(t, []string{HistoryFile, "logs/n1.log", "logs/n2.log"}, d.Files(), "no data, and a small history as it is")
	log := read(t, d.Path("logs/n1.log"))
	require.Less(t, len(log), 1100)
	require.Contains(t, log, "line 0\n")
	require.Contains(t, log, "because the run passed]")
	require.True(t, strings.HasSuffix(log, "line 399\n"))
	require.NotContains(t, read(t, d.Path("logs/n2.log")), "seatrial")
}

// Of a history that stays too large its beginning is kept, and is a history.
func TestFinishKeepsThePrefixOfAHistory(t *testing.T) {
	d := small(t)
	var text bytes.Buffer
	text.WriteString(`{"seatrial":1,"seed":7,"initial":null}` + "\n")
	draw := rand.New(rand.NewPCG(1, 1))
	for i := range 2000 {
		fmt.Fprintf(&text, `{"t":%d,"e":"call","p":3,"f":"write","k":"r1","v":%d}`+"\n", 2*i, draw.Int64N(1e15))
		fmt.Fprintf(&text, `{"t":%d,"e":"ok","p":3}`+"\n", 2*i+1)
	}
	write(t, d.Path(HistoryFile), text.String())
	require.NoError(t, d.Finish(true))
	require.Equal(t, []string{"history.jsonl.gz"}, d.Files())

	h, err := history.ReadFile(d.Path(HistoryFile))
	require.NoError(t, err)
	require.NotEmpty(t, h.Ops)
	require.Less(t, len(h.Ops), 2000)
	cut, found := h.Find("cut")
	require.True(t, found)
	require.Equal(t, h.Ops[len(h.Ops)-1].Call, cut.Time&^1, "the mark is at the end")
	require.Len(t, d.Problems(), 1)
	require.Contains(t, d.Problems()[0], "the history was cut after its first")
}

// With the real limits: whatever a passing run has, it stays under 10 MB.
func TestAPassStaysUnderTenMegabytes(t *testing.T) {
	d := newDir(t)
	noise := rand.NewChaCha8([32]byte{1})
	for _, node := range []string{"n1", "n2", "n3", "n4", "n5"} {
		d.SaveLog(node, func(w io.Writer) error { _, err := io.CopyN(w, noise, 3<<20); return err })
		d.SaveData(node, func(w io.Writer) error { _, err := io.CopyN(w, noise, 1<<20); return err })
	}
	require.NoError(t, d.WriteFile(HistoryFile, func(w io.Writer) error {
		line := make([]byte, 64)
		for range 100_000 {
			_, _ = noise.Read(line)
			if _, err := fmt.Fprintf(w, `{"t":1,"x":"%x"}`+"\n", line); err != nil {
				return err
			}
		}
		return nil
	}))
	require.NoError(t, d.Finish(true))
	require.NoError(t, d.WriteRun(sampleRun(), sampleHistory(20_000, sampleFaults())))
	total := int64(0)
	for _, name := range d.Files() {
		info, err := os.Stat(d.Path(name))
		require.NoError(t, err)
		total += info.Size()
	}
	require.Less(t, total, int64(10_000_000))
	require.Greater(t, total, int64(5_000_000), "what fits is kept")
}

func TestZerosCompressAway(t *testing.T) {
	d := newDir(t)
	d.SaveData("n1", func(w io.Writer) error { _, err := w.Write(make([]byte, 8<<20)); return err })
	info, err := os.Stat(d.Path("data/n1.tar.gz"))
	require.NoError(t, err)
	require.Less(t, info.Size(), int64(200_000))
	file, err := os.Open(d.Path("data/n1.tar.gz"))
	require.NoError(t, err)
	defer file.Close()
	_, err = gzip.NewReader(file)
	require.NoError(t, err)
}
