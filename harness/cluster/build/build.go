package build

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/seatrial/seatrial/harness/cluster"
)

// Module is the path of seatrial's own module.
const Module = "github.com/seatrial/seatrial"

// EnvCache overrides the folder of the cache.
const EnvCache = "SEATRIAL_CACHE"

// Timeout bounds one build, with its wait for another that builds the same.
const Timeout = 10 * time.Minute

// Builder implements [cluster.ProgramBuilder]. The zero value builds for the
// architecture of this machine.
type Builder struct {
	// GOARCH is the architecture of the programs; "" is this machine's.
	GOARCH string
	// TempDir is for the compiler's temporary files; "" is the system's. The
	// owner's scratch folder is right: a killed build leaves nothing elsewhere.
	TempDir string
	// Dir is a folder in the module that uses seatrial; "" is the current one.
	Dir string
	// Log is told what is being built, one line at a time; it may be nil.
	Log func(line string)
}

var _ cluster.ProgramBuilder = Builder{}

// GoPackage implements [cluster.ProgramBuilder].
func (b Builder) GoPackage(ctx context.Context, importPath string) (string, error) {
	fail := func(err error) (string, error) { return "", fmt.Errorf("build %s: %w", importPath, err) }
	ctx, cancel := context.WithTimeoutCause(ctx, Timeout, errTimeout)
	defer cancel()
	if importPath != Module && !strings.HasPrefix(importPath, Module+"/") {
		return fail(fmt.Errorf("it is no package of %s", Module))
	}
	tool, err := b.tool(ctx)
	if err != nil {
		return fail(err)
	}
	module, err := tool.findModule(ctx, b.Dir)
	if err != nil {
		return fail(err)
	}
	key, err := tool.packageKey(ctx, module, importPath)
	if err != nil {
		return fail(err)
	}
	program, err := b.once(ctx, path.Base(importPath), key, func(out string) error {
		return tool.build(ctx, module.Dir, out, importPath)
	})
	if err != nil {
		return fail(err)
	}
	return program, nil
}

// GoTemplate implements [cluster.ProgramBuilder]. The files are a module with its
// go.mod and go.sum, and a main package at its root: see [cluster.Recipe].
func (b Builder) GoTemplate(ctx context.Context, name string, files map[string][]byte) (string, error) {
	fail := func(err error) (string, error) { return "", fmt.Errorf("build template %s: %w", name, err) }
	ctx, cancel := context.WithTimeoutCause(ctx, Timeout, errTimeout)
	defer cancel()
	if err := checkTemplate(name, files); err != nil {
		return fail(err)
	}
	tool, err := b.tool(ctx)
	if err != nil {
		return fail(err)
	}
	key := tool.key()
	for _, file := range slices.Sorted(maps.Keys(files)) {
		key.add(file, files[file])
	}
	program, err := b.once(ctx, name, key, func(out string) error {
		dir := out + ".src"
		defer os.RemoveAll(dir)
		if err := writeSources(dir, files); err != nil {
			return err
		}
		return tool.build(ctx, dir, out, ".")
	})
	if err != nil {
		return fail(err)
	}
	return program, nil
}

// checkTemplate says what is wrong with a template.
func checkTemplate(name string, files map[string][]byte) error {
	if name == "" || name == "." || name == ".." || strings.ContainsAny(name, `/\`) {
		return fmt.Errorf("its name becomes a file's name, %q is none", name)
	}
	for file := range files {
		if !filepath.IsLocal(filepath.FromSlash(file)) {
			return fmt.Errorf("file %q lies outside of its folder", file)
		}
	}
	if files["go.mod"] == nil {
		return errors.New("it has no go.mod: a template is a whole module")
	}
	return nil
}

func writeSources(dir string, files map[string][]byte) error {
	if err := os.RemoveAll(dir); err != nil {
		return fmt.Errorf("clear what a killed build left: %w", err)
	}
	for name, text := range files {
		file := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return fmt.Errorf("write its sources: %w", err)
		}
		if err := os.WriteFile(file, text, 0o644); err != nil {
			return fmt.Errorf("write its sources: %w", err)
		}
	}
	return nil
}

func (b Builder) architecture() string {
	if b.GOARCH != "" {
		return b.GOARCH
	}
	return runtime.GOARCH
}

func (b Builder) say(format string, args ...any) {
	if b.Log != nil {
		b.Log(fmt.Sprintf(format, args...))
	}
}
