// Command echod is the system that this package's tests run in pods: a server
// that does what its client says, with sockets of its own. It shares no code with
// the faults, so what it meets on the network is what a system would meet.
//
// Requests are lines of words, each answered by one line:
//
//	echo TEXT              the text
//	heard                  the text of the last echo that anybody asked for
//	life                   a number that is another at each start of the program
//	say TEXT               prints the text on standard output and on standard error
//	put NAME TEXT          writes a file of the data directory
//	get NAME               reads it
//	fill BYTES             takes so much more memory, and keeps it
//	dial ADDRESS MS        opens a connection, has it echo a word, closes it
//	keep ADDRESS MS        opens a connection and keeps it
//	ask TEXT MS            has the kept connection echo the text
//
// The last three answer "ok MILLISECONDS", or "refused", "reset", "timeout", or
// "error: …".
package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

func main() {
	if len(os.Args) < 3 {
		fmt.Fprintln(os.Stderr, "usage: echod DATA-DIR ADDRESS...")
		os.Exit(64)
	}
	fmt.Println("echod starts")
	ended := make(chan error)
	for _, address := range os.Args[2:] {
		listener, err := net.Listen("tcp", address)
		if err != nil {
			fmt.Fprintln(os.Stderr, "listen:", err)
			os.Exit(1)
		}
		go func() { ended <- serve(listener, os.Args[1]) }()
	}
	fmt.Fprintln(os.Stderr, "serve:", <-ended)
	os.Exit(1)
}

func serve(listener net.Listener, dir string) error {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return err
		}
		go func() {
			defer conn.Close()
			s := &session{dir: dir}
			for lines := bufio.NewScanner(conn); lines.Scan(); {
				if _, err := fmt.Fprintln(conn, s.answer(strings.Fields(lines.Text()))); err != nil {
					return
				}
			}
		}()
	}
}

// life is another at each start.
var life = strconv.FormatInt(time.Now().UnixNano(), 10)

var heard atomic.Value

var filled struct {
	sync.Mutex
	bytes [][]byte
}

type session struct {
	dir  string
	kept net.Conn
	read *bufio.Reader
}

func (s *session) answer(words []string) string {
	for len(words) < 3 {
		words = append(words, "")
	}
	switch words[0] {
	case "echo":
		heard.Store(words[1])
		return words[1]
	case "heard":
		text, _ := heard.Load().(string)
		return text
	case "life":
		return life
	case "say":
		fmt.Println("out", words[1])
		fmt.Fprintln(os.Stderr, "err", words[1])
		return "said"
	case "put":
		if err := os.WriteFile(filepath.Join(s.dir, words[1]), []byte(words[2]), 0o600); err != nil {
			return "error: " + err.Error()
		}
		return "put"
	case "sync": // the file, and with it the name
		f, err := os.Open(filepath.Join(s.dir, words[1]))
		if err == nil {
			err = errors.Join(f.Sync(), f.Close())
		}
		if err != nil {
			return "error: " + err.Error()
		}
		return "synced"
	case "get":
		text, err := os.ReadFile(filepath.Join(s.dir, words[1]))
		if err != nil {
			return "error: " + err.Error()
		}
		return string(text)
	case "fill":
		number, err := strconv.Atoi(words[1])
		if err != nil {
			return "error: " + err.Error()
		}
		filled.Lock()
		defer filled.Unlock()
		filled.bytes = append(filled.bytes, bytes.Repeat([]byte{1}, number))
		return "filled"
	}
	return s.remote(words)
}

// remote does what needs another node.
func (s *session) remote(words []string) string {
	number, err := strconv.Atoi(words[2])
	if err != nil {
		return "error: " + err.Error()
	}
	began := time.Now()
	deadline := began.Add(time.Duration(number) * time.Millisecond)
	switch words[0] {
	case "dial":
		one := session{}
		if err = one.keep(words[1], deadline); err == nil {
			err = one.ask("hello", deadline)
			one.kept.Close()
		}
	case "keep":
		err = s.keep(words[1], deadline)
	case "ask":
		err = s.ask(words[1], deadline)
	default:
		return "error: unknown request " + words[0]
	}
	return verdict(err, time.Since(began))
}

func (s *session) keep(address string, deadline time.Time) (err error) {
	s.kept, err = net.DialTimeout("tcp", address, time.Until(deadline))
	if err == nil {
		s.read = bufio.NewReader(s.kept)
	}
	return err
}

func (s *session) ask(text string, deadline time.Time) error {
	if err := s.kept.SetDeadline(deadline); err != nil {
		return err
	}
	if _, err := fmt.Fprintln(s.kept, "echo", text); err != nil {
		return err
	}
	for {
		got, err := s.read.ReadString('\n')
		if err != nil {
			return err
		}
		// What was asked before and not answered in time comes first.
		if strings.TrimSpace(got) == text {
			return nil
		}
	}
}

func verdict(err error, took time.Duration) string {
	var timeout net.Error
	switch {
	case err == nil:
		return fmt.Sprintf("ok %d", took.Milliseconds())
	case errors.Is(err, syscall.ECONNREFUSED):
		return "refused"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return "reset"
	case errors.As(err, &timeout) && timeout.Timeout():
		return "timeout"
	}
	return "error: " + err.Error()
}
