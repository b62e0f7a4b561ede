package results

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// caps are the sizes, in bytes, that keep a run directory within bounds.
type caps struct {
	log      int64 // of one node's log, as saved
	data     int64 // of one node's data, before compression
	compress int64 // a file that is larger is compressed by Finish after a failure

	// After a pass:
	passLogs     int64 // of all logs together
	passCompress int64 // a file that is larger is compressed
	passHistory  int64 // of the compressed history
}

// A passing run is to stay under 10 MB: 4 MB of logs, 4 MB of history, and less
// than 2 MB for the report and everything else.
var defaultCaps = caps{
	log: 64 << 20, data: 256 << 20, compress: 64 << 20,
	passLogs: 4_000_000, passCompress: 4_000_000, passHistory: 3_900_000,
}

// SaveLog saves what a node printed as logs/<node>.log. Of more than 64 MB the
// first quarter and the end are kept, with a line between them that says how much
// is missing. A failure ends neither the run nor what was saved before it: see
// [Dir.Problems].
func (d *Dir) SaveLog(node string, write func(io.Writer) error) {
	name := LogsFolder + "/" + fileName(node) + ".log"
	var cut int64
	var failed error
	err := d.WriteFile(name, func(w io.Writer) error {
		ends := &endsWriter{head: d.caps.log / 4, tail: d.caps.log - d.caps.log/4, to: w, scratch: filepath.Dir(d.Path(name))}
		failed = write(ends)
		var err error
		cut, err = ends.finish()
		if failed != nil {
			_, noted := fmt.Fprintf(w, "\n[seatrial: the log ends here because it could not be read further: %v]\n", failed)
			err = errors.Join(err, noted)
		}
		return err
	})
	if err = errors.Join(failed, err); err != nil {
		d.problem("the log of %s is incomplete: %v", node, err)
	}
	if cut > 0 {
		d.problem("the log of %s was cut: %s are missing in its middle", node, byteText(cut))
	}
}

// SaveData saves a tar stream of a node's data as data/<node>.tar.gz, up to 256 MB
// of it. A failure ends neither the run nor what was saved before it: see
// [Dir.Problems].
func (d *Dir) SaveData(node string, write func(io.Writer) error) {
	name := DataFolder + "/" + fileName(node) + ".tar.gz"
	var failed error
	limited := &limitedWriter{left: d.caps.data}
	err := d.WriteFile(name, func(w io.Writer) error {
		// Data directories are mostly preallocated zeros: the fastest level makes
		// these as small as the best one does.
		zipped, err := gzip.NewWriterLevel(w, gzip.BestSpeed)
		if err != nil {
			return err
		}
		limited.to = zipped
		failed = write(limited)
		return zipped.Close()
	})
	if limited.full {
		d.problem("the data of %s was cut after %s: the archive ends in the middle", node, byteText(d.caps.data))
		failed = nil // it follows from the cut
	}
	if err = errors.Join(failed, err); err != nil {
		d.problem("the data of %s is incomplete: %v", node, err)
	}
}

var errFull = errors.New("the cap was reached")

// limitedWriter refuses what is beyond its cap.
type limitedWriter struct {
	to   io.Writer
	left int64
	full bool
}

func (l *limitedWriter) Write(p []byte) (int, error) {
	if int64(len(p)) <= l.left {
		n, err := l.to.Write(p)
		l.left -= int64(n)
		return n, err
	}
	l.full = true
	n, err := l.to.Write(p[:l.left])
	l.left -= int64(n)
	if err == nil {
		err = errFull
	}
	return n, err
}

// endsWriter keeps the beginning and the end of what is written to it. The end
// goes round in a scratch file, so that neither memory nor disk grows with a node
// that logs without end.
type endsWriter struct {
	head, tail int64
	to         io.Writer
	scratch    string // folder

	written int64
	ring    *os.File
	inRing  int64 // bytes ever written to the ring
}

func (e *endsWriter) Write(p []byte) (int, error) {
	total := len(p)
	if room := e.head - e.written; room > 0 {
		n := min(room, int64(len(p)))
		if _, err := e.to.Write(p[:n]); err != nil {
			return 0, err
		}
		e.written += n
		p = p[n:]
	}
	if len(p) == 0 {
		return total, nil
	}
	if e.ring == nil {
		ring, err := os.CreateTemp(e.scratch, temporary+"tail-")
		if err != nil {
			return 0, err
		}
		e.ring = ring
	}
	for len(p) > 0 {
		at := e.inRing % e.tail
		n := min(e.tail-at, int64(len(p)))
		if _, err := e.ring.WriteAt(p[:n], at); err != nil {
			return 0, err
		}
		e.inRing += n
		e.written += n
		p = p[n:]
	}
	return total, nil
}

// finish puts the end behind the beginning and returns how many bytes are missing between.
func (e *endsWriter) finish() (cut int64, err error) {
	if e.ring == nil {
		return 0, nil
	}
	defer func() { err = errors.Join(err, e.ring.Close(), os.Remove(e.ring.Name())) }()
	if e.inRing <= e.tail {
		_, err := io.Copy(e.to, io.NewSectionReader(e.ring, 0, e.inRing))
		return 0, err
	}
	cut = e.inRing - e.tail
	if _, err := io.WriteString(e.to, cutNote(cut)); err != nil {
		return cut, err
	}
	at := e.inRing % e.tail
	if _, err := io.Copy(e.to, io.NewSectionReader(e.ring, at, e.tail-at)); err != nil {
		return cut, err
	}
	_, err = io.Copy(e.to, io.NewSectionReader(e.ring, 0, at))
	return cut, err
}

func cutNote(cut int64) string {
	return fmt.Sprintf("\n[seatrial: %s were cut here]\n", byteText(cut))
}
