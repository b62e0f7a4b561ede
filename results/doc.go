// Package results is what a run leaves behind for people and programs: the run
// directory, the verdict file and the report page.
//
// # The run directory
//
// Every run has a folder of its own under [Root]:
//
//	<run>-<scenario>/
//	  plan.json        what was to happen, drawn from the seed before anything started
//	  history.jsonl    what clients asked and were told (package history)
//	  journal.jsonl    the undo journal of the faults
//	  verdict.json     a [Run]: the verdict, its proof, the figures
//	  report.html      the same for a person, one file that loads nothing from anywhere
//	  summary.txt      what the terminal was shown
//	  picture.html     on a violation: the failing key, operation by operation
//	  compare.html     of a finding of the track record: its run beside one of each control
//	  logs/<node>.log  what each node printed
//	  data/<node>.tar.gz  on a failure: each node's data directory
//	latest             a link to the run that was started or ended last
//
// [Create] makes it, [Open] finds it again, and [Dir.Finish] brings it to its
// final size: a passing run stays under 10 MB, a failing run keeps what it has.
// A file that was compressed carries ".gz" behind its name; [Dir.OpenFile] reads
// either.
//
// Evidence is saved before anything judges it, so saving must not be what ends a
// run: [Dir.SaveLog] and [Dir.SaveData] note what went wrong in [Dir.Problems]
// and keep what they got.
//
// # The order of calls
//
//	dir, err := results.Create(root, owner.Run, scenario.Name)
//	…                                     // plan, history, journal: dir.Path(results.HistoryFile)
//	dir.SaveLog("n1", func(w io.Writer) error { return cluster.Logs(ctx, "n1", w) })
//	…                                     // the judges
//	err = dir.Finish(run.Verdict == checkers.Pass)
//	run.Files, run.Notes = dir.Files(), append(run.Notes, dir.Problems()...)
//	err = dir.WriteRun(run, recorded)     // verdict.json, report.html, summary.txt
//	err = results.WriteSummary(os.Stdout, run, dir.Path(""), color)
//
// # The report
//
// It is drawn from the history and the judges' results, and knows no kind of
// operation: their texts are History.Describe's. Two things it takes from elsewhere.
// Where the result "lost-acknowledgements" has lost something, its figures
// "lost_from_s" and "lost_to_s" (seconds since the mark "load") are a band across
// the charts, to be seen against those of the faults. And where the history's
// sessions are of several client groups, each group has a lane of its own, and the
// lanes of a proof say whose client it was.
//
// # The comparison
//
// [WriteComparison] puts runs side by side, a column each: what their scenarios say
// differently, the faults, what of the acknowledged was lost and what recovered, and
// along one time axis the faults, the time in which what is lost had been acknowledged,
// and the operations. It draws with the parts of the report, and links to each.
//
// # verdict.json is a contract
//
// The names of its fields do not change and are not reused within one
// [SchemaVersion]; new ones may be added. Durations and times end in "_ns" and
// are nanoseconds; times count from the instant at which the run began, as in
// the history. The seed is a string of digits, because a 64-bit number does not
// survive a reader that knows only floating point (JavaScript, jq).
package results
