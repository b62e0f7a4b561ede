package cli

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/seatrial/seatrial/checkers"
	"github.com/seatrial/seatrial/harness"
	"github.com/seatrial/seatrial/harness/history"
	"github.com/seatrial/seatrial/harness/history/edn"
	"github.com/seatrial/seatrial/results"
)

// judged is one file and what the judges said of it, as --json prints it.
type judged struct {
	// File is the path as it was given, History the file that was read.
	File    string `json:"file"`
	History string `json:"history,omitempty"`
	// Format is "seatrial" or "edn".
	Format string `json:"format,omitempty"`
	Model  string `json:"model,omitempty"`
	// From says what named the checks: the plan, the history's header, or --as.
	From string `json:"checks_from,omitempty"`
	// Options are what the verdict depends on beyond the model.
	Options    []string          `json:"options,omitempty"`
	Operations int               `json:"operations"`
	Verdict    checkers.Verdict  `json:"verdict"`
	Error      string            `json:"error,omitempty"`
	Results    []checkers.Result `json:"results,omitempty"`

	err     error
	history *history.History
	saved   *results.Run // where the file is of a run that got as far as a verdict
}

// judgeFile reads one file and asks its judges.
func (a *app) judgeFile(ctx context.Context, path string, o checkOptions) *judged {
	j := &judged{File: path, Verdict: checkers.Error}
	told := a.tellWhile(path, o.progress)
	defer told.end()
	checks, logs, err := j.read(path, o)
	if err != nil {
		j.err, j.Error = err, err.Error()
		return j
	}
	j.Operations = len(j.history.Ops)
	told.now("judging %d operations of %s", j.Operations, shortPath(j.History))
	j.Results = checks.Judge(ctx, checkers.Evidence{History: j.history, Logs: logs}, checkers.Budget{})
	j.Verdict = checkers.Worst(j.Results)
	return j
}

// read finds out what a file is, reads its history and chooses the checks.
func (j *judged) read(path string, o checkOptions) (checkers.All, fs.FS, error) {
	if _, err := os.Stat(path); err != nil {
		return nil, nil, fmt.Errorf("%s can't be read: %w", path, errors.Unwrap(err))
	}
	dir, err := results.Open(path)
	if err != nil {
		return nil, nil, err
	}
	file, found := dir.History()
	if !found {
		return nil, nil, fmt.Errorf("%s holds no %s: there is nothing to judge", path, results.HistoryFile)
	}
	j.History = file
	own, err := isOwn(file)
	if err != nil {
		return nil, nil, err
	}
	if !own {
		checks, err := j.readEDN(file, o)
		return checks, nil, err
	}
	checks, err := j.readOwn(dir, file, o)
	return checks, dir.Logs(), err
}

// isOwn reports whether a file is a history of seatrial's, by its name or by its
// first line.
func isOwn(path string) (bool, error) {
	if strings.HasSuffix(path, ".gz") {
		return true, nil
	}
	file, err := os.Open(path)
	if err != nil {
		return false, err
	}
	defer file.Close()
	line, err := bufio.NewReaderSize(file, 1<<16).ReadSlice('\n')
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, bufio.ErrBufferFull) {
		return false, fmt.Errorf("read %s: %w", path, err)
	}
	var header map[string]json.RawMessage
	if json.Unmarshal(bytes.TrimSpace(line), &header) == nil && header["seatrial"] != nil {
		return true, nil
	}
	return filepath.Ext(path) == ".jsonl", nil
}

