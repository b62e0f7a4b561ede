package history

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
)

const (
	chunk = 1 << 20
	// longestLine bounds what is taken for one line, so that a file that is no
	// history is not read into memory as one.
	longestLine = 64 << 20
	// shortestPair is the least number of bytes that an operation and its
	// completion take; it bounds what is allocated on a guess.
	shortestPair = 70
)

// ReadFile reads a history file, compressed by gzip or not. Where there is no file
// at path, path with ".gz" is tried. What can't be understood is a [*SyntaxError].
func ReadFile(path string) (*History, error) {
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		if compressed, second := os.Open(path + ".gz"); second == nil {
			file, err, path = compressed, nil, path+".gz"
		}
	}
	if err != nil {
		return nil, fmt.Errorf("read a history: %w", err)
	}
	defer file.Close()
	size := int64(0)
	if info, err := file.Stat(); err == nil && info.Mode().IsRegular() {
		size = info.Size()
	}
	return decode(file, path, size)
}

// Decode reads a history from a stream, compressed by gzip or not.
//
// The end that a killed recorder leaves (NUL bytes, an unfinished line) is
// dropped and counted in Torn. Everything else that can't be understood, or that
// can't have happened, is a [*SyntaxError]. An operation that was never
// completed has the outcome [Info]. Fields that this version does not know are
// skipped.
func Decode(r io.Reader) (*History, error) {
	size := int64(0)
	if sized, ok := r.(interface{ Len() int }); ok {
		size = int64(sized.Len())
	}
	return decode(r, "", size)
}

func decode(from io.Reader, path string, size int64) (*History, error) {
	what := path
	if what == "" {
		what = "a stream"
	}
	buffered := bufio.NewReaderSize(from, 4096) // larger reads go past it
	if magic, _ := buffered.Peek(2); bytes.Equal(magic, []byte{0x1f, 0x8b}) {
		unzip, err := gzip.NewReader(bufio.NewReaderSize(buffered, chunk))
		if err != nil {
			return nil, fmt.Errorf("read the history %s: %w", what, err)
		}
		from, size = unzip, 0
	} else {
		from = buffered
	}
	s := splitter{from: from, decoder: newDecoder(path), size: size}
	if err := s.run(); err != nil {
		var syntax *SyntaxError
		if errors.As(err, &syntax) {
			return nil, err
		}
		return nil, fmt.Errorf("read the history %s: %w", what, err)
	}
	return s.decoder.finish(), nil
}

// splitter cuts a stream into lines and finds its torn end.
type splitter struct {
	from    io.Reader
	decoder *decoder
	size    int64 // of the stream, or 0 where it is not known
	buffer  []byte
	filled  int   // how much of buffer holds bytes that were read
	taken   int64 // how much of the stream went through buffer as whole lines
	next    int   // where in buffer the next line begins
}

func (s *splitter) run() error {
	length := int64(chunk)
	if s.size > 0 {
		length = min(length, s.size+1) // one more finds the end without growing
	}
	s.buffer = make([]byte, length)
	for first := true; ; first = false {
		err := s.fill()
		if first {
			s.guess()
		}
		if torn, problem := s.lines(); problem != nil || torn {
			return problem
		}
		if err == io.EOF {
			return s.last()
		}
		if err != nil {
			return err
		}
		s.taken += int64(s.next)
		s.filled = copy(s.buffer, s.buffer[s.next:s.filled])
		s.next = 0
		s.makeRoom()
		if s.filled < len(s.buffer)/2 {
			continue
		}
		if s.filled > longestLine {
			s.decoder.row++
			if bytes.IndexByte(s.buffer[:s.filled], 0) >= 0 {
				return s.torn(s.buffer[:s.filled])
			}
			return s.decoder.problem(0, "the line is longer than %d MiB: this is not a history", longestLine>>20)
		}
		s.buffer = append(s.buffer, make([]byte, len(s.buffer))...)
	}
}

// fill reads until the buffer is full. (io.ReadFull would not tell the end of the
// stream from the end of a damaged archive.)
func (s *splitter) fill() error {
	for s.filled < len(s.buffer) {
		n, err := s.from.Read(s.buffer[s.filled:])
		s.filled += n
		if err != nil {
			return err
		}
	}
	return nil
}

