package build_test

import (
	"archive/zip"
	"context"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seatrial/seatrial/harness/cluster/build"
)

// hello is a template that prints a word.
func hello(word string) map[string][]byte {
	return map[string][]byte{
		"go.mod":       []byte("module example.com/hello\n\ngo 1.24\n"),
		"main.go":      []byte("package main\n\nimport \"example.com/hello/word\"\n\nfunc main() { print(word.Word) }\n"),
		"word/word.go": []byte("package word\n\nconst Word = \"" + word + "\"\n"),
	}
}

func says(t *testing.T, program, word string) {
	t.Helper()
	out, err := exec.Command(program).CombinedOutput()
	require.NoError(t, err)
	require.Equal(t, word, string(out))
}

// lines collects what a builder tells.
type lines struct {
	mu   sync.Mutex
	told []string
}

func (l *lines) tell(line string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.told = append(l.told, line)
}

// built counts how often something was built.
func (l *lines) built() (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, line := range l.told {
		if strings.HasPrefix(line, "building ") {
			n++
		}
	}
	return n
}

func useCache(t *testing.T) string {
	dir := t.TempDir()
	t.Setenv(build.EnvCache, dir)
	return dir
}

func TestATemplateIsBuiltOncePerContent(t *testing.T) {
	cache := useCache(t)
	var log lines
	scratch := t.TempDir()
	b := build.Builder{Log: log.tell, TempDir: scratch}
	type result struct {
		path string
		err  error
	}
	results := make(chan result)
	for range 3 {
		go func() {
			path, err := b.GoTemplate(t.Context(), "hello", hello("ahoy"))
			results <- result{path, err}
		}()
	}
	first := <-results
	require.NoError(t, first.err)
	for range 2 {
		require.Equal(t, first, <-results)
	}
	require.Equal(t, 1, log.built(), "%v", log.told)
	says(t, first.path, "ahoy")
	require.Equal(t, "hello", filepath.Base(first.path))

	other, err := b.GoTemplate(t.Context(), "hello", hello("land"))
	require.NoError(t, err)
	says(t, other, "land")
	says(t, first.path, "ahoy")
	require.Equal(t, 2, log.built())

	left, err := os.ReadDir(filepath.Join(cache, "programs"))
	require.NoError(t, err)
	for _, dir := range left {
		files, err := os.ReadDir(filepath.Join(cache, "programs", dir.Name()))
		require.NoError(t, err)
		require.Len(t, files, 1, "sources or half a program are left in %s", dir.Name())
	}
	temporary, err := os.ReadDir(scratch)
	require.NoError(t, err)
	require.Empty(t, temporary)
}

func TestProgramsNobodyAskedForAreRemoved(t *testing.T) {
	cache := useCache(t)
	old := filepath.Join(cache, "programs", "old-0123")
	young := filepath.Join(cache, "programs", "young-0123")
	require.NoError(t, os.MkdirAll(old, 0o755))
	require.NoError(t, os.MkdirAll(young, 0o755))
	past := time.Now().Add(-31 * 24 * time.Hour)
	require.NoError(t, os.Chtimes(old, past, past))
	_, err := build.Builder{}.GoTemplate(t.Context(), "hello", hello("prune"))
	require.NoError(t, err)
	require.NoDirExists(t, old)
	require.DirExists(t, young)
}

func TestWhatCanGoWrongIsSaid(t *testing.T) {
	cache := useCache(t)
	b := build.Builder{}
	files := hello("x")
	files["word/word.go"] = []byte("package word\n\nconst Wurd = 1\n")
	_, err := b.GoTemplate(t.Context(), "broken", files)
	require.ErrorContains(t, err, "build template broken")
	require.ErrorContains(t, err, "undefined: word.Word")
	programs, err := filepath.Glob(filepath.Join(cache, "programs", "*", "*"))
	require.NoError(t, err)
	require.Empty(t, programs)

	delete(files, "go.mod")
	_, err = b.GoTemplate(t.Context(), "broken", files)
	require.ErrorContains(t, err, "go.mod")
	_, err = b.GoTemplate(t.Context(), "broken", map[string][]byte{"../x.go": nil})
	require.ErrorContains(t, err, "outside")
	_, err = b.GoTemplate(t.Context(), "a/b", hello("x"))
	require.ErrorContains(t, err, "a/b")
	_, err = b.GoPackage(t.Context(), "example.com/other")
	require.ErrorContains(t, err, "no package of")

	outside := build.Builder{Dir: t.TempDir()}
	_, err = outside.GoPackage(t.Context(), build.Module+"/docker/agent")
	require.ErrorContains(t, err, "go mod download")

	t.Setenv("PATH", t.TempDir())
	_, err = b.GoTemplate(t.Context(), "hello", hello("no compiler"))
	require.ErrorIs(t, err, exec.ErrNotFound)
	require.ErrorContains(t, err, "install Go")
}