func (j *judged) readOwn(dir *results.Dir, file string, o checkOptions) (checkers.All, error) {
	if o.given["nil-read"] || o.given["unwrap"] {
		return nil, fmt.Errorf("%s is a history of seatrial's: --nil-read and --unwrap are for EDN", file)
	}
	h, err := history.ReadFile(file)
	if err != nil {
		return nil, err
	}
	j.history, j.Format = h, "seatrial"
	if o.report != "" { // it shows the saved run, where there is one
		if saved, err := results.Load(dir.Path("")); err == nil && saved.ID == h.Header.Run && h.Header.Run != "" {
			j.saved = &saved
		}
	}
	if o.given["initial"] {
		h.Header.Initial, h.Header.InitialUnknown = initialOf(o.initial), false
		j.Options = append(j.Options, "initial "+o.initial)
	}
	if o.as == "" {
		checks, from, err := checksFor(dir, h.Header)
		j.From, j.Model = from, h.Header.Model
		return checks, err
	}
	j.From, j.Model, h.Header.Model = "--as", o.as, o.as
	return modelChecks(o.as, o.level, o.judge)
}

func (j *judged) readEDN(path string, o checkOptions) (checkers.All, error) {
	if o.as == "" {
		return nil, fmt.Errorf("%s is no history of seatrial's, which begins with {\"seatrial\": where it is one of Jepsen's in EDN, say of what: --as MODEL, one of %s",
			path, strings.Join(modelNames(), ", "))
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	h, err := edn.Import(file, path, edn.Options{Model: o.as, Initial: o.initial, NilRead: o.nilRead, Unwrap: o.unwrap})
	if err != nil {
		return nil, err
	}
	j.history, j.Format, j.Model, j.From = h, "edn", o.as, "--as"
	for _, name := range slices.Sorted(maps.Keys(h.Header.Options)) {
		if value := h.Header.Options[name]; name != "source" && value != "false" {
			j.Options = append(j.Options, name+" "+value)
		}
	}
	return modelChecks(o.as, o.level, o.judge)
}

// initialOf reads the value of --initial: nil, an integer, or a text.
func initialOf(text string) any {
	if text == "nil" {
		return nil
	}
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return n
	}
	return text
}

// checksFor are the checks that the run's plan names, or those that a history alone
// can be asked: its header says of what it is.
func checksFor(dir *results.Dir, header history.Header) (checks checkers.All, from string, err error) {
	file, err := dir.OpenFile(results.PlanFile)
	if errors.Is(err, fs.ErrNotExist) {
		checks = checkers.All{checkers.Linearizable{}}
		switch {
		case header.Model == "append-list":
			checks = checkers.All{checkers.NothingLost{}, checkers.SetFull{}}
		case slices.Contains(modelNames(), header.Model):
			if checks, err = modelChecks(header.Model, "", checkers.ModelOptions{}); err != nil {
				return nil, "", err
			}
		}
		return append(checks, checkers.LoadFloor{}, checkers.Complete{}), "its header", nil
	} else if err != nil {
		return nil, "", err
	}
	defer file.Close()
	text, err := io.ReadAll(file)
	if err != nil {
		return nil, "", fmt.Errorf("read the plan: %w", err)
	}
	checks, err = harness.PlanChecks(text)
	if err != nil {
		return nil, "", fmt.Errorf("%s: %w", dir.Path(results.PlanFile), err)
	}
	return checks, results.PlanFile, nil
}

// run is what the report shows: the saved run where there is one, with what the
// judges say now.
func (j *judged) run() results.Run {
	h := j.history.Header
	run := results.Run{
		ID: h.Run, Scenario: h.Scenario, System: h.System, Version: h.Version, Options: h.Options, Runtime: h.Runtime,
		Nodes: h.Nodes, Clients: h.Clients, Seed: h.Seed, Versions: results.Versions{Harness: h.Harness},
		Operations: results.CountOperations(j.history),
	}
	if j.saved != nil {
		run = *j.saved
	}
	if run.Scenario == "" {
		run.Scenario = filepath.Base(j.File)
	}
	if started, err := time.Parse(time.RFC3339Nano, h.Started); err == nil && run.Started.IsZero() {
		run.Started = started
	}
	run.Verdict, run.Results = j.Verdict, j.Results
	run.Summary = summaryOf(j.Results)
	return run
}

// summaryOf is the sentence of the result that decided the verdict.
func summaryOf(all []checkers.Result) string {
	worst := checkers.Worst(all)
	for _, r := range all {
		if r.Verdict == worst {
			return r.Summary
		}
	}
	return ""
}
