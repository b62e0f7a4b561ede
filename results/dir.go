package results

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/seatrial/seatrial/harness/history"
)

// The files of a run directory.
const (
	PlanFile    = "plan.json"
	HistoryFile = "history.jsonl"
	JournalFile = "journal.jsonl"
	VerdictFile = "verdict.json"
	ReportFile  = "report.html"
	SummaryFile = "summary.txt"
	PictureFile = "picture.html"
	LogsFolder  = "logs"
	DataFolder  = "data"
)

// EnvResults names the folder that runs go to.
const EnvResults = "SEATRIAL_RESULTS"

const latestLink = "latest"

// Root is the folder that holds the run directories: SEATRIAL_RESULTS where it
// is set, else results/runs in the module that the working directory is in, else
// seatrial-runs in the working directory. It need not exist.
func Root() (string, error) {
	if dir := os.Getenv(EnvResults); dir != "" {
		root, err := filepath.Abs(dir)
		if err != nil {
			return "", fmt.Errorf("find the results folder %s: %w", dir, err)
		}
		return root, nil
	}
	start, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("find the results folder (set %s to name one): %w", EnvResults, err)
	}
	for dir := start; ; dir = filepath.Dir(dir) {
		if info, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil && info.Mode().IsRegular() {
			return filepath.Join(dir, "results", "runs"), nil
		}
		if dir == filepath.Dir(dir) {
			return filepath.Join(start, "seatrial-runs"), nil
		}
	}
}

// Dir is a run directory. Its methods may be called by several goroutines.
type Dir struct {
	path    string
	history string // the history's file name where it is not the usual one
	caps    caps

	mu       sync.Mutex
	problems []string
}

// Create makes the directory of a run under root, and root itself where it is
// missing. Root is kept out of git by a .gitignore of its own.
func Create(root, runID, scenario string) (*Dir, error) {
	fail := func(err error) (*Dir, error) {
		return nil, fmt.Errorf("results folder %s can't be written (%w): set %s to a folder that can be written", root, err, EnvResults)
	}
	// A folder that somebody else made is theirs: hiding all of it from git could
	// hide their work.
	_, statErr := os.Stat(root)
	if err := os.MkdirAll(root, 0o755); err != nil {
		return fail(err)
	}
	if errors.Is(statErr, fs.ErrNotExist) {
		if err := ignoreInGit(root); err != nil {
			return fail(err)
		}
	}
	base := filepath.Join(root, fileName(runID+"-"+scenario))
	path := base
	for n := 2; ; n++ {
		err := os.Mkdir(path, 0o755)
		if err == nil {
			break
		}
		if !errors.Is(err, fs.ErrExist) {
			return fail(err)
		}
		path = base + "." + strconv.Itoa(n)
	}
	d := &Dir{path: path, caps: defaultCaps}
	d.pointLatest()
	return d, nil
}

func ignoreInGit(root string) error {
	file, err := os.OpenFile(filepath.Join(root, ".gitignore"), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return nil
	} else if err != nil {
		return err
	}
	_, err = file.WriteString("*\n")
	return errors.Join(err, file.Close())
}

// Open finds a run directory again: path is the directory, or a history file in
// one. A history file anywhere else is accepted too: then its folder takes the
// place of the run directory.
func Open(path string) (*Dir, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("open run directory: %w", err)
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("open run directory: %w", err)
	}
	if !info.IsDir() {
		return &Dir{path: filepath.Dir(path), history: filepath.Base(path), caps: defaultCaps}, nil
	}
	d := &Dir{path: path, caps: defaultCaps}
	for _, name := range []string{HistoryFile, VerdictFile, PlanFile} {
		if _, found := d.Find(name); found {
			return d, nil
		}
	}
	return nil, fmt.Errorf("%s is not a run directory: it holds none of %s, %s, %s", path, HistoryFile, VerdictFile, PlanFile)
}

// Path is the path of a file in the directory, or of the directory itself for "".
func (d *Dir) Path(name string) string { return filepath.Join(d.path, filepath.FromSlash(name)) }

// Find returns the path of a file that exists, by its name or with ".gz" behind it.
func (d *Dir) Find(name string) (path string, found bool) {
	for _, path := range []string{d.Path(name), d.Path(name + ".gz")} {
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
			return path, true
		}
	}
	return "", false
}

// History is the path of the run's history, compressed or not, and whether it is there.
func (d *Dir) History() (path string, found bool) {
	if d.history != "" {
		return d.Path(d.history), true
	}
	return d.Find(HistoryFile)
}