// guess makes room for as many operations as the beginning of the stream lets expect.
func (s *splitter) guess() {
	lines := bytes.Count(s.buffer[:s.filled], []byte{'\n'})
	if lines == 0 {
		return
	}
	size := max(s.size, int64(s.filled))
	pairs := int64(float64(lines) / float64(s.filled) * float64(size) / 2)
	s.decoder.history.Ops = make([]Op, 0, min(pairs+pairs/50, size/shortestPair)+1)
}

// makeRoom enlarges the arenas to what the part of the stream that was read lets
// expect of the whole: to let them grow bit by bit copies them several times.
func (s *splitter) makeRoom() {
	if s.size <= s.taken || s.taken == 0 {
		return
	}
	const most = 8 // what comes may be of another sort, or NUL bytes
	times := min(1.05*float64(s.size)/float64(s.taken), most)
	s.decoder.scanner.elements = enlarge(s.decoder.scanner.elements, times)
	s.decoder.history.Micros = enlarge(s.decoder.history.Micros, times)
}

// enlarge makes room in an arena for so many times what is in it, once it is nearly full.
func enlarge[T any](arena []T, times float64) []T {
	expected := int(float64(len(arena)) * times)
	if len(arena) < cap(arena)/4*3 || expected <= cap(arena) {
		return arena
	}
	return slices.Grow(arena, expected-len(arena))
}

// lines takes all complete lines of the buffer. It reports whether the stream's
// torn end was found and read to its end.
func (s *splitter) lines() (torn bool, err error) {
	for {
		length := bytes.IndexByte(s.buffer[s.next:s.filled], '\n') + 1
		if length == 0 {
			return false, nil
		}
		line := s.buffer[s.next : s.next+length]
		if problem := s.decoder.line(line); problem != nil {
			if bytes.IndexByte(line, 0) >= 0 {
				return true, s.torn(s.buffer[s.next:s.filled])
			}
			return true, problem
		}
		s.next += length
	}
}

// torn drops the end of the stream, which begins with the rest and goes on in
// the stream. A line with NUL bytes is where the recording stopped, or where a
// host crashed before the disk had everything: then records may follow, and to
// drop them would hide it.
func (s *splitter) torn(rest []byte) error {
	d := s.decoder
	if !d.headed {
		return d.problem(max(bytes.IndexByte(rest, 0), 0), "NUL bytes where the header was expected: nothing was recorded")
	}
	hole := bytes.IndexByte(rest, 0)
	ended := false // the damaged line's own newline was passed
	for {
		for _, c := range rest {
			if ended && c != 0 {
				return d.problem(hole, "NUL bytes where an event was expected, and more events after them: the file lost a part. To judge what came before it, cut the file before line %d", d.row)
			}
			ended = ended || c == '\n'
		}
		d.history.Torn += len(rest)
		n, err := s.from.Read(s.buffer)
		rest = s.buffer[:n]
		if n == 0 && err == io.EOF {
			return nil
		}
		if n == 0 && err != nil {
			return err
		}
	}
}

// last takes what follows the last newline. A file that someone edited may end
// without one: only what is no complete JSON was torn.
func (s *splitter) last() error {
	rest := s.buffer[s.next:s.filled]
	d := s.decoder
	blank := len(bytes.TrimSpace(rest)) == 0
	switch {
	case d.headed && blank:
		return nil
	case d.headed && !json.Valid(rest):
		d.row++
		d.history.Torn = len(rest)
		return nil
	case blank:
		d.row++
		return d.problem(0, "the file is empty: expected a history's header, an object with the field \"seatrial\"")
	case !d.headed && !json.Valid(rest):
		d.row++
		end := len(rest)
		if hole := bytes.IndexByte(rest, 0); hole >= 0 {
			end = hole
		}
		return d.problem(end, "the header is unfinished: nothing was recorded")
	}
	if problem := d.line(append(rest[:len(rest):len(rest)], '\n')); problem != nil {
		return problem
	}
	return nil
}
