package cli

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/seatrial/seatrial/harness"
	"github.com/seatrial/seatrial/harness/cluster"
	"github.com/seatrial/seatrial/harness/cluster/build"
	"github.com/seatrial/seatrial/results"
)

// What is little: below that a run may fail for want of it.
const (
	littleMemory = 2 << 30 // bytes
	littleDisk   = 2 << 30 // bytes
)

// checks are the lines of doctor, what runs can't do without first.
func (m *machine) checks(scenarios []harness.Scenario) []diagnosis {
	var podsOnly []string
	for _, s := range scenarios {
		if slices.Equal(runtimesFor(s), []string{"pod"}) {
			podsOnly = append(podsOnly, s.Name)
		}
	}
	all := append(m.engineChecks(len(podsOnly), len(scenarios)), m.processCheck())
	all = append(all, m.kernelChecks(faultNames(scenarios))...)
	all = append(all, memoryCheck())
	for _, folder := range folders() {
		all = append(all, diskCheck(folder))
	}
	return append(all, m.leftovers.diagnosis())
}

// faultNames are the faults that the scenarios' plans hold, as one seed draws them.
func faultNames(scenarios []harness.Scenario) []string {
	var all []string
	for _, s := range scenarios {
		plan, err := harness.NewPlan(s, 1)
		if err != nil {
			continue // Validate says so where it is run
		}
		for _, step := range plan.Steps {
			if step.Fault != nil {
				all = append(all, step.Fault.FaultName())
			}
		}
		for _, f := range s.Script.Faults() {
			all = append(all, f.FaultName())
		}
	}
	return all
}

func (m *machine) engineChecks(podsOnly, of int) []diagnosis {
	noPods := fmt.Sprintf("no pods: %d of %d scenarios have no other runtime", podsOnly, of)
	docker := diagnosis{Name: "docker", State: stateOK, Text: m.engine}
	if m.ignored != "" {
		docker.State, docker.Costs = stateWarning, "pods go to another engine than DOCKER_HOST names, "+m.ignored+", where none answers"
		docker.Remedy = "correct DOCKER_HOST, or unset it"
	}
	if m.noEngine != nil {
		docker = diagnosis{Name: "docker", State: stateMissing, Text: m.noEngine.Error(), Costs: noPods,
			Remedy: "start a Docker engine, or set DOCKER_HOST to one"}
	}
	toolchain := diagnosis{Name: "go", State: stateOK, Text: m.agent}
	if m.noAgent != nil {
		toolchain = diagnosis{Name: "go", State: stateMissing, Text: oneLine(m.noAgent), Costs: "no agent for pods, and no program of a system that is built from source",
			Remedy: "install Go (https://go.dev/dl); for pods alone SEATRIAL_AGENT=path names an agent that is built already"}
	}
	return append([]diagnosis{docker, toolchain}, m.podChecks(noPods)...)
}

// podChecks are what the two pods showed.
func (m *machine) podChecks(noPods string) []diagnosis {
	if errors.Is(m.pods.failed, errNotTried) {
		return []diagnosis{{Name: "pods", State: stateMissing, Text: oneLine(m.pods.failed)}}
	} else if m.pods.failed != nil {
		return []diagnosis{{Name: "pods", State: stateMissing, Text: oneLine(m.pods.failed), Costs: noPods,
			Remedy: "where pods start and no agent answers, set TESTCONTAINERS_HOST_OVERRIDE to the host of the engine's published ports"}}
	}
	pods := diagnosis{Name: "pods", State: stateOK, Text: m.pods.text}
	packets := diagnosis{Name: "nftables", State: stateOK, Text: "packets between two pods were cut, one way, and nothing came through; after the undo it did"}
	if m.pods.packets != nil {
		packets = diagnosis{Name: "nftables", State: stateMissing, Text: oneLine(m.pods.packets),
			Costs: "black holes, one-way cuts and resets between pods", Remedy: "load nf_tables in the engine's kernel (modprobe nf_tables)"}
	}
	streams := diagnosis{Name: "streams", State: stateOK, Text: fmt.Sprintf("a redirected stream between two pods was delayed by %v", trialDelay)}
	if m.pods.streams != nil {
		streams = diagnosis{Name: "streams", State: stateMissing, Text: oneLine(m.pods.streams),
			Costs: "faults on streams between pods, such as hold and latency", Remedy: "load nft_redir and nf_nat in the engine's kernel"}
	}
	return []diagnosis{pods, packets, streams}
}