// OpenFile opens a file for reading, decompressed where it was compressed. The
// history's name opens the file that [Open] was given.
func (d *Dir) OpenFile(name string) (io.ReadCloser, error) {
	path, found := d.Find(name)
	if name == HistoryFile {
		path, found = d.History()
	}
	if !found {
		return nil, fmt.Errorf("run directory %s has no %s: %w", d.path, name, fs.ErrNotExist)
	}
	file, err := os.Open(path)
	if err != nil || !strings.HasSuffix(path, ".gz") {
		return file, err
	}
	unzipped, err := gzip.NewReader(file)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open %s: %w", path, err), file.Close())
	}
	return &gzipFile{Reader: unzipped, file: file}, nil
}

type gzipFile struct {
	*gzip.Reader
	file *os.File
}

func (g *gzipFile) Close() error { return errors.Join(g.Reader.Close(), g.file.Close()) }

// Logs are the nodes' logs, one "<node>.log" each, for [checkers.Evidence]; nil
// where none were saved.
func (d *Dir) Logs() fs.FS {
	logs := d.Path(LogsFolder)
	if info, err := os.Stat(logs); err != nil || !info.IsDir() {
		return nil
	}
	return os.DirFS(logs)
}

// Files lists the directory's files by their names relative to it, sorted.
func (d *Dir) Files() []string {
	var files []string
	// What can't be listed is not there for a reader of the list either.
	_ = filepath.WalkDir(d.path, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.Type().IsRegular() && !strings.HasPrefix(entry.Name(), temporary) {
			if name, err := filepath.Rel(d.path, path); err == nil {
				files = append(files, filepath.ToSlash(name))
			}
		}
		return nil
	})
	slices.Sort(files)
	return files
}

// Problems are the sentences about what could not be saved, or was cut.
func (d *Dir) Problems() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.problems)
}

func (d *Dir) problem(format string, args ...any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.problems = append(d.problems, fmt.Sprintf(format, args...))
}

// WriteJSON writes v, indented, in one step: a reader sees the old file or the
// whole new one, and after it returned the file survives a power loss.
func (d *Dir) WriteJSON(name string, v any) error {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return fmt.Errorf("encode %s: %w", name, err)
	}
	return d.WriteFile(name, func(w io.Writer) error {
		_, err := w.Write(append(text, '\n'))
		return err
	})
}

// WriteFile writes a file in one step, as [Dir.WriteJSON] does.
func (d *Dir) WriteFile(name string, write func(io.Writer) error) error {
	if err := writeAtomically(d.Path(name), write); err != nil {
		return fmt.Errorf("write %s: %w", d.Path(name), err)
	}
	return nil
}

// WriteRun writes the verdict file, the report page and the summary. It writes as
// many of them as it can. The history may be nil.
func (d *Dir) WriteRun(run Run, h *history.History) error {
	run.Schema = SchemaVersion
	return errors.Join(
		d.WriteJSON(VerdictFile, run),
		d.WriteFile(ReportFile, func(w io.Writer) error { return WriteReport(w, run, h) }),
		d.WriteFile(SummaryFile, func(w io.Writer) error { return WriteSummary(w, run, d.path, false) }),
	)
}

const temporary = ".tmp-" // begins the names of files that are being written

func writeAtomically(path string, write func(io.Writer) error) error {
	folder := filepath.Dir(path)
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	file, err := os.CreateTemp(folder, temporary+filepath.Base(path)+"-")
	if err != nil {
		return err
	}
	defer os.Remove(file.Name()) // gone after the rename
	err = write(file)
	if err == nil {
		err = errors.Join(file.Chmod(0o644), file.Sync())
	}
	if err = errors.Join(err, file.Close()); err != nil {
		return err
	}
	if err := os.Rename(file.Name(), path); err != nil {
		return err
	}
	return syncFolder(folder)
}

func syncFolder(path string) error {
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}

// pointLatest makes the link "latest" beside the directory point at it. Where
// links can't be made nothing is lost, so a failure is only noted.
func (d *Dir) pointLatest() {
	root := filepath.Dir(d.path)
	fresh := filepath.Join(root, temporary+filepath.Base(d.path))
	err := os.Symlink(filepath.Base(d.path), fresh)
	if err == nil {
		err = os.Rename(fresh, filepath.Join(root, latestLink))
	}
	if err != nil {
		os.Remove(fresh)
		d.problem("the link %q was not updated: %v", latestLink, err)
	}
}

// fileName makes a name that is safe on any file system, in a shell and in a link.
func fileName(s string) string {
	var b bytes.Buffer
	for _, r := range s {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '.', r == '_', r == '-':
			b.WriteRune(r)
		default:
			b.WriteByte('-')
		}
	}
	name := strings.TrimLeft(b.String(), ".-")
	if len(name) > 180 { // names are limited to 255 bytes; suffixes need some
		name = name[:180]
	}
	if name == "" {
		return "run"
	}
	return name
}
