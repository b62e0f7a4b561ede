package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/seatrial/seatrial/harness/conformance/internal/sight"
)

// node is what a node knows.
type node struct {
	life  int64
	peers map[string]*watched

	mu    sync.Mutex
	heard map[string][]int // by mark and sender
}

// watched is a peer with the connection that is kept to it.
type watched struct {
	address string
	mu      sync.Mutex
	kept    net.Conn
	asked   int
}

func (n *node) look(q sight.Question) sight.Sight {
	s := sight.Sight{Life: n.life}
	if q.Heard {
		s.Heard = n.hears(q.Mark)
		return s
	}
	s.Peers = map[string]sight.Peer{}
	s.Names = map[string]sight.Name{}
	s.Limit = limits()
	var mu sync.Mutex
	var all sync.WaitGroup
	for name, p := range n.peers {
		all.Go(func() {
			seen := p.look(q)
			mu.Lock()
			defer mu.Unlock()
			s.Peers[name] = seen
		})
	}
	for _, name := range q.Names {
		all.Go(func() {
			seen := resolve(name, q.Within)
			mu.Lock()
			defer mu.Unlock()
			s.Names[name] = seen
		})
	}
	all.Wait()
	if q.Work {
		s.Work = work()
	}
	return s
}

// look looks at a peer: datagrams first, so that they meet what the rest meets.
func (p *watched) look(q sight.Question) (seen sight.Peer) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if q.Datagrams > 0 {
		p.send(q)
	}
	seen.Kept = p.askKept(q.Within)
	seen.Dial = timed(func() error {
		conn, err := net.DialTimeout("tcp", p.address, q.Within)
		if err != nil {
			return err
		}
		defer conn.Close()
		return exchange(conn, []byte("hello"), q.Within)
	})
	seen.Close = p.close(q.Within)
	if q.Bulk > 0 {
		seen.Bulk = timed(func() error {
			conn, err := net.DialTimeout("tcp", p.address, q.Within)
			if err != nil {
				return err
			}
			defer conn.Close()
			return exchange(conn, make([]byte, q.Bulk), q.Within)
		})
	}
	return seen
}

// close ends its half of a connection, and tells how long it took until the peer,
// which ends its own when it sees that, was seen to.
func (p *watched) close(within time.Duration) (seen sight.Look) {
	conn, err := net.DialTimeout("tcp", p.address, within)
	if err == nil {
		defer conn.Close()
		err = exchange(conn, []byte("bye"), within)
	}
	if err != nil {
		return sight.Look{End: word(err)}
	}
	return timed(func() error {
		if err := errors.Join(conn.SetDeadline(time.Now().Add(within)), conn.(*net.TCPConn).CloseWrite()); err != nil {
			return err
		}
		if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
			return err
		}
		return nil
	})
}

// askKept asks on the connection that was there before, and makes one where there
// is none; that one is asked the next time.
func (p *watched) askKept(within time.Duration) sight.Look {
	if p.kept == nil {
		if conn, err := net.DialTimeout("tcp", p.address, within); err == nil {
			p.kept = conn
			return timed(func() error { return p.exchangeKept(within) })
		}
		return sight.Look{}
	}
	seen := timed(func() error { return p.exchangeKept(within) })
	if seen.End != sight.OK {
		p.kept.Close()
		p.kept = nil
	}
	return seen
}

func (p *watched) exchangeKept(within time.Duration) error {
	p.asked++
	return exchange(p.kept, []byte(strconv.Itoa(p.asked)), within)
}

// exchange sends bytes to a peer that echoes, and wants them back.
func exchange(conn net.Conn, bytes []byte, within time.Duration) error {
	if err := conn.SetDeadline(time.Now().Add(within)); err != nil {
		return err
	}
	sent := make(chan error, 1)
	go func() {
		_, err := conn.Write(bytes)
		sent <- err
	}()
	back := make([]byte, len(bytes))
	_, err := io.ReadFull(conn, back)
	if err == nil && string(back) != string(bytes) {
		return errors.New("other bytes came back")
	}
	if writing := <-sent; err == nil {
		err = writing
	}
	return err
}

// timed tells how something ended, and how long it took.
func timed(do func() error) sight.Look {
	began := time.Now()
	err := do()
	return sight.Look{End: word(err), Took: time.Since(began)}
}

