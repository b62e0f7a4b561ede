package process

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"github.com/seatrial/seatrial/harness/cluster"
)

// CollectGarbage implements [cluster.Runtime]: it kills the processes of dead runs
// and removes their scratch folders, and the scratch folders that were torn by a
// kill before they had an owner.
//
// A process belongs to a dead run if it carries the run's name and the run is known
// to be dead, by its scratch folder or by the owner that the process itself
// carries; or if a dead run's folder names it with its start time. One that only
// carries a run's name, and nothing else tells of that run, is left alone: it may
// be of a run with another scratch root.
func (Runtime) CollectGarbage(ctx context.Context) (removed []string, err error) {
	owners, err := cluster.ScratchOwners()
	if err != nil {
		return nil, fmt.Errorf("collect garbage: %w", err)
	}
	known := map[string]*cluster.Owner{}
	for _, o := range owners {
		known[o.Run] = o
	}
	noted := notedProcesses(owners)
	removed, err = endStrays(ctx, func(p status) (string, bool) {
		if node, ok := noted[identity{p.pid, p.start}]; ok {
			return node, true
		}
		return deadRunOf(p, known)
	})
	if err != nil {
		// The folders stay: they tell the next collection what to look for.
		return removed, fmt.Errorf("collect garbage: %w", err)
	}
	var errs []error
	for _, o := range owners {
		if o.Liveness() != cluster.Dead {
			continue
		}
		line, err := removeScratch(o.Scratch, "of dead run "+o.Run)
		removed, errs = appendLine(removed, line), append(errs, err)
	}
	torn, err := removeTorn()
	errs = append(errs, err)
	if err := errors.Join(errs...); err != nil {
		return append(removed, torn...), fmt.Errorf("collect garbage: %w", err)
	}
	return append(removed, torn...), nil
}

// identity is a process for as long as the machine runs: numbers are used again,
// start times are not.
type identity struct {
	pid   int
	start uint64
}

// notedProcesses are those that the folders of dead runs name. The first process
// of a node is its group too, but a group's other members carry the run's name.
func notedProcesses(owners []*cluster.Owner) map[identity]string {
	noted := map[identity]string{}
	for _, o := range owners {
		if o.Liveness() != cluster.Dead {
			continue
		}
		files, _ := filepath.Glob(filepath.Join(o.Scratch, "*", pidFile)) // the pattern is fixed
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				continue
			}
			var id identity
			if _, err := fmt.Sscanf(string(text), "%d %d", &id.pid, &id.start); err == nil {
				noted[id] = "run " + o.Run + ", node " + filepath.Base(filepath.Dir(file))
			}
		}
	}
	return noted
}

// deadRunOf says whether a process carries the name of a run that is dead.
func deadRunOf(p status, known map[string]*cluster.Owner) (string, bool) {
	env := environment(p.pid)
	run := env[cluster.EnvRun]
	if run == "" {
		return "", false
	}
	owner := known[run]
	if owner == nil {
		owner = new(cluster.Owner)
		if json.Unmarshal([]byte(env[EnvOwner]), owner) != nil || owner.Run != run {
			return "", false
		}
	}
	name := "run " + run + ", a compiler"
	if node := env[EnvNode]; node != "" {
		name = "run " + run + ", node " + node
	}
	return name, owner.Liveness() == cluster.Dead
}

// endStrays kills every process that the function claims, and waits until they
// are gone. It returns one line for each.
func endStrays(ctx context.Context, claim func(status) (name string, mine bool)) (ended []string, err error) {
	all, err := processes()
	if err != nil {
		return nil, err
	}
	var killed []status
	var errs []error
	for _, p := range all {
		if p.pid == os.Getpid() || p.ended() {
			continue
		}
		name, mine := claim(p)
		if !mine {
			continue
		}
		done, err := killExactly(p)
		if err != nil {
			errs = append(errs, err)
		} else if done {
			killed = append(killed, p)
			ended = append(ended, fmt.Sprintf("process %d (%s)", p.pid, name))
		}
	}
	if len(killed) > 0 {
		errs = append(errs, await(ctx, signalTimeout, "killed processes are gone", func() (bool, error) {
			return allEnded(killed), nil
		}))
	}
	return ended, errors.Join(errs...)
}

// killExactly sends SIGKILL to that process and to no other that has its number
// now: the handle is taken first (a pidfd where the kernel has them), and the
// start time compared after.
func killExactly(p status) (bool, error) {
	handle, err := os.FindProcess(p.pid)
	if err != nil {
		return false, fmt.Errorf("kill process %d: %w", p.pid, err)
	}
	defer handle.Release()
	now, err := statusOf(p.pid)
	if err != nil || now.start != p.start || now.ended() {
		return false, nil
	}
	if err := handle.Kill(); errors.Is(err, os.ErrProcessDone) {
		return false, nil
	} else if err != nil {
		return false, fmt.Errorf("kill process %d: %w", p.pid, err)
	}
	return true, nil
}

// runName is how [cluster.NewOwner] names runs, and so scratch folders. What else
// lies in the scratch root is not ours to remove.
var runName = regexp.MustCompile(`^\d{8}-\d{6}-[0-9a-f]{6}$`)

// tornAfter is how long a scratch folder may be without an owner: NewOwner makes
// the folder and writes the owner a moment later.
const tornAfter = 60 * time.Second

// removeTorn removes the scratch folders that have no readable owner and are old.
func removeTorn() (removed []string, err error) {
	entries, err := os.ReadDir(cluster.ScratchRoot())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	} else if err != nil {
		return nil, fmt.Errorf("look for torn scratch folders: %w", err)
	}
	var errs []error
	for _, entry := range entries {
		info, err := entry.Info()
		if err != nil || !info.IsDir() || !runName.MatchString(entry.Name()) || time.Since(info.ModTime()) < tornAfter {
			continue
		}
		dir := filepath.Join(cluster.ScratchRoot(), entry.Name())
		if owned(dir) {
			continue
		}
		line, err := removeScratch(dir, "without an owner")
		removed, errs = appendLine(removed, line), append(errs, err)
	}
	return removed, errors.Join(errs...)
}

// owned reports whether a scratch folder names an owner. One that can't be read
// for another reason than being absent counts as owned: nothing is known of it.
func owned(dir string) bool {
	text, err := os.ReadFile(filepath.Join(dir, "owner.json"))
	if err != nil {
		return !errors.Is(err, fs.ErrNotExist)
	}
	var o cluster.Owner
	return json.Unmarshal(text, &o) == nil && o.Run != ""
}

// removeScratch removes a folder; the line is empty where somebody was faster.
func removeScratch(dir, what string) (line string, err error) {
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err := os.RemoveAll(dir); err != nil {
		return "", fmt.Errorf("remove the scratch folder %s (%s): %w", dir, what, err)
	}
	return "folder " + dir + " (" + what + ")", nil
}

func appendLine(lines []string, line string) []string {
	if line == "" {
		return lines
	}
	return append(lines, line)
}
