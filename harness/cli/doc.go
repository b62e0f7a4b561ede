// Package cli is the seatrial command line, one file a command. A program with
// scenarios of its own is five lines:
//
//	package main
//
//	func main() { cli.Main(cli.Set{Scenarios: myscenarios.All(), Findings: myscenarios.TrackRecord()}) }
//
// # Exit codes
//
//	0   pass          everything asked holds; every row of the track record is as recorded
//	1   violation     a property is broken; a control of the track record broke
//	3   error         the machine or the harness failed; nothing can run here (doctor)
//	4   inconclusive  it proved nothing, or was interrupted; a row was not found
//	64  usage         wrong flags, names or files
//
// Of several runs or rows the first of 1, 3, 4, 0 that applies to one of them is
// the exit code. 2 is never used: a Go panic ends with it.
//
// Results go to standard output, progress and errors to standard error. Where
// nothing could be begun, standard output is empty. Progress is shown on a
// terminal only, or with --verbose.
//
// # JSON
//
// With --json standard output holds one JSON document and nothing else. Names of
// fields do not change and are not used for anything else; new ones may come, so a
// reader must ignore those that it does not know. Lists are never null where this
// table does not say "if". Verdicts are "pass", "violation", "error" and
// "inconclusive". Seeds are strings of digits, because 64-bit numbers do not
// survive every reader; only a plan has them as numbers. Fields that end in _seconds, or are called seconds, are
// seconds; those that end in _ns are nanoseconds.
//
//	run
//	  verdict           of all runs together; it is the exit code
//	  counts            how many runs ended how, by verdict; zeros are left out
//	  runs[]            one a run, in the order of the command line: every field of verdict.json
//	                    (package results), and
//	    directory       the run directory
//	    known           if a row of the track record knows a violation of the scenario: its name
//	    beside[]        if there are any: the runs (field run) of this command that ran meanwhile
//	  not_run[]         if there are any: runs that did not come about
//	    scenario, why   its name, and what the machine lacks or "interrupted"
//	  left_out[]        if there are any: scenarios with a known violation that --all or --tag left out
//
//	trackrecord
//	  verdict           of all rows together; it is the exit code
//	  repeat            how often each scenario was to run; 0: until it shows what it must, tries times at most
//	  tries             what "at most" is
//	  rows[]            in the order of the command line
//	    name, about     as in list
//	    broken[]        the checkers that must find a violation; none: the scenario must pass
//	    shows[]         if there are any: the figures of theirs that must be above zero
//	    verdict         pass: as recorded; violation: what must pass broke; error: it could not be
//	                    run; inconclusive: not found, or not often enough
//	    seconds         what its runs took together
//	    comparison      if two or more of its scenarios ran: the page that shows them side by side
//	    finding         the scenario that shows it
//	    controls[]      the scenarios that must pass; each of these has
//	      role          "finding" or "control"
//	      scenario      its name
//	      as_expected   how many runs showed what they must
//	      of            how many there were; as_expected/of is the measured rate
//	      verdict       as of the row
//	      runs[]
//	        role, scenario, try (from 1), verdict, seed, summary, seconds
//	        as_expected whether this run showed what it must
//	        directory, report, again[]   if it ran: where it is, and the commands that run it again
//	  not_run[]         if there are any: rows that an interrupt left
//
//	list
//	  scenarios[]
//	    name            system/family/variant
//	    family, system  parts of it
//	    about           what must hold
//	    versions[]      of the system, the default first
//	    runtimes[]      "process", "pod": where the system runs, the default first
//	    tags[]          "track-record" where a violation is known
//	    load_seconds    how long clients work
//	    about_seconds   an estimate of the whole, images being there
//	    known_violation if there is one: the row of the track record; then controls[] are the scenarios
//	                    that must pass
//	  systems[]         name, versions[], runtimes[], scenarios (how many)
//	  track_record[]    name, about, scenario, broken[], shows[] if any, controls[],
//	                    about_seconds
//	  defects[]         system, name, about, caught_by (a scenario)
//
//	faults
//	  faults[]
//	    name            for instance "black-hole"
//	    kind            "network", "names", "processes", "resources", "disk" or "clients": what it falls on
//	    about           what it does
//	    parameters[]    name, type: the fields of its Go type
//	    runtimes        by "pod" and "process":
//	      applies       whether it exists here
//	      engine        if it does: what does it, for instance "nftables"
//	      why           if it does not: why
//
//	doctor
//	  checks[]
//	    name            for instance "docker"
//	    state           "ok", "warning" or "missing"
//	    text            what was found
//	    inferred        it was concluded from what is installed, not tried
//	    costs, remedy   if something is missing: what does not work, and what to do
//	  runs              the names of the scenarios that can run here, by runtime
//	  lacks[]           scenario, lacks: those that can't, and why
//
//	plan
//	  Harness, Seed     who drew it, and from what
//	  Scenario, Steps   as in plan.json (package harness): exported fields under their Go names, values
//	                    of interfaces with their registered name as "type", durations as Go writes them
//	  LeftOut[]         if there are any: Fault, Reason: of a mix, what does not apply
//
//	check
//	  history           the file that was judged
//	  checks_from       "plan.json", or "its header" for a history without a plan
//	  verdict           of all judges together; it is the exit code
//	  results[]         the judges' answers, as in verdict.json
//
//	gc
//	  removed[]         one line for each thing removed
package cli
