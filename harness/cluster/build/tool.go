package build

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/seatrial/seatrial/harness/cluster"
)

var errTimeout = fmt.Errorf("it took longer than %v", Timeout)

// tailLimit is how much of the end of the go tool's output an error carries.
const tailLimit = 4 << 10

// tool is the go command, as it is called for one program.
type tool struct {
	path    string
	version string
	arch    string
	env     []string
}

// tool finds the go command and asks for its version.
func (b Builder) tool(ctx context.Context) (*tool, error) {
	path, err := exec.LookPath("go")
	if err != nil {
		return nil, fmt.Errorf("find the go command: %w: install Go (https://go.dev/dl) or add it to PATH; "+
			"for the agent, SEATRIAL_AGENT=path names a program that is built already", err)
	}
	t := &tool{path: path, arch: b.architecture()}
	// GOFLAGS is the user's for the user's code: -race, -tags or -mod=vendor would
	// break a build in another module.
	t.env = append(os.Environ(), "GOFLAGS=", "GOWORK=off", "GO111MODULE=on",
		"CGO_ENABLED=0", "GOOS=linux", "GOARCH="+t.arch)
	if b.TempDir != "" {
		// A compiler that outlives a killed run is found by the run's name.
		t.env = append(t.env, "GOTMPDIR="+b.TempDir, cluster.EnvRun+"="+filepath.Base(b.TempDir))
	}
	version, err := t.run(ctx, "", t.env, "env", "GOVERSION")
	if err != nil {
		return nil, fmt.Errorf("ask for the go version: %w", err)
	}
	t.version = strings.TrimSpace(string(version))
	return t, nil
}

// module is what `go list -m -json` says of one.
type module struct {
	Path, Version, Dir, Sum string
	Replace                 *module
}

// fixed reports whether the module lies in the module cache, where nothing changes.
func (m *module) fixed() bool {
	if m.Replace != nil {
		return m.Replace.fixed()
	}
	return m.Version != ""
}

// findModule asks the module of a folder for seatrial's own, under the user's own
// flags first; a vendor folder knows no folder of a module.
func (t *tool) findModule(ctx context.Context, dir string) (*module, error) {
	var errs []error
	for _, flags := range [][]string{nil, {"-mod=readonly"}} {
		args := append(append([]string{"list", "-m", "-json"}, flags...), Module)
		text, err := t.run(ctx, dir, os.Environ(), args...)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		var m module
		if err := json.Unmarshal(text, &m); err != nil {
			return nil, fmt.Errorf("read what go list says of %s: %w", Module, err)
		}
		if m.Dir != "" {
			return &m, nil
		}
		errs = append(errs, errors.New("go list names no folder"))
	}
	return nil, fmt.Errorf("its source is not found from %s: run inside a module that requires %s, "+
		"after go mod download (%w)", dirText(dir), Module, errs[0])
}

func dirText(dir string) string {
	if dir != "" {
		return dir
	}
	if here, err := os.Getwd(); err == nil {
		return here
	}
	return "here"
}

// build compiles a package in a folder of its module.
func (t *tool) build(ctx context.Context, dir, out, pkg string) error {
	_, err := t.run(ctx, dir, t.env, "build", "-mod=readonly", "-buildvcs=false", "-trimpath", "-ldflags=-s -w", "-o", out, pkg)
	return err
}

// packageKey identifies what a package of a module is built from.
func (t *tool) packageKey(ctx context.Context, m *module, importPath string) (*key, error) {
	k := t.key()
	k.add("package", []byte(importPath))
	if m.fixed() {
		text, err := json.Marshal(m) // with the folder: a checksum may be missing there
		if err != nil {
			return nil, err
		}
		k.add("module", text)
		return k, nil
	}
	files, err := t.packageFiles(ctx, m.Dir, importPath)
	if err != nil {
		return nil, err
	}
	for _, file := range append(files, filepath.Join(m.Dir, "go.mod"), filepath.Join(m.Dir, "go.sum")) {
		text, err := os.ReadFile(file)
		if err != nil && !(errors.Is(err, os.ErrNotExist) && filepath.Base(file) == "go.sum") {
			return nil, fmt.Errorf("read its sources: %w", err)
		}
		name, err := filepath.Rel(m.Dir, file)
		if err != nil {
			name = file
		}
		k.add(name, text)
	}
	return k, nil
}

// packageFiles lists what the build of a package reads from folders that may
// change; what lies in the module cache is fixed by go.sum.
func (t *tool) packageFiles(ctx context.Context, dir, importPath string) ([]string, error) {
	text, err := t.run(ctx, dir, t.env, "list", "-mod=readonly", "-deps",
		"-json=Dir,Standard,Module,GoFiles,SFiles,HFiles,EmbedFiles", importPath)
	if err != nil {
		return nil, fmt.Errorf("list its sources: %w", err)
	}
	var files []string
	for decoder := json.NewDecoder(bytes.NewReader(text)); ; {
		var p struct {
			Dir                                 string
			Standard                            bool
			Module                              *module
			GoFiles, SFiles, HFiles, EmbedFiles []string
		}
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			return files, nil
		} else if err != nil {
			return nil, fmt.Errorf("read what go list says of its sources: %w", err)
		}
		if p.Standard || p.Module == nil || p.Module.fixed() {
			continue
		}
		for _, list := range [][]string{p.GoFiles, p.SFiles, p.HFiles, p.EmbedFiles} {
			for _, name := range list {
				files = append(files, filepath.Join(p.Dir, name))
			}
		}
	}
}

// run calls the go command, and returns what it wrote to its output. An error
// carries the end of what it wrote to its error output.
func (t *tool) run(ctx context.Context, dir string, env []string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, t.path, args...)
	var out, problems bytes.Buffer
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = dir, env, &out, &problems
	// The compilers are children of go: a build that is given up ends them too.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 5 * time.Second
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		tail := problems.Bytes()
		tail = bytes.TrimSpace(tail[max(0, len(tail)-tailLimit):])
		return nil, fmt.Errorf("go %s: %w\n%s", strings.Join(args, " "), err, tail)
	}
	return out.Bytes(), nil
}
