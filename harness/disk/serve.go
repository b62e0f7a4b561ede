package disk

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/seatrial/seatrial/harness/link/wire"
)

// Disk is what a run controls: package layer has one.
type Disk interface {
	Apply(id string, rule Rule) error
	Undo(id string)
	Count(id string) Count
	Active() []string
	Heal() []string
	Stats() Stats
}

// Node is the disk together with the processes that use it.
type Node interface {
	Disk
	// PowerLoss kills the processes, then takes back what was never synced.
	PowerLoss(ctx context.Context, power Power) (Loss, error)
	// Kill kills the processes and keeps what was not synced.
	Kill(ctx context.Context) error
	// Suspend stops the command by SIGSTOP.
	Suspend() error
	// End is called after the answer to PowerLoss or Kill was sent.
	End()
}

const (
	connectionsMax = 64
	requestWithin  = 10 * time.Second
)

// Server answers a run's requests for one node.
type Server struct {
	Node Node
	// Token is the run's; no other is answered.
	Token string
	// HealAfter is the silence after which the node's rules are undone; 0 is [HealAfter].
	HealAfter time.Duration
	// Log takes what the server does of its own accord; nil drops it.
	Log func(format string, args ...any)

	mu     sync.Mutex
	heard  time.Time
	healed uint64
}

// Serve takes connections until the context ends or the listener is closed.
func (s *Server) Serve(ctx context.Context, listener net.Listener) error {
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	stop := context.AfterFunc(ctx, func() { listener.Close() })
	defer stop()
	s.hear()
	running.Go(func() { s.watch(ctx) })
	slots := make(chan struct{}, connectionsMax)
	for {
		conn, err := listener.Accept()
		if err != nil {
			if ctx.Err() != nil || errors.Is(err, net.ErrClosed) {
				return nil
			}
			return fmt.Errorf("take connections to the disk: %w", err)
		}
		slots <- struct{}{} // each is given back within its deadlines
		running.Go(func() {
			defer func() { <-slots }()
			s.one(ctx, conn)
		})
	}
}

// one answers one request.
func (s *Server) one(ctx context.Context, conn net.Conn) {
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(requestWithin))
	stop := context.AfterFunc(ctx, func() { conn.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	r := bufio.NewReader(conn)
	preamble, err := wire.ReadPreamble(r)
	var req request
	switch {
	case err != nil:
	case preamble.Kind != wire.KindControl || !wire.SameToken(preamble.Token, s.Token):
		err = wire.ErrToken
	default:
		if err = readMessage(r, &req); err == nil {
			err = req.validate()
		}
	}
	var resp response
	if err == nil {
		s.hear()
		resp, err = s.answer(ctx, req)
	}
	if err != nil {
		resp.Error = err.Error()
	}
	_ = conn.SetDeadline(time.Now().Add(requestWithin))
	_ = wire.WriteMessage(conn, resp) // whoever asked may be gone
	if err == nil && (req.Op == opPowerLoss || req.Op == opKill) {
		conn.Close()
		s.Node.End()
	}
}

func (s *Server) answer(ctx context.Context, req request) (resp response, err error) {
	ctx, cancel := context.WithTimeout(ctx, RequestTimeout)
	defer cancel()
	switch req.Op {
	case opHello:
		stats := s.Node.Stats()
		s.mu.Lock()
		stats.Healed = s.healed
		s.mu.Unlock()
		resp.Version, resp.Stats = Version, &stats
	case opHeartbeat: // it was heard
	case opApply:
		err = s.Node.Apply(req.ID, *req.Rule)
	case opUndo:
		s.Node.Undo(req.ID)
	case opHeal:
		s.Node.Heal()
	case opCount:
		count := s.Node.Count(req.ID)
		resp.Count = &count
	case opActive:
		resp.Active = s.Node.Active()
	case opPowerLoss:
		loss, losing := s.Node.PowerLoss(ctx, *req.Power)
		resp.Loss, err = &loss, losing
	case opKill:
		err = s.Node.Kill(ctx)
	case opSuspend:
		err = s.Node.Suspend()
	}
	return resp, err
}

func (s *Server) hear() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.heard = time.Now()
}

// watch undoes every rule when the run has been silent for too long.
func (s *Server) watch(ctx context.Context) {
	limit := s.HealAfter
	if limit == 0 {
		limit = HealAfter
	}
	ticker := time.NewTicker(limit / 10)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		s.mu.Lock()
		silence := time.Since(s.heard)
		s.mu.Unlock()
		if silence < limit {
			continue
		}
		undone := s.Node.Heal()
		if len(undone) == 0 {
			continue
		}
		s.mu.Lock()
		s.healed++
		s.mu.Unlock()
		if s.Log != nil {
			s.Log("no word from the run for %v: undid %q", limit, undone)
		}
	}
}
