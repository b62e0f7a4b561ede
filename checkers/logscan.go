package checkers

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
	"unicode/utf8"
)

// logSearch finds the lines that match.
//
// Regular expressions are slow on what does not match, and nearly no line does. So
// from each pattern literals are taken, one of which any match must hold, and text
// is first searched for their first four bytes, all literals at once and without
// regard to case.
type logSearch struct {
	patterns, allow []*regexp.Regexp
	literals        []string // in lower case; nil where some pattern has none
	folds           bool     // some literal has letters that stand for others than ASCII ones
	any             *regexp.Regexp
	filter          [1 << filterBits / 64]uint64
}

const (
	// shortestLiteral is the length from which on a literal can be looked for.
	shortestLiteral = 4
	filterBits      = 14
)

func (s *logSearch) prepare(patterns []string) {
	s.any = regexp.MustCompile("(?:" + strings.Join(patterns, ")|(?:") + ")")
	for _, p := range patterns {
		parsed, err := syntax.Parse(p, syntax.Perl)
		if err != nil {
			s.literals = nil
			return
		}
		needed := neededLiterals(parsed.Simplify())
		if len(needed) == 0 {
			s.literals = nil
			return
		}
		s.literals = append(s.literals, needed...)
	}
	for _, literal := range s.literals {
		s.folds = s.folds || strings.ContainsAny(literal, "ks")
		bit := filterBit([]byte(literal))
		s.filter[bit/64] |= 1 << (bit % 64)
	}
}

// filterBit is the place of the first four bytes in the filter. It takes upper and
// lower case, and some that differ otherwise, for the same.
func filterBit(text []byte) uint32 {
	return (binary.LittleEndian.Uint32(text) | 0x20202020) * 0x9e3779b1 >> (32 - filterBits)
}

// next returns the first place from which on text may hold a match, -1 where it
// can't hold any.
func (s *logSearch) next(text []byte) int {
	if s.literals == nil {
		return 0
	}
	for i := 0; i+shortestLiteral <= len(text); i++ {
		bit := filterBit(text[i:])
		if s.filter[bit/64]>>(bit%64)&1 != 0 && s.begins(text[i:]) {
			return i
		}
	}
	return -1
}

// begins reports whether a text begins with a literal.
func (s *logSearch) begins(text []byte) bool {
	return slices.ContainsFunc(s.literals, func(l string) bool {
		if len(text) < len(l) {
			return false
		}
		for i := range len(l) {
			b := text[i]
			if 'A' <= b && b <= 'Z' {
				b += 'a' - 'A'
			}
			if b != l[i] {
				return false
			}
		}
		return true
	})
}

// slow reports whether the literals say nothing about a text: (?i) takes the long s
// and the Kelvin sign for s and k.
func (s *logSearch) slow(text []byte) bool {
	return s.literals == nil || s.folds && (bytes.Contains(text, []byte("ſ")) || bytes.Contains(text, []byte("\u212a")))
}

// neededLiterals returns literals, in lower case, one of which is in every text
// that matches; nil where none are known.
func neededLiterals(re *syntax.Regexp) []string {
	switch re.Op {
	case syntax.OpLiteral:
		text := string(re.Rune)
		for i := range len(text) {
			if text[i] >= utf8.RuneSelf {
				return nil // folding is another matter there
			}
		}
		if len(text) < shortestLiteral {
			return nil
		}
		return []string{strings.ToLower(text)}
	case syntax.OpCapture, syntax.OpPlus:
		return neededLiterals(re.Sub[0])
	case syntax.OpRepeat:
		if re.Min > 0 {
			return neededLiterals(re.Sub[0])
		}
	case syntax.OpConcat:
		var best []string
		for _, sub := range re.Sub {
			if found := neededLiterals(sub); len(found) > 0 && (best == nil || shortest(found) > shortest(best)) {
				best = found
			}
		}
		return best
	case syntax.OpAlternate:
		var all []string
		for _, sub := range re.Sub {
			found := neededLiterals(sub)
			if len(found) == 0 {
				return nil
			}
			all = append(all, found...)
		}
		return all
	}
	return nil
}

func shortest(literals []string) int {
	least := len(literals[0])
	for _, l := range literals {
		least = min(least, len(l))
	}
	return least
}

// scan reads to the end and calls found for every line that matches.
func (s *logSearch) scan(r *lineReader, found func(logFinding)) error {
	for {
		block, err := r.block()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if r.cut { // the beginning of a line that is too long to hold
			s.long(r, block, found)
			if r.err != nil && !errors.Is(r.err, io.EOF) {
				return r.err
			}
			continue
		}
		begin := r.lines
		r.lines += bytes.Count(block, newline)
		if block[len(block)-1] != '\n' {
			r.lines++
		}
		r.notePartial(block)
		s.lines(block, begin, found)
	}
}

var newline = []byte("\n")

