package process

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// status is what proc(5) says of a process.
type status struct {
	pid, parent, group int
	state              byte   // R, S, D, T, t, Z, ...
	start              uint64 // clock ticks since boot
}

func (s status) ended() bool   { return s.state == 'Z' || s.state == 'X' }
func (s status) stopped() bool { return s.state == 'T' || s.state == 't' }

// statusOf reads /proc/<pid>/stat; the error is fs.ErrNotExist where there is no
// such process.
func statusOf(pid int) (status, error) {
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if errors.Is(err, syscall.ESRCH) { // it ended between open and read
		err = fs.ErrNotExist
	}
	if err != nil {
		return status{}, fmt.Errorf("look at process %d: %w", pid, err)
	}
	// The command's name is in parentheses and may hold anything: fields count from its end.
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	if len(fields) < 20 {
		return status{}, fmt.Errorf("look at process %d: /proc stat has %d fields", pid, len(fields))
	}
	s := status{pid: pid, state: fields[0][0]}
	var errs [3]error
	s.parent, errs[0] = strconv.Atoi(fields[1])
	s.group, errs[1] = strconv.Atoi(fields[2])
	s.start, errs[2] = strconv.ParseUint(fields[19], 10, 64)
	if err := errors.Join(errs[:]...); err != nil {
		return status{}, fmt.Errorf("look at process %d: %w", pid, err)
	}
	return s, nil
}

// processes lists all that can be seen; those that end meanwhile are left out.
func processes() ([]status, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, fmt.Errorf("list processes: %w", err)
	}
	var all []status
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		if s, err := statusOf(pid); err == nil {
			all = append(all, s)
		}
	}
	return all, nil
}

// members lists the live processes of a process group.
func members(group int) ([]status, error) {
	all, err := processes()
	return slices.DeleteFunc(all, func(s status) bool { return s.group != group || s.ended() }), err
}

// environment reads the variables that a process was started with. Another
// user's can't be read, and a program that rewrites its title may have overwritten
// them: then there are none.
func environment(pid int) map[string]string {
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "environ"))
	if err != nil {
		return nil
	}
	found := map[string]string{}
	for _, pair := range strings.Split(string(text), "\x00") {
		if name, value, ok := strings.Cut(pair, "="); ok {
			found[name] = value
		}
	}
	return found
}

// await asks until the answer is yes; what is said in the error.
func await(ctx context.Context, within time.Duration, what string, yes func() (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	look := time.NewTicker(2 * time.Millisecond)
	defer look.Stop()
	for {
		done, err := yes()
		if err != nil {
			return fmt.Errorf("wait until %s: %w", what, err)
		}
		if done {
			return nil
		}
		select {
		case <-look.C:
		case <-ctx.Done():
			return fmt.Errorf("waited at most %v until %s: %w", within, what, ctx.Err())
		}
	}
}
