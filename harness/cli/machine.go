package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"

	"github.com/moby/moby/client"
	"github.com/testcontainers/testcontainers-go"

	"github.com/seatrial/seatrial/harness"
	"github.com/seatrial/seatrial/harness/cluster"
	"github.com/seatrial/seatrial/harness/cluster/build"
	"github.com/seatrial/seatrial/harness/cluster/pod"
	"github.com/seatrial/seatrial/harness/cluster/process"
	"github.com/seatrial/seatrial/harness/fault"
)

// machine is what was found out about this machine.
type machine struct {
	engine     string // what the Docker engine says of itself
	ignored    string // the value of DOCKER_HOST where another engine was taken
	engineHost string // where it is; "" where there is none
	noEngine   error
	agent      string // which agent was built, and by what
	noAgent    error  // also where there is no Go toolchain
	noProcess  error  // why the process runtime can't be used
	pods       podTrial
	leftovers  leftovers
}

// errNotTried says that something else is missing first.
var errNotTried = errors.New("not tried")

// examineMachine makes every check that takes a try.
func examineMachine(ctx context.Context, say func(string)) *machine {
	m := &machine{}
	within(ctx, checkWithin, m.askEngine)
	within(ctx, buildWithin, func(ctx context.Context) { m.buildAgent(ctx, say) })
	within(ctx, checkWithin, func(ctx context.Context) { m.noProcess = process.Runtime{}.Available(ctx) })
	switch {
	case m.noEngine != nil:
		m.pods.failed = fmt.Errorf("%w: there is no Docker engine", errNotTried)
	case m.noAgent != nil:
		m.pods.failed = fmt.Errorf("%w: there is no agent to put into pods", errNotTried)
	default:
		m.pods = tryPods(ctx, say)
	}
	within(ctx, checkWithin, func(ctx context.Context) { m.leftovers = countLeftovers(ctx, m.noEngine == nil) })
	return m
}

// askEngine asks the Docker engine that runs would use who it is.
func (m *machine) askEngine(ctx context.Context) {
	if m.noEngine = (pod.Runtime{}).Available(ctx); m.noEngine != nil {
		return
	}
	docker, err := testcontainers.NewDockerClientWithOpts(ctx)
	if err != nil {
		m.noEngine = err
		return
	}
	defer docker.Close()
	version, err := docker.ServerVersion(ctx, client.ServerVersionOptions{})
	if err != nil {
		m.noEngine = fmt.Errorf("ask the Docker engine for its version: %w", err)
		return
	}
	m.engineHost = docker.DaemonHost()
	if asked := os.Getenv("DOCKER_HOST"); asked != "" && asked != m.engineHost {
		m.ignored = asked
	}
	m.engine = fmt.Sprintf("engine %s, API %s, %s/%s, at %s", version.Version, version.APIVersion, version.Os, version.Arch, m.engineHost)
}

// engineLocal says that the engine's kernel is, as far as can be told, this one.
// Where there is no engine, it is this machine that would get one.
func (m *machine) engineLocal() bool {
	return runtime.GOOS == "linux" && (m.noEngine != nil || strings.HasPrefix(m.engineHost, "unix:"))
}

// buildAgent builds the program that runs in every pod: the shortest way to know
// whether programs can be built here at all.
func (m *machine) buildAgent(ctx context.Context, say func(string)) {
	if ready := os.Getenv("SEATRIAL_AGENT"); ready != "" {
		m.agent = "not asked for the agent: SEATRIAL_AGENT names " + ready
		if _, err := os.Stat(ready); err != nil {
			m.noAgent = fmt.Errorf("SEATRIAL_AGENT: %w", err)
		}
		return
	}
	go_, err := exec.LookPath("go")
	if err != nil {
		m.noAgent = err
		return
	}
	owner, err := cluster.NewOwner()
	if err != nil {
		m.noAgent = err
		return
	}
	defer owner.Remove()
	if _, m.noAgent = (build.Builder{TempDir: owner.Scratch, Log: say}).GoPackage(ctx, agentPackage); m.noAgent != nil {
		return
	}
	version, err := exec.CommandContext(ctx, go_, "env", "GOVERSION").Output()
	if err != nil {
		m.noAgent = fmt.Errorf("ask %s for its version: %w", go_, err)
		return
	}
	m.agent = fmt.Sprintf("%s at %s builds the pods' agent", strings.TrimSpace(string(version)), go_)
}

// canRun says on which runtime a scenario can run here, its default first, or
// what it lacks.
func (m *machine) canRun(s harness.Scenario) (runtime string, lacks error) {
	var texts []string
	for _, runtime := range runtimesFor(s) {
		s.Runtime = runtime
		err := m.lacks(s)
		if err == nil {
			return runtime, nil
		}
		texts = append(texts, oneLine(err))
	}
	return "", errors.New(strings.Join(texts, "; "))
}

// runtimesFor are those that a scenario may run on.
func runtimesFor(s harness.Scenario) []string {
	if s.Runtime != "" {
		return []string{s.Runtime}
	}
	return runtimesOf(s.System)
}

// lacks says what a scenario lacks here on its runtime.
func (m *machine) lacks(s harness.Scenario) error {
	if s.Runtime == "process" {
		if m.noProcess != nil {
			return m.noProcess
		}
		if _, err := exec.LookPath("go"); err != nil {
			return errors.New("as processes: there is no Go toolchain to build its program")
		}
		return nil
	}
	switch {
	case m.noEngine != nil:
		return errors.New("in pods: there is no Docker engine")
	case m.pods.failed != nil:
		return fmt.Errorf("in pods: %w", m.pods.failed)
	}
	plan, err := harness.NewPlan(s, 1)
	if err != nil {
		return err
	}
	var ofMix error // why a fault of a mix, which is left out then, does not apply
	mixApplies := false
	for _, step := range plan.Steps {
		if step.Fault == nil { // code: nothing is known of it
			continue
		}
		err := m.without(step.Fault, s)
		switch {
		case step.Mix && err != nil:
			ofMix = err
		case step.Mix:
			mixApplies = true
		case err != nil:
			return fmt.Errorf("in pods: %w", err)
		}
	}
	for _, f := range s.Script.Faults() {
		if err := m.without(f, s); err != nil {
			return fmt.Errorf("in pods: %w", err)
		}
	}
	if ofMix != nil && !mixApplies {
		return fmt.Errorf("in pods: nothing of its mix applies: %w", ofMix)
	}
	return nil
}

// without says why the fault does not exist in the scenario's pods here.
func (m *machine) without(f fault.Fault, s harness.Scenario) error {
	if err := f.Applies(s.System, m.pods.network); err != nil || !fault.NeedsDisk(f) {
		return err
	}
	return m.pods.disks
}
