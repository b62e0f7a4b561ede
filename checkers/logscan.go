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
	literals        []neededLiteral
	always          []int // the patterns without literals
	folds           bool  // some literal has letters that stand for others than ASCII ones
	filter          [1 << filterBits / 64]uint64
	wanted          []bool // by pattern: its literal is in the text at hand
}

// neededLiteral is one of the literals of a pattern, in lower case.
type neededLiteral struct {
	text    string
	pattern int
}

const (
	// shortestLiteral is the length from which on a literal can be looked for.
	shortestLiteral = 4
	filterBits      = 14
)

func (s *logSearch) prepare(patterns []string) {
	s.wanted = make([]bool, len(patterns))
	for number, p := range patterns {
		var needed []string
		if parsed, err := syntax.Parse(p, syntax.Perl); err == nil {
			needed = neededLiterals(parsed.Simplify())
		}
		if len(needed) == 0 {
			s.always = append(s.always, number)
		}
		for _, text := range needed {
			s.literals = append(s.literals, neededLiteral{text, number})
			s.folds = s.folds || strings.ContainsAny(text, "ks")
			bit := filterBit([]byte(text))
			s.filter[bit/64] |= 1 << (bit % 64)
		}
	}
}

// filterBit is the place of the first four bytes in the filter. It takes upper and
// lower case, and some that differ otherwise, for the same.
func filterBit(text []byte) uint32 {
	return (binary.LittleEndian.Uint32(text) | 0x20202020) * 0x9e3779b1 >> (32 - filterBits)
}

// next returns the first place of a text where a literal begins, -1 where none does.
func (s *logSearch) next(text []byte) int {
	for i := 0; i+shortestLiteral <= len(text); i++ {
		bit := filterBit(text[i:])
		if s.filter[bit/64]>>(bit%64)&1 == 0 {
			continue
		}
		for n := range s.literals {
			if beginsFolded(text[i:], s.literals[n].text) {
				return i
			}
		}
	}
	return -1
}

// want finds out which patterns may match a text.
func (s *logSearch) want(text []byte) {
	if s.slow(text) {
		for n := range s.wanted {
			s.wanted[n] = true
		}
		return
	}
	clear(s.wanted)
	for _, n := range s.always {
		s.wanted[n] = true
	}
	for i := 0; i+shortestLiteral <= len(text); i++ {
		bit := filterBit(text[i:])
		if s.filter[bit/64]>>(bit%64)&1 == 0 {
			continue
		}
		for _, l := range s.literals {
			s.wanted[l.pattern] = s.wanted[l.pattern] || beginsFolded(text[i:], l.text)
		}
	}
}

// beginsFolded reports whether a text begins with a literal in whatever case.
func beginsFolded(text []byte, literal string) bool {
	if len(text) < len(literal) {
		return false
	}
	for i := range len(literal) {
		b := text[i]
		if 'A' <= b && b <= 'Z' {
			b += 'a' - 'A'
		}
		if b != literal[i] {
			return false
		}
	}
	return true
}

// slow reports whether literals say nothing about a text: (?i) takes the long s and
// the Kelvin sign for s and k.
func (s *logSearch) slow(text []byte) bool {
	return s.folds && (bytes.Contains(text, []byte("ſ")) || bytes.Contains(text, []byte("\u212a")))
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
	var long longLine
	for {
		part, err := r.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if !part.begins || !part.ends {
			s.long(&long, r, part, found)
			continue
		}
		before := r.lines
		r.lines += bytes.Count(part.text, newline)
		if part.text[len(part.text)-1] != '\n' {
			r.lines++
		}
		r.notePartial(part.text)
		s.lines(part.text, before, found)
	}
}

var newline = []byte("\n")

// lines looks at those lines of a block that may match; number is that of the line before.
func (s *logSearch) lines(block []byte, number int, found func(logFinding)) {
	every := len(s.always) > 0 || s.slow(block)
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
	s.want(line)
	for n, p := range s.patterns {
		if !s.wanted[n] {
			continue
		}
		if at := p.FindIndex(line); at != nil {
			if !s.allowed(line) {
				found(logFinding{pattern: p.String(), text: cutLine(line, at[0]), line: number})
			}
			return
		}
	}
}

func (s *logSearch) allowed(line []byte) bool {
	return slices.ContainsFunc(s.allow, func(p *regexp.Regexp) bool { return p.Match(line) })
}

// longLine is a line that is too long to hold.
type longLine struct{ done bool }

// long searches the next part of such a line. Parts overlap, so what begins with
// one was seen in the one before, unless it is longer than that; and what ends with
// one will be seen again. Whether there is an end of a word or of the line, the part
// does not tell.
func (s *logSearch) long(line *longLine, r *lineReader, part linePart, found func(logFinding)) {
	if part.begins {
		r.lines++
		line.done = false
	}
	if line.done {
		return
	}
	text := bytes.TrimSuffix(bytes.TrimSuffix(part.text, newline), []byte("\r"))
	s.want(text)
	for n, p := range s.patterns {
		if !s.wanted[n] {
			continue
		}
		for _, at := range p.FindAllIndex(text, 4) {
			if (at[0] > 0 || part.begins) && (at[1] < len(text) || part.ends) {
				if line.done = !s.allowed(text); line.done {
					found(logFinding{pattern: p.String(), text: cutLine(text, at[0]), line: r.lines})
				}
				return
			}
		}
	}
}

// lineReader reads a log in blocks of whole lines.
type lineReader struct {
	from       io.Reader
	inTime     func() error
	buffer     []byte
	begin, end int // of what is read and not yet handed out
	err        error
	inside     bool // what was handed out last ended within a line
	lines      int
	bytes      int64
	partial    bool // it says that it was not saved whole
}

// longestLine is how long a line may be to be held; the parts of a longer one overlap.
const longestLine, overlap = 1 << 20, 1 << 16

// linePart is lines, or a part of one that is too long.
type linePart struct {
	text         []byte
	begins, ends bool // at the begin of a line, at the end of one
}

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

// next returns the next lines, up to 1 MiB of them, or the next part of a line that
// is longer. They hold until it is called again.
func (r *lineReader) next() (linePart, error) {
	begins, searched := !r.inside, 0 // nothing is searched twice, however little is read at once
	for {
		have := r.buffer[r.begin:r.end]
		at := bytes.IndexByte(have[searched:], '\n')
		switch {
		case at >= 0:
			at += searched
			if !r.inside {
				at = bytes.LastIndexByte(have, '\n')
			}
			r.inside = false
			return linePart{r.take(at + 1), begins, true}, nil
		case errors.Is(r.err, io.EOF) && len(have) > 0:
			r.inside = false
			return linePart{r.take(len(have)), begins, true}, nil
		case r.err != nil:
			return linePart{}, r.err
		case len(have) == len(r.buffer):
			r.inside = true
			r.begin += len(have) - overlap
			return linePart{have, begins, false}, nil
		}
		searched = len(have)
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
