package disk

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Version is the protocol's. A disk of another version is not spoken to.
const Version = 2

// Port is the disk's control port, unless its environment says otherwise.
const Port = 7981

// The environment of the program docker/disk, beside the token's; its doc says more.
const (
	EnvMount   = "SEATRIAL_DISK_MOUNT"   // the data directory
	EnvBacking = "SEATRIAL_DISK_BACKING" // where the data lies
	EnvUser    = "SEATRIAL_DISK_USER"    // who runs the command: user[:group]
)

// TryArgument is the only argument of the program where it is to say whether there
// can be a disk in such a container.
const TryArgument = "--try"

// BackingTree is the folder of the backing directory that holds the data.
const BackingTree = "tree"

// HealAfter is the silence of the run after which a disk undoes every rule.
const HealAfter = 10 * time.Second

// Op of a request.
type requestOp string

const (
	opHello     requestOp = "hello"      // → Stats
	opHeartbeat requestOp = "heartbeat"  //
	opApply     requestOp = "apply"      // ID, Rule
	opUndo      requestOp = "undo"       // ID
	opCount     requestOp = "count"      // ID → Count
	opActive    requestOp = "active"     // → Active
	opHeal      requestOp = "heal"       // undo everything
	opPowerLoss requestOp = "power-loss" // Power → Loss
	opKill      requestOp = "kill"       // Keeps what was not synced
	opSuspend   requestOp = "suspend"    // SIGSTOP to the command
)

// request is one line from the run to a disk.
type request struct {
	Op    requestOp `json:"op"`
	ID    string    `json:"id,omitempty"`
	Rule  *Rule     `json:"rule,omitempty"`
	Power *Power    `json:"power,omitempty"`
}

// response is one line from a disk to the run.
type response struct {
	Error   string   `json:"error,omitempty"`
	Version int      `json:"version,omitempty"`
	Stats   *Stats   `json:"stats,omitempty"`
	Count   *Count   `json:"count,omitempty"`
	Active  []string `json:"active,omitempty"`
	Loss    *Loss    `json:"loss,omitempty"`
}

// Power says what a power loss leaves of what was never synced.
type Power struct {
	// Torn lets a part survive: of the changes of names a prefix, of a file's data
	// each sector of 512 bytes by itself, of its size anything between the old and
	// the new one. Without it nothing survives.
	Torn bool `json:"torn,omitempty"`
	// Seed makes the draws of Torn repeatable.
	Seed uint64 `json:"seed,omitempty"`
}

// Loss is what a power loss took.
type Loss struct {
	// Names is how many changes of names were undone: creations, links, removals,
	// and two for a rename.
	Names int `json:"names"`
	// Files is how many files and directories lost data, size or attributes.
	Files int `json:"files"`
	// Pages is how many pages of 4 KiB that were on the disk went back to what they were.
	Pages int `json:"pages"`
	// Bytes is by how much files that had grown are shorter.
	Bytes int64 `json:"bytes"`
}

// String is "4 changes of names, 2 files, 3 pages, 8192 bytes", without what is zero;
// "nothing" where all is.
func (l Loss) String() string {
	var parts []string
	for _, of := range []struct {
		n         int64
		one, many string
	}{{int64(l.Names), "change of names", "changes of names"}, {int64(l.Files), "file", "files"}, {int64(l.Pages), "page", "pages"}, {l.Bytes, "byte", "bytes"}} {
		switch {
		case of.n == 1:
			parts = append(parts, "1 "+of.one)
		case of.n > 1:
			parts = append(parts, fmt.Sprintf("%d %s", of.n, of.many))
		}
	}
	if len(parts) == 0 {
		return "nothing"
	}
	return strings.Join(parts, ", ")
}

// Stats is what a disk says of itself.
type Stats struct {
	// Requests counts what reached the disk, by operation.
	Requests map[Op]uint64 `json:"requests"`
	// Unsynced is what a power loss would take now: changes of names, files with
	// data or attributes, and pages that are kept to go back to.
	UnsyncedNames int `json:"unsynced_names"`
	UnsyncedFiles int `json:"unsynced_files"`
	KeptPages     int `json:"kept_pages"`
	// WrittenBack counts the times that so much was unsynced that the disk made it
	// durable of its own accord, as a kernel does when it holds too many dirty pages.
	WrittenBack uint64 `json:"written_back,omitempty"`
	// Healed counts the times that silence of the run made the disk undo its rules.
	Healed uint64 `json:"healed,omitempty"`
}

// idMax is the longest id of a rule, in bytes.
const idMax = 200

func (r request) validate() error {
	switch r.Op {
	case opHello, opHeartbeat, opActive, opHeal, opKill, opSuspend:
		return nil
	case opPowerLoss:
		if r.Power == nil {
			return errors.New("power-loss: it does not say what survives")
		}
		return nil
	case opApply, opUndo, opCount:
		if r.ID == "" || len(r.ID) > idMax {
			return fmt.Errorf("%s: an id has 1 to %d bytes, not %d", r.Op, idMax, len(r.ID))
		}
		if r.Op != opApply {
			return nil
		}
		if r.Rule == nil {
			return errors.New("apply: no rule")
		}
		if err := r.Rule.Validate(); err != nil {
			return fmt.Errorf("apply: %w", err)
		}
		return nil
	default:
		return fmt.Errorf("unknown request %q", r.Op)
	}
}