// lines looks at those lines of a block that may match; number is that of the line before.
func (s *logSearch) lines(block []byte, number int, found func(logFinding)) {
	every := s.slow(block)
	for len(block) > 0 {
		at := 0
		if !every {
			if at = s.next(block); at < 0 {
				return
			}
		}
		begin := bytes.LastIndexByte(block[:at], '\n') + 1
		number += bytes.Count(block[:begin], newline) + 1
		line, rest, _ := bytes.Cut(block[begin:], newline)
		block = rest
		s.line(bytes.TrimSuffix(line, []byte("\r")), number, found)
	}
}

func (s *logSearch) line(line []byte, number int, found func(logFinding)) {
	for _, p := range s.patterns {
		at := p.FindIndex(line)
		if at == nil {
			continue
		}
		if !s.allowed(line) {
			found(logFinding{pattern: p.String(), text: cutLine(line, at[0]), line: number})
		}
		return
	}
}

func (s *logSearch) allowed(line []byte) bool {
	return slices.ContainsFunc(s.allow, func(p *regexp.Regexp) bool { return p.Match(line) })
}

// long searches a line that is too long to hold: slowly, but to its end.
func (s *logSearch) long(r *lineReader, beginning []byte, found func(logFinding)) {
	r.lines++
	number, head := r.lines, slices.Clone(beginning[:shownWidth])
	allowed := s.allowed(beginning)
	line := &runesOfLine{reader: r, head: beginning}
	at := s.any.FindReaderIndex(line)
	line.drain()
	if at == nil || allowed || r.err != nil && !errors.Is(r.err, io.EOF) {
		return
	}
	found(logFinding{pattern: s.any.String(), text: cutLine(head, 0) + "… (a line of more than 1 MiB)", line: number})
}

// lineReader reads a log in blocks of whole lines.
type lineReader struct {
	from       io.Reader
	inTime     func() error
	buffer     []byte
	begin, end int // of what is read and not yet handed out
	err        error
	cut        bool // the block that was handed out is the beginning of a line
	lines      int
	bytes      int64
	partial    bool // it says that it was not saved whole
}

// longestLine is how long a line may be to be held.
const longestLine = 1 << 20

func newLineReader(from io.Reader, inTime func() error) *lineReader {
	return &lineReader{from: from, inTime: inTime, buffer: make([]byte, longestLine)}
}

// fill reads more behind what is there.
func (r *lineReader) fill() {
	if r.err != nil {
		return
	}
	if r.err = r.inTime(); r.err != nil {
		return
	}
	if r.begin > 0 {
		copy(r.buffer, r.buffer[r.begin:r.end])
		r.begin, r.end = 0, r.end-r.begin
	}
	for tries := 0; tries < 100; tries++ {
		n, err := r.from.Read(r.buffer[r.end:])
		r.end, r.bytes, r.err = r.end+n, r.bytes+int64(n), err
		if n > 0 || err != nil {
			return
		}
	}
	r.err = io.ErrNoProgress
}

// block returns the next lines, up to 1 MiB of them. They hold until it is called
// again. If a line is longer, cut is set and its beginning is returned.
func (r *lineReader) block() ([]byte, error) {
	r.cut = false
	for {
		if at := bytes.LastIndexByte(r.buffer[r.begin:r.end], '\n'); at >= 0 {
			return r.take(at + 1), nil
		}
		if r.err != nil {
			if errors.Is(r.err, io.EOF) && r.end > r.begin {
				return r.take(r.end - r.begin), nil
			}
			return nil, r.err
		}
		if r.end-r.begin == len(r.buffer) {
			r.cut = true
			return r.take(len(r.buffer)), nil
		}
		r.fill()
	}
}

func (r *lineReader) take(n int) []byte {
	block := r.buffer[r.begin : r.begin+n]
	r.begin += n
	return block
}

// notePartial looks for the lines that package results puts in place of what it
// could not save.
func (r *lineReader) notePartial(block []byte) {
	r.partial = r.partial || bytes.Contains(block, []byte("[seatrial: "))
}

// runesOfLine reads the rest of a line of which the reader has handed out the head.
type runesOfLine struct {
	reader *lineReader
	head   []byte
	ended  bool
}

// ReadRune implements [io.RuneReader], up to the end of the line.
func (l *runesOfLine) ReadRune() (rune, int, error) {
	if len(l.head) < utf8.UTFMax && !l.ended {
		l.more()
	}
	if len(l.head) == 0 {
		return 0, 0, io.EOF
	}
	r, size := utf8.DecodeRune(l.head)
	l.head = l.head[size:]
	return r, size, nil
}

// more takes what the reader has of the line.
func (l *runesOfLine) more() {
	rest := slices.Clone(l.head)
	if l.reader.begin == l.reader.end {
		l.reader.fill()
	}
	have := l.reader.buffer[l.reader.begin:l.reader.end]
	if at := bytes.IndexByte(have, '\n'); at >= 0 {
		l.head, l.ended = append(rest, have[:at]...), true
		l.reader.begin += at + 1
		return
	}
	l.head = append(rest, have...)
	l.reader.begin = l.reader.end
	l.ended = l.reader.err != nil
}

// drain reads to the end of the line.
func (l *runesOfLine) drain() {
	for !l.ended {
		l.head = nil
		l.more()
	}
}
