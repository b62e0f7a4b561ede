package process

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

// logLimit is how much of a node's output is kept.
const logLimit = 64 << 20

// tailLimit is how much of its end is kept for an error message.
const tailLimit = 600

// cappedLog is the file that a node's program writes its output to, through us,
// across its restarts. What goes beyond the limit is read and forgotten.
type cappedLog struct {
	mu    sync.Mutex
	file  *os.File
	limit int64
	size  int64
	last  []byte
}

func openLog(path string, limit int64) (*cappedLog, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open a node's log: %w", err)
	}
	return &cappedLog{file: file, limit: limit}, nil
}

// Write never fails: a full disk of ours is not the program's.
func (l *cappedLog) Write(text []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last = append(l.last, text[max(0, len(text)-tailLimit):]...)
	l.last = l.last[max(0, len(l.last)-tailLimit):]
	if l.size < l.limit {
		part := text[:min(int64(len(text)), l.limit-l.size)]
		l.size += int64(len(part))
		_, _ = l.file.Write(part)
		if l.size == l.limit {
			_, _ = fmt.Fprintf(l.file, "\n[seatrial keeps %d bytes of output; what follows is lost]\n", l.limit)
		}
	}
	return len(text), nil
}

// tail is the end of the output, in one line.
func (l *cappedLog) tail() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(bytes.TrimSpace(l.last)) == 0 {
		return "(none)"
	}
	return strings.Join(strings.FieldsFunc(string(l.last), func(r rune) bool { return r == '\n' }), " | ")
}

func (l *cappedLog) close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.file.Close(); err != nil && !errors.Is(err, fs.ErrClosed) {
		return fmt.Errorf("close a node's log: %w", err)
	}
	return nil
}

// writeTar writes a folder as a tar stream. Its program may be running: a file
// that vanishes is left out, and one that shrinks while it is read is filled up
// with zeros.
func writeTar(ctx context.Context, dir string, to io.Writer) error {
	w := tar.NewWriter(to)
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err = errors.Join(err, ctx.Err()); err != nil {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil || name == "." {
			return err
		}
		err = writeEntry(w, path, name, entry)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("pack %s: %w", dir, err)
	}
	if err := w.Close(); err != nil {
		return fmt.Errorf("pack %s: %w", dir, err)
	}
	return nil
}

// writeEntry writes one file; sockets and pipes hold no data and are left out.
func writeEntry(w *tar.Writer, path, name string, entry fs.DirEntry) error {
	info, err := entry.Info()
	if err != nil {
		return err
	}
	var target string
	switch {
	case info.Mode().IsRegular():
		return writeFile(w, path, name)
	case info.IsDir():
		name += "/"
	case info.Mode()&fs.ModeSymlink != 0:
		if target, err = os.Readlink(path); err != nil {
			return err
		}
	default:
		return nil
	}
	header, err := tar.FileInfoHeader(info, target)
	if err != nil {
		return err
	}
	header.Name = name
	return w.WriteHeader(header)
}

func writeFile(w *tar.Writer, path, name string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	header, err := tar.FileInfoHeader(info, "")
	if err != nil {
		return err
	}
	header.Name = name
	if err := w.WriteHeader(header); err != nil {
		return err
	}
	n, err := io.Copy(w, io.LimitReader(file, info.Size()))
	if err != nil {
		return err
	}
	_, err = io.CopyN(w, zeros{}, info.Size()-n)
	return err
}

type zeros struct{}

func (zeros) Read(to []byte) (int, error) {
	clear(to)
	return len(to), nil
}
