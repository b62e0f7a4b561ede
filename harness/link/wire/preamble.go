package wire

import (
	"bufio"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"

	"github.com/seatrial/seatrial/harness/link"
)

// Kind says what a connection to an agent is for.
type Kind string

// The kinds of connection.
const (
	// KindConnect becomes a connection to a node.
	KindConnect Kind = "CONNECT"
	// KindControl carries requests to the agent.
	KindControl Kind = "CONTROL"
)

// PreambleMax is the longest first line, in bytes, with its end. It leaves room
// for a host's name of 253 bytes and a token of 128.
const PreambleMax = 640

const magic = "SEATRIAL"

// ErrPreamble says that a connection did not begin with a preamble.
var ErrPreamble = errors.New("not a seatrial preamble")

// Preamble is the first line of a connection to an agent.
type Preamble struct {
	Token string
	Kind  Kind
	// Target is host:port, and Group the link's other end; both are for KindConnect.
	Target string
	Group  link.End
}

// String is the line without its end. It holds the token: don't log it.
func (p Preamble) String() string {
	if p.Kind == KindConnect {
		return fmt.Sprintf("%s %s %s %s AS %s", magic, p.Token, p.Kind, p.Target, p.Group)
	}
	return fmt.Sprintf("%s %s %s", magic, p.Token, p.Kind)
}

// Validate says what would keep the other side from reading the line.
func (p Preamble) Validate() error {
	if err := word("token", p.Token); err != nil {
		return err
	}
	switch p.Kind {
	case KindControl:
		if p.Target != "" || p.Group != "" {
			return fmt.Errorf("%w: %s takes no target and no group", ErrPreamble, p.Kind)
		}
	case KindConnect:
		if err := word("target", p.Target); err != nil {
			return err
		}
		if _, _, err := SplitTarget(p.Target); err != nil {
			return err
		}
		if err := word("group", string(p.Group)); err != nil {
			return err
		}
	default:
		return fmt.Errorf("%w: unknown kind %q", ErrPreamble, p.Kind)
	}
	if n := len(p.String()) + 1; n > PreambleMax {
		return fmt.Errorf("%w: %d bytes long, the limit is %d", ErrPreamble, n, PreambleMax)
	}
	return nil
}

// word checks that a value stays one word of the line.
func word(name, value string) error {
	if value == "" {
		return fmt.Errorf("%w: no %s", ErrPreamble, name)
	}
	for _, c := range []byte(value) {
		if c <= ' ' || c >= 0x7f {
			return fmt.Errorf("%w: the %s %q holds a space or something that is not printable ASCII", ErrPreamble, name, value)
		}
	}
	return nil
}

// SplitTarget splits host:port and checks that the port is a number from 1 to 65535.
func SplitTarget(target string) (host string, port uint16, err error) {
	host, text, err := net.SplitHostPort(target)
	if err != nil {
		return "", 0, fmt.Errorf("%w: target %q: %w", ErrPreamble, target, err)
	}
	if host == "" {
		return "", 0, fmt.Errorf("%w: target %q names no host", ErrPreamble, target)
	}
	number, err := strconv.ParseUint(text, 10, 16)
	if err != nil || number == 0 {
		return "", 0, fmt.Errorf("%w: target %q: the port is not a number from 1 to 65535", ErrPreamble, target)
	}
	return host, uint16(number), nil
}

// ReadPreamble reads the first line. Whoever calls it has set a deadline, and has
// yet to compare the token ([SameToken]).
func ReadPreamble(r *bufio.Reader) (Preamble, error) {
	line, err := readLine(r, PreambleMax)
	if err != nil {
		return Preamble{}, fmt.Errorf("read the preamble: %w", err)
	}
	return ParsePreamble(line)
}

// ParsePreamble reads the line, given without its end.
func ParsePreamble(line string) (Preamble, error) {
	words := strings.Split(line, " ")
	var p Preamble
	switch {
	case words[0] != magic:
		return p, ErrPreamble
	case len(words) == 3:
		p = Preamble{Token: words[1], Kind: Kind(words[2])}
	case len(words) == 6 && words[4] == "AS":
		p = Preamble{Token: words[1], Kind: Kind(words[2]), Target: words[3], Group: link.End(words[5])}
	default:
		return p, fmt.Errorf("%w: %d words", ErrPreamble, len(words))
	}
	if err := p.Validate(); err != nil {
		return Preamble{}, err
	}
	return p, nil
}

// SameToken compares two tokens in a time that does not depend on where they differ.
func SameToken(a, b string) bool {
	return a != "" && subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1
}

// readLine reads up to a newline, which it leaves out, and gives up after limit bytes.
func readLine(r io.ByteReader, limit int) (string, error) {
	var line []byte
	for len(line) < limit {
		c, err := r.ReadByte()
		if err == io.EOF && len(line) > 0 {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return "", err
		}
		if c == '\n' {
			return string(line), nil
		}
		line = append(line, c)
	}
	return "", fmt.Errorf("no end of line within %d bytes", limit)
}
