package edn

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/seatrial/seatrial/harness/history"
)

// window is how much of the input is looked at in one piece. It grows to twice
// the largest operation, and to no more.
const window = 64 << 10

// source is the part of the input that is being looked at.
//
// buf[end] is NUL, at which every loop over a token stops; only then is it asked
// whether that is the end of what was read. What comes before mark is not needed
// again. Lines are counted when bytes are dropped, and never byte by byte.
type source struct {
	in       io.Reader
	path     string
	buf      []byte
	pos, end int
	mark     int
	counted  int // up to where lines were counted, at most mark
	row      int // the line that buf[counted] is on, from 1
	column   int // the bytes of that line before buf[counted]
	done     bool
	failure  error // what the input failed with
	problem  *history.SyntaxError
}

func (s *source) open(in io.Reader, path string) {
	*s = source{in: in, path: path, buf: make([]byte, window+1), row: 1}
}

// text makes the bytes of a text the whole input. Its first byte is in that line
// and column of a file.
func (s *source) text(text []byte, path string, row, column int) {
	s.buf = append(append(s.buf[:0], text...), 0)
	*s = source{path: path, buf: s.buf, end: len(text), row: row, column: column, done: true}
}

// more reads on, where pos has come to the end. It returns false when there is no
// more. Places in buf change, and are the same as before relative to mark.
func (s *source) more() bool {
	if s.done || s.problem != nil {
		return false
	}
	if s.mark > 0 {
		s.keep(s.mark)
		copy(s.buf, s.buf[s.mark:s.end])
		s.pos, s.end, s.mark, s.counted = s.pos-s.mark, s.end-s.mark, 0, 0
	}
	if s.end == len(s.buf)-1 {
		if s.end > math.MaxInt32/2 {
			return s.wrong(0, "the operation that begins here goes on for more than 1 GiB")
		}
		s.buf = append(s.buf, make([]byte, len(s.buf))...)
	}
	for range 100 {
		n, err := s.in.Read(s.buf[s.end : len(s.buf)-1])
		s.end += n
		s.buf[s.end] = 0
		if err != nil {
			s.done = true
			if !errors.Is(err, io.EOF) {
				s.failure = err
			}
		}
		if n > 0 || s.done {
			return n > 0
		}
	}
	s.done, s.failure = true, io.ErrNoProgress
	return false
}

// keep drops what comes before a place.
func (s *source) keep(at int) {
	s.row, s.column = s.after(at)
	s.mark, s.counted = at, at
}

// after is the line and the bytes of it before a place.
func (s *source) after(at int) (row, column int) {
	before := s.buf[s.counted:at]
	if last := bytes.LastIndexByte(before, '\n'); last >= 0 {
		return s.row + bytes.Count(before, []byte{'\n'}), len(before) - 1 - last
	}
	return s.row, s.column + len(before)
}

// wrong notes the first problem, with its place in buf, and returns false.
func (s *source) wrong(at int, format string, args ...any) bool {
	if s.problem == nil {
		row, column := s.after(at)
		s.problem = &history.SyntaxError{Path: s.path, Line: row, Column: column + 1, Problem: fmt.Sprintf(format, args...)}
	}
	return false
}

// expected says what should be at pos, and what is there.
func (s *source) expected(what string) bool { return s.expectedAt(s.pos, what) }

func (s *source) expectedAt(at int, what string) bool {
	return s.wrong(at, "expected %s, found %s", what, s.found(at))
}

// found names what is at a place of buf.
func (s *source) found(at int) string {
	if at >= s.end {
		return "the end of the input"
	}
	if c := s.buf[at]; c == '\n' {
		return "the end of the line"
	} else if class[c]&isToken == 0 {
		return fmt.Sprintf("%q", rune(c))
	}
	stop := at
	for stop < s.end && stop < at+40 && class[s.buf[stop]]&isToken != 0 {
		stop++
	}
	return fmt.Sprintf("%q", s.buf[at:stop])
}
