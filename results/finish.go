package results

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// Finish brings the directory to its final size, once everything that judges the
// evidence has read it. A failing run keeps everything; only files over 64 MB are
// compressed. A passing run is brought under 10 MB: large files are compressed,
// logs share 4 MB, the nodes' data goes, and a history that is too large even when
// compressed keeps its beginning, which is a valid history in itself. What was cut
// is said in the file and in [Dir.Problems].
func (d *Dir) Finish(passed bool) error {
	var errs []error
	if passed {
		errs = append(errs, os.RemoveAll(d.Path(DataFolder)), d.shrinkLogs(), d.shrinkHistory())
	}
	over := d.caps.compress
	if passed {
		over = d.caps.passCompress
	}
	for _, name := range d.Files() {
		// A page must open by a click, and the verdict must be readable by anyone.
		if strings.HasSuffix(name, ".gz") || name == ReportFile || name == PictureFile || name == VerdictFile {
			continue
		}
		if info, err := os.Stat(d.Path(name)); err == nil && info.Size() > over {
			errs = append(errs, compressFile(d.Path(name)))
		}
	}
	d.pointLatest()
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("finish the run directory %s: %w", d.path, err)
	}
	return nil
}

// shrinkLogs gives every log an equal share of what a passing run may keep.
func (d *Dir) shrinkLogs() error {
	logs, err := filepath.Glob(filepath.Join(d.Path(LogsFolder), "*.log"))
	if err != nil || len(logs) == 0 {
		return err
	}
	share := d.caps.passLogs / int64(len(logs))
	var errs []error
	for _, log := range logs {
		errs = append(errs, keepEnds(log, share))
	}
	return errors.Join(errs...)
}

// keepEnds cuts the middle out of a file that is larger than size.
func keepEnds(path string, size int64) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil || info.Size() <= size {
		return err
	}
	cut := info.Size() - size
	note := fmt.Sprintf("\n[seatrial: %s were cut here, because the run passed]\n", byteText(cut))
	head := size / 4
	return writeAtomically(path, func(w io.Writer) error {
		_, err := io.Copy(w, io.MultiReader(
			io.NewSectionReader(file, 0, head),
			strings.NewReader(note),
			io.NewSectionReader(file, head+cut, size-head),
		))
		return err
	})
}

func compressFile(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	err = writeAtomically(path+".gz", func(w io.Writer) error {
		zipped := gzip.NewWriter(w)
		_, err := io.Copy(zipped, file)
		return errors.Join(err, zipped.Close())
	})
	if err != nil {
		return fmt.Errorf("compress %s: %w", path, err)
	}
	return os.Remove(path)
}

// shrinkHistory compresses a large history, and keeps as much of its beginning as
// fits. Every prefix of a history is a history: an operation whose end is missing
// has an unknown outcome, and what was read before the cut was written before it.
func (d *Dir) shrinkHistory() error {
	path := d.Path(HistoryFile)
	info, err := os.Stat(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	} else if err != nil || info.Size() <= d.caps.passCompress {
		return err
	}
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	var kept int64
	err = writeAtomically(path+".gz", func(w io.Writer) (err error) {
		kept, err = compressPrefix(w, file, d.caps.passHistory)
		return err
	})
	if err != nil {
		return fmt.Errorf("compress the history: %w", err)
	}
	if kept < info.Size() {
		d.problem("the history was cut after its first %s of %s, because the run passed: what is kept can be judged, but it is not the whole run",
			byteText(kept), byteText(info.Size()))
	}
	return os.Remove(path)
}

// compressPrefix compresses whole lines of a history until about size bytes were
// written, and then says so in a mark. It returns how much of the input was kept.
func compressPrefix(to io.Writer, from io.Reader, size int64) (kept int64, err error) {
	counted := &countingWriter{to: to}
	zipped := gzip.NewWriter(counted)
	defer func() { err = errors.Join(err, zipped.Close()) }()
	lines := bufio.NewReaderSize(from, 64<<10)
	// The compressor holds back at most two blocks of its window.
	const held = 128 << 10
	var at int64
	for {
		line, err := lines.ReadBytes('\n')
		if counted.n+min(held, size/8) > size && len(line) > 0 {
			return kept, writeCutMark(zipped, at)
		}
		if _, err := zipped.Write(line); err != nil {
			return kept, err
		}
		kept += int64(len(line))
		at = eventTime(line, at)
		if errors.Is(err, io.EOF) {
			return kept, nil
		} else if err != nil {
			return kept, err
		}
	}
}

// eventTime reads the time of an event from the beginning of its line.
func eventTime(line []byte, otherwise int64) int64 {
	rest, found := bytes.CutPrefix(line, []byte(`{"t":`))
	if !found {
		return otherwise
	}
	var t int64
	for _, c := range rest {
		if c < '0' || c > '9' {
			break
		}
		t = t*10 + int64(c-'0')
	}
	return t
}

func writeCutMark(w io.Writer, at int64) error {
	mark, err := json.Marshal(struct {
		Time   int64  `json:"t"`
		Event  string `json:"e"`
		Name   string `json:"name"`
		Detail string `json:"detail"`
	}{at, "mark", "cut", "the rest was not kept, because the run passed"})
	if err != nil {
		return err
	}
	_, err = w.Write(append(mark, '\n'))
	return err
}

type countingWriter struct {
	to io.Writer
	n  int64
}

func (c *countingWriter) Write(p []byte) (int, error) {
	n, err := c.to.Write(p)
	c.n += int64(n)
	return n, err
}