func TestWaitingForAnotherBuildHasADeadline(t *testing.T) {
	cache := useCache(t)
	path, err := build.Builder{}.GoTemplate(t.Context(), "hello", hello("held"))
	require.NoError(t, err)
	require.NoError(t, os.Remove(path))
	locks, err := filepath.Glob(filepath.Join(cache, "locks", "hello-*"))
	require.NoError(t, err)
	require.Len(t, locks, 1)
	held, err := os.Open(locks[0])
	require.NoError(t, err)
	defer held.Close()
	require.NoError(t, syscall.Flock(int(held.Fd()), syscall.LOCK_EX))

	// The deadline ends as soon as the builder says that it waits.
	ctx, cancel := context.WithCancel(t.Context())
	b := build.Builder{Log: func(line string) {
		if strings.HasPrefix(line, "waiting") {
			cancel()
		}
	}}
	_, err = b.GoTemplate(ctx, "hello", hello("held"))
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorContains(t, err, locks[0])
}

// seatrialLike is a small module under seatrial's path: a program with an embedded
// file, which the user's own packages do not reach.
func seatrialLike() map[string]string {
	return map[string]string{
		"go.mod":        "module " + build.Module + "\n\ngo 1.24\n",
		"doc.go":        "package seatrial\n",
		"tool/main.go":  "package main\n\nimport _ \"embed\"\n\n//go:embed word.txt\nvar word string\n\nfunc main() { print(word) }\n",
		"tool/word.txt": "ahoy",
	}
}

func write(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		file := filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o755))
		require.NoError(t, os.WriteFile(file, []byte(text), 0o644))
	}
}

func TestAPackageIsBuiltAgainWhenWhatItReadsChanges(t *testing.T) {
	useCache(t)
	seatrial, user := t.TempDir(), t.TempDir()
	write(t, seatrial, seatrialLike())
	write(t, user, map[string]string{
		"go.mod": "module example.com/user\n\ngo 1.24\n\nrequire " + build.Module + " v0.0.0\n\nreplace " + build.Module + " => " + seatrial + "\n",
	})
	var log lines
	b := build.Builder{Dir: user, Log: log.tell}
	const tool = build.Module + "/tool"
	first, err := b.GoPackage(t.Context(), tool)
	require.NoError(t, err)
	says(t, first, "ahoy")

	write(t, seatrial, map[string]string{"tool/main_test.go": "package main\n", "other/x.go": "package other\n"})
	again, err := b.GoPackage(t.Context(), tool)
	require.NoError(t, err)
	require.Equal(t, first, again)
	require.Equal(t, 1, log.built(), "what the program does not read is no reason to build it")

	write(t, seatrial, map[string]string{"tool/word.txt": "land"})
	changed, err := b.GoPackage(t.Context(), tool)
	require.NoError(t, err)
	says(t, changed, "land")

	// The main module itself, from a folder below its root.
	b.Dir = filepath.Join(seatrial, "other")
	same, err := b.GoPackage(t.Context(), tool)
	require.NoError(t, err)
	require.Equal(t, changed, same)
}

// A user gets seatrial as a zip from a proxy, into a folder that can't be written.
func TestAPackageIsBuiltFromTheModuleCache(t *testing.T) {
	useCache(t)
	proxy, cache, user := t.TempDir(), t.TempDir(), t.TempDir()
	publish(t, proxy, "v0.1.0", seatrialLike())
	t.Setenv("GOPROXY", "file://"+proxy)
	t.Setenv("GOSUMDB", "off")
	t.Setenv("GOMODCACHE", cache)
	t.Setenv("GOFLAGS", "-race") // the user's flags are for the user's code
	t.Cleanup(func() { makeWritable(t, cache) })
	write(t, user, map[string]string{
		"go.mod":  "module example.com/user\n\ngo 1.24\n\nrequire " + build.Module + " v0.1.0\n",
		"user.go": "package user\n\nimport _ \"" + build.Module + "\"\n",
	})
	fetch := exec.Command("go", "mod", "tidy")
	fetch.Dir = user
	fetch.Env = append(os.Environ(), "GOFLAGS=")
	out, err := fetch.CombinedOutput()
	require.NoError(t, err, "%s", out)

	program, err := build.Builder{Dir: user, TempDir: t.TempDir()}.GoPackage(t.Context(), build.Module+"/tool")
	require.NoError(t, err)
	says(t, program, "ahoy")
}

// publish puts a version of a module into a file-system proxy.
func publish(t *testing.T, proxy, version string, files map[string]string) {
	t.Helper()
	dir := filepath.Join(proxy, build.Module, "@v")
	write(t, dir, map[string]string{
		"list":            version + "\n",
		version + ".info": `{"Version":"` + version + `"}`,
		version + ".mod":  files["go.mod"],
	})
	file, err := os.Create(filepath.Join(dir, version+".zip"))
	require.NoError(t, err)
	archive := zip.NewWriter(file)
	for name, text := range files {
		entry, err := archive.Create(build.Module + "@" + version + "/" + name)
		require.NoError(t, err)
		_, err = entry.Write([]byte(text))
		require.NoError(t, err)
	}
	require.NoError(t, archive.Close())
	require.NoError(t, file.Close())
}

func makeWritable(t *testing.T, dir string) {
	require.NoError(t, filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.IsDir() {
			err = os.Chmod(path, 0o755)
		}
		return err
	}))
}
