package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/seatrial/seatrial/checkers"
	"github.com/seatrial/seatrial/checkers/model"
	"github.com/seatrial/seatrial/harness/history"
)

// The limits of a judge, from when it has the history.
const (
	judgeTime  = 20 * time.Second
	judgeBytes = int64(2) << 30
	setupTime  = 2 * time.Minute // to make the history
	pollEvery  = 5 * time.Millisecond
)

// answer is what a judge said.
type answer struct {
	Verdict checkers.Verdict `json:"verdict"`
	Took    time.Duration    `json:"took_ns"`
	Method  string           `json:"method,omitempty"`
	// Text is shown in place of a time where there was no verdict.
	Text string `json:"text,omitempty"`

	bytes int64 // at most, beyond the history
}

func (a answer) wrong(want checkers.Verdict) bool {
	return a.Text == "" && a.Verdict != want && a.Verdict != checkers.Inconclusive
}

func (a answer) say(want checkers.Verdict) string {
	switch {
	case a.Text != "":
		return a.Text
	case a.wrong(want):
		return fmt.Sprintf("WRONG: %v", a.Verdict)
	case a.Verdict == checkers.Inconclusive:
		return fmt.Sprintf("inconclusive after %s", took(a.Took))
	default:
		return took(a.Took)
	}
}

func took(d time.Duration) string {
	switch {
	case d < 10*time.Millisecond:
		return fmt.Sprintf("%.1f ms", float64(d)/1e6)
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	default:
		return fmt.Sprintf("%.1f s", d.Seconds())
	}
}

func (a answer) memory() string { return fmt.Sprintf("%d MB", a.bytes>>20) }

// beJudge makes the history of a line, says so, judges it and says what was found.
func beJudge(judge string, line int) error {
	all := cells()
	if line < 0 || line >= len(all) {
		return fmt.Errorf("the table has no line %d", line)
	}
	c := all[line]
	h := c.history()
	debug.FreeOSMemory()
	fmt.Println("ready")
	var a answer
	began := time.Now()
	switch judge {
	case "seatrial":
		result := c.checker.Check(context.Background(), checkers.Evidence{History: h}, checkers.Budget{Time: judgeTime})
		a.Verdict, a.Method = result.Verdict, result.Method
		if result.Verdict == checkers.Error {
			return errors.New(result.Summary)
		}
	case "porcupine":
		a.Verdict = byPorcupine(c, h)
	default:
		return fmt.Errorf("there is no judge %q", judge)
	}
	a.Took = time.Since(began)
	return json.NewEncoder(os.Stdout).Encode(a)
}

// byPorcupine judges key after key, as porcupine by itself would start all at once.
func byPorcupine(c cell, h *history.History) checkers.Verdict {
	for _, object := range model.Objects(h, c.second, h.Initial()) {
		specification, operations := c.second.Porcupine(object)
		if !porcupine.CheckOperations(specification, operations) {
			return checkers.Violation
		}
	}
	return checkers.Pass
}

// ask has a line judged in a process of its own.
func ask(judge string, line int) (answer, error) {
	self, err := os.Executable()
	if err != nil {
		return answer{}, fmt.Errorf("find this program to start a judge: %w", err)
	}
	cmd := exec.Command(self, "-judge", judge, "-line", strconv.Itoa(line))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return answer{}, err
	}
	if err := cmd.Start(); err != nil {
		return answer{}, fmt.Errorf("start a judge: %w", err)
	}
	said := make(chan string)
	go listen(out, said)
	a, err := watch(cmd, said)
	_ = cmd.Process.Kill() // where it has not ended
	for range said {
	}
	if waited := cmd.Wait(); err != nil {
		return a, fmt.Errorf("%s, line %d: %w (%v)", judge, line, err, waited)
	}
	return a, nil
}

func listen(out io.Reader, said chan<- string) {
	defer close(said)
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		said <- lines.Text()
	}
}

// watch waits for a judge's answer and for its limits.
func watch(cmd *exec.Cmd, said <-chan string) (answer, error) {
	setup := time.After(setupTime)
	select {
	case text, open := <-said:
		if !open || text != "ready" {
			return answer{}, fmt.Errorf("expected the judge to say ready, it said %q", text)
		}
	case <-setup:
		return answer{}, fmt.Errorf("the judge did not make the history within %v", setupTime)
	}
	before, peak := resident(cmd.Process.Pid), int64(0)
	over := time.After(judgeTime + time.Second) // a judge with a budget has a moment to say so
	poll := time.NewTicker(pollEvery)
	defer poll.Stop()
	for {
		select {
		case text, open := <-said:
			var a answer
			if !open {
				return a, errors.New("the judge ended without an answer")
			}
			if err := json.Unmarshal([]byte(text), &a); err != nil {
				return a, fmt.Errorf("the judge said %q: %w", text, err)
			}
			a.bytes = peak
			return a, nil
		case <-over:
			return answer{Text: "time", bytes: peak}, nil
		case <-poll.C:
			if peak = max(peak, resident(cmd.Process.Pid)-before); peak > judgeBytes {
				return answer{Text: "memory", bytes: peak}, nil
			}
		}
	}
}

// resident is how much memory a process has, in bytes; 0 where it has ended.
func resident(pid int) int64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(text))
	if len(fields) < 2 {
		return 0
	}
	pages, err := strconv.ParseInt(fields[1], 10, 64)
	if err != nil {
		return 0
	}
	return pages * int64(os.Getpagesize())
}
