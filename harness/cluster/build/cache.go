package build

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"os"
	"path/filepath"
	"time"

	"github.com/seatrial/seatrial/harness/cluster"
)

// key is the hash of a content.
type key struct{ hash hash.Hash }

// key begins a content with what every program depends on. The first part is to be
// changed with the flags in [tool.build].
func (t *tool) key() *key {
	k := &key{sha256.New()}
	k.add("flags", []byte("1"))
	k.add("go", []byte(t.version))
	k.add("arch", []byte(t.arch))
	return k
}

// add adds a named text, so that no two lists of texts have one hash.
func (k *key) add(name string, text []byte) {
	_, _ = fmt.Fprintf(k.hash, "%d %s %d ", len(name), name, len(text)) // a hash never fails
	_, _ = k.hash.Write(text)
}

func (k *key) String() string { return hex.EncodeToString(k.hash.Sum(nil))[:20] }

// CacheDir is the folder of the cache.
func CacheDir() (string, error) {
	if dir := os.Getenv(EnvCache); dir != "" {
		return filepath.Abs(dir)
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find a folder for built programs: %w: set %s to one", err, EnvCache)
	}
	return filepath.Join(dir, "seatrial"), nil
}

// once returns the program with that key, and has it made if it is not there.
func (b Builder) once(ctx context.Context, name string, k *key, compile func(out string) error) (string, error) {
	cache, err := CacheDir()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(cache, "programs", name+"-"+k.String())
	program := filepath.Join(dir, name)
	if touch(dir, program) {
		return program, nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("make its folder in the cache: %w: set %s to a folder that can be written", err, EnvCache)
	}
	unlock, err := b.lock(ctx, cache, name, filepath.Base(dir))
	if err != nil {
		return "", err
	}
	defer unlock()
	if touch(dir, program) {
		return program, nil
	}
	// Another process may have pruned the folder before the lock was ours.
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("make its folder in the cache: %w", err)
	}
	b.say("building %s for linux/%s", name, b.architecture())
	began := time.Now()
	out := program + ".new"
	defer os.Remove(out)
	if err := compile(out); err != nil {
		return "", err
	}
	if err := os.Rename(out, program); err != nil {
		return "", fmt.Errorf("put it into the cache: %w", err)
	}
	b.say("built %s in %v", name, time.Since(began).Round(100*time.Millisecond))
	prune(cache)
	return program, nil
}

// touch reports whether the program is there, and notes that it was asked for.
func touch(dir, program string) bool {
	if info, err := os.Stat(program); err != nil || !info.Mode().IsRegular() {
		return false
	}
	now := time.Now()
	_ = os.Chtimes(dir, now, now) // a cache that can only be read is still a cache
	return true
}

// lock takes the file lock of one content.
func (b Builder) lock(ctx context.Context, cache, name, content string) (unlock func(), err error) {
	unlock, err = cluster.Lock(ctx, func() { b.say("waiting for another process that builds %s", name) }, lockFile(cache, content))
	if err != nil && ctx.Err() == nil {
		err = fmt.Errorf("%w: set %s to a folder that can be written", err, EnvCache)
	}
	return unlock, err
}

func lockFile(cache, content string) string { return filepath.Join(cache, "locks", content) }

// unused is how long a program stays that nobody asks for.
const unused = 30 * 24 * time.Hour

// prune removes programs that were not asked for in a long time. It is no reason
// to fail: what can't be removed stays.
func prune(cache string) {
	entries, err := os.ReadDir(filepath.Join(cache, "programs"))
	if err != nil {
		return
	}
	for _, entry := range entries {
		info, err := entry.Info()
		if err != nil || time.Since(info.ModTime()) < unused {
			continue
		}
		unlock, held, err := cluster.TryLock(lockFile(cache, entry.Name()))
		if held || err != nil {
			continue
		}
		_ = os.RemoveAll(filepath.Join(cache, "programs", entry.Name()))
		unlock()
	}
}
