package wire

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"syscall"
)

// ErrUnknownHost says that the agent could not resolve the target's name.
var ErrUnknownHost = errors.New("unknown host")

// ErrToken says that the agent belongs to another run.
var ErrToken = errors.New("the agent does not know this token")

// The names that are no errno's.
const (
	codeHost  = "EHOST"  // ErrUnknownHost
	codeToken = "ETOKEN" // ErrToken
	codeOther = "EOTHER" // anything without an errno
)

// errnos are those that a connection attempt can end with; see connect(2), tcp(7), ip(7).
var errnos = map[string]syscall.Errno{
	"ECONNREFUSED":  syscall.ECONNREFUSED,
	"ECONNRESET":    syscall.ECONNRESET,
	"ECONNABORTED":  syscall.ECONNABORTED,
	"ETIMEDOUT":     syscall.ETIMEDOUT,
	"EHOSTUNREACH":  syscall.EHOSTUNREACH,
	"EHOSTDOWN":     syscall.EHOSTDOWN,
	"ENETUNREACH":   syscall.ENETUNREACH,
	"ENETDOWN":      syscall.ENETDOWN,
	"EADDRNOTAVAIL": syscall.EADDRNOTAVAIL,
	"EADDRINUSE":    syscall.EADDRINUSE,
	"EACCES":        syscall.EACCES,
	"EPERM":         syscall.EPERM,
	"EINVAL":        syscall.EINVAL,
	"EAGAIN":        syscall.EAGAIN,
	"EMFILE":        syscall.EMFILE,
	"ENFILE":        syscall.ENFILE,
	"ENOBUFS":       syscall.ENOBUFS,
	"EPROTO":        syscall.EPROTO,
}

// answerMax is the longest answer to a preamble, in bytes.
const answerMax = 1024

// Answer is the line, with its end, that answers a CONNECT: OK where err is nil.
func Answer(err error) string {
	if err == nil {
		return "OK\n"
	}
	text := strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, err.Error())
	line := "ERR " + code(err) + " " + text
	if len(line) > answerMax-1 {
		line = strings.ToValidUTF8(line[:answerMax-1], "")
	}
	return line + "\n"
}

// code names the errno that an error wraps.
func code(err error) string {
	var errno syscall.Errno
	if errors.As(err, &errno) {
		for name, number := range errnos {
			if number == errno {
				return name
			}
		}
	}
	var dns *net.DNSError
	switch {
	case errors.Is(err, ErrToken):
		return codeToken
	case errors.Is(err, ErrUnknownHost), errors.As(err, &dns):
		return codeHost
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return "ETIMEDOUT"
	}
	return codeOther
}

// parseAnswer is the reverse of Answer, for a line that begins with ERR.
func parseAnswer(line string) error {
	words := strings.SplitN(line, " ", 3)
	if len(words) < 2 || words[0] != "ERR" {
		return fmt.Errorf("%w: the answer %.80q", ErrLine, line)
	}
	text := ""
	if len(words) == 3 {
		text = words[2]
	}
	if errno, ok := errnos[words[1]]; ok {
		return &AnswerError{Text: text, Cause: errno}
	}
	switch words[1] {
	case codeHost:
		return &AnswerError{Text: text, Cause: ErrUnknownHost}
	case codeToken:
		return &AnswerError{Text: text, Cause: ErrToken}
	}
	return &AnswerError{Text: text, Cause: errors.New(words[1])}
}

// AnswerError is an agent's ERR. It unwraps to a syscall.Errno, [ErrUnknownHost]
// or [ErrToken] where the agent named one.
type AnswerError struct {
	Text  string
	Cause error
}

// Error is the agent's own text.
func (e *AnswerError) Error() string {
	if e.Text == "" {
		return e.Cause.Error()
	}
	return e.Text
}

// Unwrap is the errno.
func (e *AnswerError) Unwrap() error { return e.Cause }
