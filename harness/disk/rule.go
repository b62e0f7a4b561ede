package disk

import (
	"fmt"
	"slices"
	"strings"
	"syscall"
	"time"
)

// Op is a kind of request that reaches the disk. What the page cache answers does
// not: a page that was read once is not read again.
type Op string

// The operations.
const (
	OpOpen       Op = "open"       // open a file that exists
	OpCreate     Op = "create"     // a new name: files, directories, links, symbolic links
	OpRead       Op = "read"       // of a file's data
	OpWrite      Op = "write"      // of a file's data, also from a shared mapping
	OpFsync      Op = "fsync"      // fsync and fdatasync of a file
	OpFsyncDir   Op = "fsync-dir"  // fsync of a directory
	OpTruncate   Op = "truncate"   // a new size, also by O_TRUNC
	OpAllocate   Op = "allocate"   // fallocate, also to punch holes
	OpRename     Op = "rename"     //
	OpUnlink     Op = "unlink"     // a name less: unlink and rmdir
	OpList       Op = "list"       // read a directory
	OpAttributes Op = "attributes" // chmod, chown, utimes, extended attributes
)

// Ops lists the operations.
func Ops() []Op {
	return []Op{OpOpen, OpCreate, OpRead, OpWrite, OpFsync, OpFsyncDir, OpTruncate, OpAllocate,
		OpRename, OpUnlink, OpList, OpAttributes}
}

// Mutates reports whether the operation changes what is on the disk.
func (o Op) Mutates() bool { return o != OpOpen && o != OpRead && o != OpList }

// Action is what a rule does to an operation.
type Action string

// The actions.
const (
	// Fail answers with an error, and the operation is not done. An fsync that
	// fails loses what it should have written, see [Rule.Error].
	Fail Action = "fail"
	// Short writes a part only: at least one byte, fewer than asked for. (A read
	// through the page cache is never short before the file's end.)
	Short Action = "short"
	// Delay does the operation later.
	Delay Action = "delay"
	// Stall holds operations until the rule is undone.
	Stall Action = "stall"
	// Throttle lets a number of bytes a second pass, all files of the rule together.
	Throttle Action = "throttle"
)

// Rule is one disturbance of the disk.
type Rule struct {
	Action Action `json:"action"`
	// Ops are the operations that it is about; none means all for Delay and Stall,
	// and all that can suffer it for the others. See [Rule.About].
	Ops []Op `json:"ops,omitempty"`
	// Path says which files, relative to the data directory: `*` is anything
	// within a name, `**` anything at all, `?` one character. A pattern without a
	// slash is about the last part of the path. Empty is every file.
	Path string `json:"path,omitempty"`
	// Probability that the rule bites where it could; 0 means always.
	Probability float64 `json:"probability,omitempty"`
	// Seed makes the draws repeatable.
	Seed uint64 `json:"seed,omitempty"`
	// Times is how often it bites at most; 0 is without limit.
	Times int `json:"times,omitempty"`
	// Error is for Fail: EIO, ENOSPC, EROFS or EDQUOT.
	//
	// After an fsync that failed with EIO the file's pages count as clean, as on
	// ext4 and XFS: they are read as they were written, a second fsync
	// succeeds, and they are not on the disk (Rebello et al., "Can Applications
	// Recover from fsync Failures?", USENIX ATC 2020). Power loss shows it. After
	// ENOSPC and the others they stay dirty and a later fsync saves them.
	Error string `json:"error,omitempty"`
	// Latency is for Delay: how much later.
	Latency time.Duration `json:"latency,omitempty"`
	// BytesPerSecond is for Throttle.
	BytesPerSecond int64 `json:"bytes_per_second,omitempty"`
}

var errnos = map[string]syscall.Errno{
	"EIO": syscall.EIO, "ENOSPC": syscall.ENOSPC, "EROFS": syscall.EROFS, "EDQUOT": syscall.EDQUOT,
}

// Errno is the number of the rule's error.
func (r Rule) Errno() syscall.Errno { return errnos[r.Error] }

// About reports whether the rule is about an operation.
func (r Rule) About(op Op) bool {
	if len(r.Ops) > 0 {
		return slices.Contains(r.Ops, op)
	}
	switch {
	case r.Action == Short:
		return op == OpWrite
	case r.Action == Throttle:
		return op == OpRead || op == OpWrite
	case r.Action == Fail && r.Error != "EIO":
		return op.Mutates()
	}
	return true
}

// Validate says what is wrong with a rule: a parameter that its action needs and
// that is missing, or one that it does not have.
func (r Rule) Validate() error {
	if r.Latency < 0 || r.BytesPerSecond < 0 || r.Times < 0 {
		return fmt.Errorf("%s: no parameter of a rule is below zero: %+v", r.Action, r)
	}
	if !(r.Probability >= 0 && r.Probability <= 1) {
		return fmt.Errorf("%s: a probability is from 0 to 1, not %v", r.Action, r.Probability)
	}
	for _, op := range r.Ops {
		if !slices.Contains(Ops(), op) {
			return fmt.Errorf("%s: unknown operation %q: there are %v", r.Action, op, Ops())
		}
		if r.Action == Short && op != OpWrite || r.Action == Throttle && op != OpRead && op != OpWrite {
			return fmt.Errorf("%s is not about %s", r.Action, op)
		}
	}
	if err := r.validateParameters(); err != nil {
		return err
	}
	if strings.HasPrefix(r.Path, "/") {
		return fmt.Errorf("%s: the path %q is absolute: it is relative to the data directory", r.Action, r.Path)
	}
	_, err := compile(r.Path)
	return err
}

func (r Rule) validateParameters() error {
	for _, p := range []struct {
		name   string
		set    bool
		action Action
	}{
		{"error", r.Error != "", Fail},
		{"latency", r.Latency != 0, Delay},
		{"bytes_per_second", r.BytesPerSecond != 0, Throttle},
	} {
		if p.set && r.Action != p.action {
			return fmt.Errorf("%s has no %s: it is a parameter of %s", r.Action, p.name, p.action)
		}
		if !p.set && r.Action == p.action {
			return fmt.Errorf("%s wants %s", r.Action, p.name)
		}
	}
	switch r.Action {
	case Fail:
		if r.Errno() == 0 {
			return fmt.Errorf("fail: unknown error %q: there are EIO, ENOSPC, EROFS and EDQUOT", r.Error)
		}
	case Short, Delay, Stall, Throttle:
	default:
		return fmt.Errorf("unknown action %q: there are %s, %s, %s, %s and %s", r.Action, Fail, Short, Delay, Stall, Throttle)
	}
	return nil
}

// Count is how often a rule bit, and how many bytes it was about.
type Count struct {
	Times uint64 `json:"times"`
	Bytes uint64 `json:"bytes"`
}

// String is "3 times, 4096 bytes", or "3 times" of what has no bytes.
func (c Count) String() string {
	text := fmt.Sprintf("%d times", c.Times)
	if c.Bytes > 0 {
		text += fmt.Sprintf(", %d bytes", c.Bytes)
	}
	return text
}