func word(err error) string {
	var late net.Error
	switch {
	case err == nil:
		return sight.OK
	case errors.Is(err, syscall.ECONNREFUSED):
		return sight.Refused
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF),
		errors.Is(err, syscall.ECONNABORTED):
		return sight.Reset
	case errors.As(err, &late) && late.Timeout():
		return sight.Timeout
	}
	return err.Error()
}

// send sends numbered datagrams, a millisecond apart so that no queue overflows.
func (p *watched) send(q sight.Question) {
	conn, err := net.Dial("udp", p.address)
	if err != nil {
		return
	}
	defer conn.Close()
	for i := range q.Datagrams {
		_, _ = fmt.Fprintf(conn, "%s %s %d", q.Mark, me, i) // a refused one is a lost one
		time.Sleep(time.Millisecond)                        // paces; nothing is waited for
	}
}

// takeDatagrams remembers what comes.
func (n *node) takeDatagrams(conn net.PacketConn) error {
	data := make([]byte, 2048)
	for {
		size, _, err := conn.ReadFrom(data)
		if err != nil {
			return err
		}
		words := strings.Fields(string(data[:size]))
		if len(words) != 3 {
			continue
		}
		number, err := strconv.Atoi(words[2])
		if err != nil {
			continue
		}
		n.mu.Lock()
		key := words[0] + " " + words[1]
		n.heard[key] = append(n.heard[key], number)
		n.mu.Unlock()
	}
}

// me is the node's own name.
var me = os.Getenv(sight.EnvNode)

// hears are the datagrams with a mark, by their sender.
func (n *node) hears(mark string) map[string][]int {
	n.mu.Lock()
	defer n.mu.Unlock()
	all := map[string][]int{}
	for key, numbers := range n.heard {
		if sender, is := strings.CutPrefix(key, mark+" "); is {
			all[sender] = append([]int(nil), numbers...)
		}
	}
	return all
}

func resolve(name string, within time.Duration) sight.Name {
	var addresses []string
	look := timed(func() error {
		ctx, cancel := context.WithTimeout(context.Background(), within)
		defer cancel()
		var err error
		addresses, err = (&net.Resolver{PreferGo: true}).LookupHost(ctx, name)
		return err
	})
	return sight.Name{Look: look, Addresses: addresses}
}

const fileSize = 64 << 20

// writeFile writes a file and removes it.
func writeFile(path string) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	for written := 0; err == nil && written < fileSize; written += len(ballast) / 24 {
		_, err = file.Write(ballast[:len(ballast)/24])
	}
	return errors.Join(err, file.Close(), os.Remove(path))
}

// ballast is memory that can't be taken away.
var ballast = bytes.Repeat([]byte{1}, 24<<20)

// work burns a processor for 60 ms of its time, starts a child and syncs a file.
func work() *sight.Work {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	began, used := time.Now(), threadTime()
	sum := [32]byte{}
	for threadTime()-used < 60*time.Millisecond {
		for range 1000 {
			sum = sha256.Sum256(sum[:])
		}
	}
	w := &sight.Work{Wall: time.Since(began), CPU: threadTime() - used, Child: sight.OK}
	// The pages of the file count as the node's memory, until the kernel wants them.
	if err := writeFile(filepath.Join(os.Getenv(sight.EnvData), "scratch")); err != nil {
		w.Child = err.Error()
	}
	if err := exec.Command("/proc/self/exe", "nap").Run(); err != nil {
		w.Child = err.Error()
	}
	w.Fsync = timed(func() error {
		f, err := os.Create(filepath.Join(os.Getenv(sight.EnvData), "work"))
		if err != nil {
			return err
		}
		_, err = f.WriteString("work")
		return errors.Join(err, f.Sync(), f.Close())
	})
	return w
}

// threadTime is the processor time of this thread.
func threadTime() time.Duration {
	const thread = 1 // RUSAGE_THREAD
	var usage syscall.Rusage
	if err := syscall.Getrusage(thread, &usage); err != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// limits are those of the control group, under either version of the kernel's interface.
func limits() map[string]string {
	seen := map[string]string{}
	for name, paths := range map[string][]string{
		"cpu":    {"/sys/fs/cgroup/cpu.max", "/sys/fs/cgroup/cpu/cpu.cfs_quota_us"},
		"memory": {"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"},
		"pids":   {"/sys/fs/cgroup/pids.max", "/sys/fs/cgroup/pids/pids.max"},
	} {
		for _, path := range paths {
			if text, err := os.ReadFile(path); err == nil {
				seen[name] = strings.TrimSpace(string(text))
				break
			}
		}
	}
	return seen
}
