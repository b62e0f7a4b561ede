package results

import (
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func newDir(t testing.TB) *Dir {
	t.Helper()
	d, err := Create(t.TempDir(), "run1", "etcd/register/cut")
	require.NoError(t, err)
	require.Empty(t, d.Problems())
	return d
}

func write(t testing.TB, path, text string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
}

func read(t testing.TB, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(text)
}

func TestRoot(t *testing.T) {
	base, err := filepath.EvalSymlinks(t.TempDir())
	require.NoError(t, err)
	deep := filepath.Join(base, "a", "b")
	require.NoError(t, os.MkdirAll(deep, 0o755))
	t.Chdir(deep)

	t.Setenv(EnvResults, "")
	root, err := Root()
	require.NoError(t, err)
	require.Equal(t, filepath.Join(deep, "seatrial-runs"), root, "outside a module")

	write(t, filepath.Join(base, "go.mod"), "module m\n")
	root, err = Root()
	require.NoError(t, err)
	require.Equal(t, filepath.Join(base, "results", "runs"), root, "in a module")

	t.Setenv(EnvResults, "here")
	root, err = Root()
	require.NoError(t, err)
	require.Equal(t, filepath.Join(deep, "here"), root, "named by the variable")
}

func TestCreate(t *testing.T) {
	root := filepath.Join(t.TempDir(), "results", "runs")
	d, err := Create(root, "run1", "etcd/register/cut it!")
	require.NoError(t, err)
	require.Equal(t, filepath.Join(root, "run1-etcd-register-cut-it-"), d.Path(""))
	require.Equal(t, "*\n", read(t, filepath.Join(root, ".gitignore")))

	write(t, filepath.Join(root, ".gitignore"), "mine\n")
	second, err := Create(root, "run1", "etcd/register/cut it!")
	require.NoError(t, err)
	require.NotEqual(t, d.Path(""), second.Path(""), "a second run of the same name does not write into the first")
	require.Equal(t, "mine\n", read(t, filepath.Join(root, ".gitignore")))

	latest, err := filepath.EvalSymlinks(filepath.Join(root, "latest"))
	require.NoError(t, err)
	want, err := filepath.EvalSymlinks(second.Path(""))
	require.NoError(t, err)
	require.Equal(t, want, latest)
	require.NoError(t, d.Finish(false))
	target, err := os.Readlink(filepath.Join(root, "latest"))
	require.NoError(t, err)
	require.Equal(t, "run1-etcd-register-cut-it-", target, "the run that ended last")
}

func TestCreateStaysInRoot(t *testing.T) {
	root := t.TempDir()
	d, err := Create(root, "..", "../../etc")
	require.NoError(t, err)
	require.Equal(t, root, filepath.Dir(d.Path("")))
}

func TestCreateWhereNothingCanBeWritten(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	write(t, file, "")
	root := filepath.Join(file, "runs")
	_, err := Create(root, "run1", "s")
	require.ErrorContains(t, err, "results folder "+root+" can't be written")
	require.ErrorContains(t, err, "not a directory")
	require.ErrorContains(t, err, "set SEATRIAL_RESULTS to a folder that can be written")
	require.NotContains(t, err.Error(), "\n")
}

func TestOpen(t *testing.T) {
	d := newDir(t)
	_, err := Open(d.Path(""))
	require.ErrorContains(t, err, "is not a run directory")
	_, err = Open(d.Path("gone"))
	require.ErrorIs(t, err, fs.ErrNotExist)

	write(t, d.Path("other.jsonl"), "other")
	write(t, d.Path(HistoryFile), "usual")
	for path, want := range map[string]string{
		d.Path(""): "usual", d.Path(HistoryFile): "usual", d.Path("other.jsonl"): "other",
		filepath.Join(filepath.Dir(d.Path("")), "latest"): "usual",
	} {
		opened, err := Open(path)
		require.NoError(t, err)
		file, err := opened.OpenFile(HistoryFile)
		require.NoError(t, err)
		text, err := io.ReadAll(file)
		require.NoError(t, err)
		require.NoError(t, file.Close())
		require.Equal(t, want, string(text), path)
	}
}

func TestOpenFileReadsCompressedFiles(t *testing.T) {
	d := newDir(t)
	require.NoError(t, d.WriteFile("journal.jsonl.gz", func(w io.Writer) error {
		zipped := gzip.NewWriter(w)
		_, err := io.WriteString(zipped, "lines")
		return errors.Join(err, zipped.Close())
	}))
	file, err := d.OpenFile(JournalFile)
	require.NoError(t, err)
	text, err := io.ReadAll(file)
	require.NoError(t, errors.Join(err, file.Close()))
	require.Equal(t, "lines", string(text))
	_, err = d.OpenFile(PlanFile)
	require.ErrorIs(t, err, fs.ErrNotExist)
}

func TestWriteJSON(t *testing.T) {
	d := newDir(t)
	require.NoError(t, d.WriteJSON("plan.json", map[string]int{"a": 1}))
	require.JSONEq(t, `{"a":1}`, read(t, d.Path("plan.json")))
	require.Error(t, d.WriteJSON("plan.json", func() {}))
	failed := errors.New("half way")
	err := d.WriteFile("plan.json", func(w io.Writer) error {
		_, _ = io.WriteString(w, "half")
		return failed
	})
	require.ErrorIs(t, err, failed)
	require.ErrorContains(t, err, d.Path("plan.json"))
	require.JSONEq(t, `{"a":1}`, read(t, d.Path("plan.json")), "a failed write leaves the old file")
	require.Equal(t, []string{"plan.json"}, d.Files(), "and nothing else")
	entries, err := os.ReadDir(d.Path(""))
	require.NoError(t, err)
	require.Len(t, entries, 1)
}

func TestWriteRun(t *testing.T) {
	d := newDir(t)
	run := sampleViolation()
	run.Schema = 0
	require.NoError(t, d.WriteRun(run, sampleHistory(100, run.Faults)))
	require.Equal(t, []string{ReportFile, SummaryFile, VerdictFile}, d.Files())
	loaded, err := Load(d.Path(""))
	require.NoError(t, err)
	require.Equal(t, sampleViolation(), loaded)
	require.Contains(t, read(t, d.Path(SummaryFile)), d.Path(ReportFile))
}

func TestLoad(t *testing.T) {
	d := newDir(t)
	_, err := Load(d.Path(""))
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.ErrorContains(t, err, "seatrial check")
	write(t, d.Path(VerdictFile), "{")
	_, err = Load(d.Path(""))
	require.ErrorContains(t, err, VerdictFile)
	require.NoError(t, d.WriteJSON(VerdictFile, Run{Schema: SchemaVersion + 1}))
	_, err = Load(d.Path(""))
	require.ErrorContains(t, err, "use the version that wrote it")
}

// verdict.json is a contract: a change of this file is a change of the contract.
func TestVerdictFileIsStable(t *testing.T) {
	text, err := json.MarshalIndent(sampleViolation(), "", "  ")
	require.NoError(t, err)
	golden(t, "verdict.json", string(text)+"\n")
}

func TestLogs(t *testing.T) {
	d := newDir(t)
	require.Nil(t, d.Logs())
	d.SaveLog("n1", func(w io.Writer) error { _, err := io.WriteString(w, "panic: x\n"); return err })
	text, err := fs.ReadFile(d.Logs(), "n1.log")
	require.NoError(t, err)
	require.Equal(t, "panic: x\n", string(text))
}