func (m *machine) processCheck() diagnosis {
	if m.noProcess != nil {
		return diagnosis{Name: "processes", State: stateMissing, Text: m.noProcess.Error(), Costs: "the process runtime", Remedy: "use pods"}
	}
	return diagnosis{Name: "processes", State: stateOK, Text: "systems can run as processes of this machine"}
}

// kernelChecks are about what no scenario's start would show.
func (m *machine) kernelChecks(faults []string) []diagnosis {
	return []diagnosis{
		netemCheck(m.engineLocal()),
		neededBy(faults, m.fuseCheck(), "disk", "power"),
		clockCheck(),
		neededBy(faults, faketimeCheck(), "clock"),
	}
}

// neededBy says of what is missing where no planned fault needs it: one whose name
// holds one of the words.
func neededBy(faults []string, d diagnosis, words ...string) diagnosis {
	needs := func(name string) bool {
		return slices.ContainsFunc(words, func(word string) bool { return strings.Contains(name, word) })
	}
	if d.State != stateOK && !slices.ContainsFunc(faults, needs) {
		d.Costs += "; no scenario of this program has one"
	}
	return d
}

// netemCheck looks for the kernel's emulator of bad links. Nothing is lost
// without it.
func netemCheck(local bool) diagnosis {
	d := diagnosis{Name: "netem", State: stateOK, Inferred: true,
		Text: "not known, because the engine is on another machine; not needed: delay, rate and slicing are made on streams, by proxies in the agent"}
	if !local {
		return d
	}
	d.Text = "not in this kernel; not needed: delay, rate and slicing are made on streams, by proxies in the agent"
	if kernelHas("sch_netem") {
		d.Text = "in this kernel; not used: delay, rate and slicing are made on streams, by proxies in the agent"
	}
	return d
}

// kernelHas says whether a module is loaded, built in, or could be loaded.
func kernelHas(module string) bool {
	if loaded, err := os.ReadFile("/proc/modules"); err == nil && strings.Contains("\n"+string(loaded), "\n"+module+" ") {
		return true
	}
	var name unix.Utsname
	if unix.Uname(&name) != nil {
		return false
	}
	folder := filepath.Join("/lib/modules", unix.ByteSliceToString(name.Release[:]))
	for _, list := range []string{"modules.builtin", "modules.dep"} {
		if text, err := os.ReadFile(filepath.Join(folder, list)); err == nil && strings.Contains(string(text), "/"+module+".ko") {
			return true
		}
	}
	return false
}

// fuseCheck says whether disks can fail: in the pods that were tried, else by what is
// installed.
func (m *machine) fuseCheck() diagnosis {
	d := diagnosis{Name: "fuse", State: stateWarning, Costs: "faults of disks: power loss, disk error, slow disk",
		Remedy: "where the engine runs, load fuse (modprobe fuse), and let its containers have the device /dev/fuse, the capability SYS_ADMIN, and mount"}
	switch {
	case m.pods.failed == nil && m.pods.disks != nil:
		d.Text = oneLine(m.pods.disks)
		return d
	case m.pods.failed == nil:
		return diagnosis{Name: "fuse", State: stateOK, Text: "a disk that can fail was mounted in a container"}
	}
	d.Inferred = true
	if !m.engineLocal() {
		d.Text = "not known, because the engine is on another machine"
		return d
	}
	if _, err := os.Stat("/dev/fuse"); err != nil {
		d.Text = err.Error()
		return d
	}
	return diagnosis{Name: "fuse", State: stateOK, Inferred: true, Text: "/dev/fuse is there; no mount was tried"}
}

// clockCheck looks at the clock that histories are stamped with.
func clockCheck() diagnosis {
	text, err := os.ReadFile("/sys/devices/system/clocksource/clocksource0/current_clocksource")
	source := strings.TrimSpace(string(text))
	var resolution unix.Timespec
	if unix.ClockGetres(unix.CLOCK_MONOTONIC, &resolution) != nil || resolution.Nano() > 1_000_000 {
		return diagnosis{Name: "clock", State: stateWarning, Text: fmt.Sprintf("the monotonic clock (%s) counts in steps of %d ns", source, resolution.Nano()),
			Costs:  "operations of less than that look simultaneous, so judges find less",
			Remedy: "run on a kernel with high-resolution timers"}
	}
	if err != nil {
		source = "its source is not told"
	}
	return diagnosis{Name: "clock", State: stateOK, Text: fmt.Sprintf("monotonic, in steps of %d ns (%s)", resolution.Nano(), source)}
}

