package history

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// The recording child writes to this file until it is killed, and says on its
// standard output what it has recorded.
const envRecordTo = "SEATRIAL_TEST_RECORD_TO"

func TestMain(m *testing.M) {
	if path := os.Getenv(envRecordTo); path != "" {
		recordForEver(path)
	}
	os.Exit(m.Run())
}

func recordForEver(path string) {
	r, err := create(path, Header{}, func(m *mapping) { m.step = 16 << 10 })
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	var clients sync.WaitGroup
	for process := range int32(3) {
		clients.Go(func() {
			for i := int64(0); ; i++ {
				call := r.Invoke(process, Write, "r1", Int(i), None)
				report(process, "call", i, call)
				ret := r.Complete(process, Write, OK, None, false)
				report(process, "ok", i, ret)
			}
		})
	}
	clients.Go(func() { recordTransactions(r, 3) })
	clients.Wait()
}

func recordTransactions(r *Recorder, process int32) {
	for i := int64(0); ; i++ {
		call := r.InvokeTxn(process, "", []Step{Appends("l", Int(i)), Asks("l")})
		report(process, "call", i, call)
		ret := r.CompleteTxn(process, []Step{Appends("l", Int(i)), Lists("l", Int(i))})
		report(process, "ok", i, ret)
	}
}

// report writes one line at once; a line shorter than PIPE_BUF is never torn.
func report(process int32, event string, i, time int64) {
	if _, err := fmt.Fprintf(os.Stdout, "%d %s %d %d\n", process, event, i, time); err != nil {
		os.Exit(1)
	}
}

func TestNothingRecordedIsLostWhenTheProcessIsKilled(t *testing.T) {
	// Killed at different lengths, so that growing the file is among what is interrupted.
	for _, reports := range []int{1, 100, 401, 1777, 5003, 9001} {
		t.Run(strconv.Itoa(reports), func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "history.jsonl")
			said := killAfter(t, path, reports)
			require.GreaterOrEqual(t, len(said), reports)
			h, err := ReadFile(path)
			require.NoError(t, err)
			requireRecorded(t, h, said)
		})
	}
}

// killAfter runs the child, kills it after so many reports, and returns all that
// it reported until it was dead.
func killAfter(t *testing.T, path string, reports int) []string {
	t.Helper()
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), envRecordTo+"="+path)
	var complaints bytes.Buffer
	child.Stderr = &complaints
	pipe, err := child.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, child.Start())
	var said []string
	lines := bufio.NewReader(pipe)
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			require.ErrorIs(t, err, io.EOF)
			break
		}
		said = append(said, strings.TrimSpace(line))
		if len(said) == reports {
			require.NoError(t, child.Process.Kill())
		}
	}
	err = child.Wait()
	require.ErrorContains(t, err, "signal: killed", complaints.String())
	return said
}

func requireRecorded(t *testing.T, h *History, said []string) {
	t.Helper()
	recorded := map[string]bool{}
	for _, o := range h.Ops {
		asked, told := o.Value, o.Value
		if o.Kind == Txn {
			steps := h.Transaction(&o)
			asked = steps[0].Value
			if steps[1].Listed {
				told = h.MicroList(&steps[1])[0]
			}
		}
		recorded[fmt.Sprintf("%d call %d %d", o.Process, asked, o.Call)] = true
		if o.Outcome == OK {
			recorded[fmt.Sprintf("%d ok %d %d", o.Process, told, o.Return)] = true
		}
	}
	for _, s := range said {
		require.True(t, recorded[s], "%q was recorded before the kill and is not in the file", s)
	}
}

// A kill in the middle of a copy is too rare to be hit by killing: here the
// record's bytes arrive in every order in which memmove may store them.
func TestAnInterruptedCopyIsATornEnd(t *testing.T) {
	r, path := newRecorder(t, Header{})
	r.Invoke(1, Write, "x", 1, None)
	before, err := os.ReadFile(path)
	require.NoError(t, err)
	end := bytes.IndexByte(before, 0)
	before = before[:end+200]
	record := r.lines.completion(nil, 1<<40, 1, OK, None, false)
	require.NoError(t, r.Close())
	for from := 1; from < len(record); from++ {
		for to := from; to <= len(record); to++ {
			text := bytes.Clone(before)
			copy(text[end+from:], record[from:to])
			h, err := Decode(bytes.NewReader(text))
			require.NoError(t, err)
			require.Equal(t, Info, h.Ops[0].Outcome)
			require.Equal(t, len(text)-end, h.Torn)
		}
	}
}
