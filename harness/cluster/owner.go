package cluster

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// The labels on every container, network and volume that a run makes.
const (
	LabelRun   = "io.seatrial.run"   // Owner.Run
	LabelOwner = "io.seatrial.owner" // the Owner as JSON
	LabelNode  = "io.seatrial.node"  // the node's name
	LabelRole  = "io.seatrial.role"  // "agent", "node" or "network"
)

// EnvRun is the environment variable that every process of a run carries, so
// that it is found after its runner was killed.
const EnvRun = "SEATRIAL_RUN"

// Owner identifies the run that made something, and tells whether it still lives.
type Owner struct {
	// Run is the run's identifier, unique on the host.
	Run string `json:"run"`
	// Token is the run's secret, asked for by its agents. It is not in the labels.
	Token string `json:"-"`
	// PID and PIDStart (clock ticks since boot, field 22 of /proc/<pid>/stat)
	// identify the runner's process within PIDNamespace on Host.
	PID          int    `json:"pid"`
	PIDStart     uint64 `json:"pid_start"`
	PIDNamespace string `json:"pid_namespace"`
	Host         string `json:"host"`
	// Boot is the kernel's identifier of its boot: names of hosts repeat.
	Boot string `json:"boot"`
	// Created is the wall-clock time at which the run began.
	Created time.Time `json:"created"`
	// Scratch is the run's folder for what is temporary; it is removed at the end.
	Scratch string `json:"scratch"`
}

// HeartbeatLost is how long a run's agents are without a heartbeat before a run
// whose process can't be seen from here counts as dead.
const HeartbeatLost = 60 * time.Second

// ScratchRoot is the folder that holds the scratch folders of all runs of this
// user. SEATRIAL_SCRATCH overrides it.
func ScratchRoot() string {
	if dir := os.Getenv("SEATRIAL_SCRATCH"); dir != "" {
		return dir
	}
	return filepath.Join(os.TempDir(), "seatrial-"+strconv.Itoa(os.Getuid()))
}

// NewOwner identifies this process as the owner of a new run, and makes its
// scratch folder with the owner's file in it.
func NewOwner() (*Owner, error) {
	secret := make([]byte, 16)
	if _, err := rand.Read(secret); err != nil {
		return nil, fmt.Errorf("draw a token: %w", err)
	}
	start, err := processStart(os.Getpid())
	if err != nil {
		return nil, err
	}
	host, _ := os.Hostname()
	id := time.Now().UTC().Format("20060102-150405") + "-" + hex.EncodeToString(secret[:3])
	o := &Owner{
		Run: id, Token: hex.EncodeToString(secret), PID: os.Getpid(), PIDStart: start,
		PIDNamespace: pidNamespace(), Host: host, Boot: bootID(), Created: time.Now().UTC(),
		Scratch: filepath.Join(ScratchRoot(), id),
	}
	if err := os.MkdirAll(o.Scratch, 0o700); err != nil {
		return nil, fmt.Errorf("make the run's scratch folder: %w", err)
	}
	text, err := json.Marshal(o)
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(o.Scratch, ownerFile), text, 0o600); err != nil {
		return nil, fmt.Errorf("write the run's owner file: %w", err)
	}
	return o, nil
}

const ownerFile = "owner.json"

// Labels are what the run's containers and networks carry.
func (o *Owner) Labels(role, node string) map[string]string {
	text, _ := json.Marshal(o)
	labels := map[string]string{LabelRun: o.Run, LabelOwner: string(text), LabelRole: role}
	if node != "" {
		labels[LabelNode] = node
	}
	return labels
}

// Remove removes the scratch folder, when nothing of the run is left that needs it.
func (o *Owner) Remove() { _ = os.RemoveAll(o.Scratch) }

// Liveness is what can be said of a run from here.
type Liveness int

// The kinds of liveness.
const (
	// Alive: its process runs.
	Alive Liveness = iota
	// Dead: its process is gone.
	Dead
	// Elsewhere: it runs, or ran, on another host or in another pid namespace;
	// only its agents' heartbeat can tell.
	Elsewhere
)

// Liveness says whether the run's process is still there.
func (o *Owner) Liveness() Liveness {
	host, _ := os.Hostname()
	if o.Host != host || o.PIDNamespace != pidNamespace() || o.Boot != bootID() {
		return Elsewhere
	}
	start, err := processStart(o.PID)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, errEnded), err == nil && start != o.PIDStart:
		return Dead
	}
	return Alive // also where it can't be told: nothing of a live run may be removed
}

// ScratchOwners reads the owners of all scratch folders on this host.
func ScratchOwners() ([]*Owner, error) {
	files, err := filepath.Glob(filepath.Join(ScratchRoot(), "*", ownerFile))
	if err != nil {
		return nil, err
	}
	var owners []*Owner
	for _, file := range files {
		text, err := os.ReadFile(file)
		if os.IsNotExist(err) {
			continue // another gc was faster
		} else if err != nil {
			return nil, fmt.Errorf("read a run's owner file: %w", err)
		}
		var o Owner
		if json.Unmarshal(text, &o) != nil || o.Run == "" {
			continue // torn by a kill in NewOwner: CollectScratch judges it by its age
		}
		o.Scratch = filepath.Dir(file)
		owners = append(owners, &o)
	}
	return owners, nil
}

// processStart is the start time of a process in clock ticks since boot; see proc(5).
func processStart(pid int) (uint64, error) {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return 0, fmt.Errorf("process %d: %w", pid, err)
	}
	// The command's name is in parentheses and may hold anything: fields count from its end.
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	if len(fields) < 20 {
		return 0, fmt.Errorf("process %d: /proc stat has %d fields", pid, len(fields))
	}
	if fields[0] == "Z" {
		return 0, fmt.Errorf("process %d: %w", pid, errEnded)
	}
	return strconv.ParseUint(fields[19], 10, 64)
}

var errEnded = errors.New("it has ended")

func bootID() string {
	text, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(text))
}

func pidNamespace() string {
	name, err := os.Readlink("/proc/self/ns/pid")
	if err != nil {
		return ""
	}
	return name
}