// faketimeCheck looks for the library that shifts the clock of programs that use libc.
func faketimeCheck() diagnosis {
	for _, pattern := range []string{"/usr/lib/*/faketime/libfaketime.so.1", "/usr/lib/faketime/libfaketime.so.1", "/usr/local/lib/faketime/libfaketime.so.1", "/usr/lib64/faketime/libfaketime.so.1"} {
		if found, err := filepath.Glob(pattern); err == nil && len(found) > 0 {
			return diagnosis{Name: "libfaketime", State: stateOK, Inferred: true, Text: found[0]}
		}
	}
	return diagnosis{Name: "libfaketime", State: stateWarning, Inferred: true, Text: "not in the usual folders of this machine; a pod needs it in its system's image",
		Costs:  "faults of the clock of local processes",
		Remedy: "install libfaketime (Debian: apt-get install libfaketime)"}
}

func memoryCheck() diagnosis {
	d := diagnosis{Name: "memory", State: stateOK}
	places, err := harness.Places()
	if err != nil {
		return diagnosis{Name: "memory", State: stateMissing, Text: err.Error(), Costs: "nothing can run", Remedy: "unset " + harness.EnvPlaces}
	}
	free, known := harness.FreeMemory()
	d.Text = fmt.Sprintf("%s free and %d cores: %s at a time", gib(free), runtime.NumCPU(), clusters(places))
	switch {
	case !known:
		d.Text = fmt.Sprintf("this system does not tell what is free; %d cores: %s at a time", runtime.NumCPU(), clusters(places))
	case free < littleMemory:
		d.State, d.Costs, d.Remedy = stateWarning, "nodes or judges may be killed, and runs end with an error", "free some: a cluster of three nodes and its judges need 2 GiB"
	}
	return d
}

func clusters(n int) string {
	if n == 1 {
		return "one cluster runs"
	}
	return fmt.Sprintf("%d clusters run", n)
}

// folder is a place that runs write to.
type folder struct {
	name, path, override string
	err                  error
}

func folders() []folder {
	root, err := results.Root()
	cache, cacheErr := build.CacheDir()
	return []folder{
		{"results", root, results.EnvResults, err},
		{"scratch", cluster.ScratchRoot(), "SEATRIAL_SCRATCH", nil},
		{"cache", cache, build.EnvCache, cacheErr},
	}
}

// diskCheck looks at the folder, or where it would be made.
func diskCheck(f folder) diagnosis {
	missing := func(err error) diagnosis {
		return diagnosis{Name: f.name, State: stateMissing, Text: err.Error(), Costs: "nothing can run", Remedy: "set " + f.override + " to a folder that can be written"}
	}
	if f.err != nil {
		return missing(f.err)
	}
	there := f.path
	info, err := os.Stat(there)
	for err != nil && there != filepath.Dir(there) {
		there = filepath.Dir(there)
		info, err = os.Stat(there)
	}
	if err == nil && !info.IsDir() {
		err = unix.ENOTDIR
	}
	if err == nil {
		err = unix.Access(there, unix.W_OK|unix.X_OK)
	}
	if err != nil {
		return missing(fmt.Errorf("%s can't be written: %w", there, err))
	}
	var stat unix.Statfs_t
	if err := unix.Statfs(there, &stat); err != nil {
		return missing(fmt.Errorf("ask for the space at %s: %w", there, err))
	}
	free := int64(stat.Bavail) * int64(stat.Bsize)
	d := diagnosis{Name: f.name, State: stateOK, Text: fmt.Sprintf("%s free at %s", gib(free), f.path)}
	if free < littleDisk {
		d.State, d.Costs, d.Remedy = stateWarning, "a run may end with an error when the disk is full", "free some, or set "+f.override+" to another disk"
	}
	return d
}

func gib(bytes int64) string { return fmt.Sprintf("%.1f GiB", float64(bytes)/(1<<30)) }

// oneLine joins an error's lines: each check has one.
func oneLine(err error) string { return flat(err.Error()) }

// flat is a text without line breaks.
func flat(text string) string { return strings.Join(strings.Fields(text), " ") }
