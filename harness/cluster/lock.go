package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// lockPause is the pace of asking for a lock: flock(2) takes no deadline.
const lockPause = 30 * time.Millisecond

// TryLock takes a file's lock if nobody holds it; held says that somebody does.
// All processes of this user respect it, and the kernel drops it when its holder
// dies. The file stays: removing it would let two processes hold a lock on two
// files of one name.
func TryLock(path string) (unlock func(), held bool, err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, false, fmt.Errorf("make the folder for locks: %w", err)
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, false, fmt.Errorf("open the lock: %w", err)
	}
	err = syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	switch {
	case err == nil:
		return func() { file.Close() }, false, nil
	case errors.Is(err, syscall.EWOULDBLOCK), errors.Is(err, syscall.EINTR):
		return nil, true, file.Close()
	}
	file.Close()
	return nil, false, fmt.Errorf("lock %s: %w", path, err)
}

// Lock takes the first of the files' locks that nobody holds. Before it waits it
// calls waiting, once, unless that is nil. The error says what it waited for.
func Lock(ctx context.Context, waiting func(), paths ...string) (unlock func(), err error) {
	for told := false; ; told = true {
		for _, path := range paths {
			if unlock, held, err := TryLock(path); !held || err != nil {
				return unlock, err
			}
		}
		if !told && waiting != nil {
			waiting()
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("wait for another process that holds %s: %w", paths[0], context.Cause(ctx))
		case <-time.After(lockPause):
		}
	}
}
