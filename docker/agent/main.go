package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"github.com/seatrial/seatrial/harness/link/wire"
)

// exitDead is how an agent ends that could not start or has lost its run.
const exitDead = 3

func main() {
	log := func(format string, args ...any) {
		fmt.Fprintf(os.Stderr, "%s seatrial agent: %s\n", time.Now().UTC().Format(time.RFC3339Nano), fmt.Sprintf(format, args...))
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	s, err := fromEnvironment(os.Getenv)
	if err == nil {
		s.log = log
		err = run(ctx, s)
	}
	if err != nil {
		log("%v", err)
		os.Exit(exitDead)
	}
}

func fromEnvironment(getenv func(string) string) (settings, error) {
	s := settings{token: getenv(wire.EnvToken), healAfter: wire.HealAfter, exitAfter: wire.ExitAfter}
	if s.token == "" {
		return s, fmt.Errorf("start: %s is not set: it is the run's token", wire.EnvToken)
	}
	var err error
	if s.controlPort, err = port(getenv, wire.EnvControlPort, wire.ControlPort); err != nil {
		return s, err
	}
	if s.probePort, err = port(getenv, wire.EnvProbePort, wire.ProbePort); err != nil {
		return s, err
	}
	if s.controlPort == s.probePort {
		return s, fmt.Errorf("start: %d is the control port and the probe port", s.probePort)
	}
	return s, nil
}

func port(getenv func(string) string, name string, preset uint16) (uint16, error) {
	text := getenv(name)
	if text == "" {
		return preset, nil
	}
	number, err := strconv.ParseUint(text, 10, 16)
	if err != nil || number == 0 {
		return 0, fmt.Errorf("start: %s is %q, not a port", name, text)
	}
	return uint16(number), nil
}

// run is an agent's whole life: until the context ends, or its run is dead.
func run(ctx context.Context, s settings) (err error) {
	a, err := newAgent(s)
	if err != nil {
		return fmt.Errorf("start: %w", err)
	}
	if a.noPackets != nil {
		s.log("%v", a.noPackets)
	}
	control, err := net.Listen("tcp", fmt.Sprintf(":%d", s.controlPort))
	if err != nil {
		return fmt.Errorf("start: %w", err)
	}
	defer control.Close()
	probeTCP, err := net.Listen("tcp", fmt.Sprintf(":%d", s.probePort))
	if err != nil {
		return fmt.Errorf("start: %w", err)
	}
	defer probeTCP.Close()
	probeUDP, err := net.ListenPacket("udp", fmt.Sprintf(":%d", s.probePort))
	if err != nil {
		return fmt.Errorf("start: %w", err)
	}
	defer probeUDP.Close()

	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	parts := []func() error{
		func() error { return newServer(a).serve(ctx, control) },
		func() error { return a.probes.serveTCP(probeTCP) },
		func() error { return a.probes.serveUDP(probeUDP) },
		func() error { return a.watch(ctx, s.healAfter/10) },
	}
	ended := make(chan error, len(parts))
	for _, part := range parts {
		go func() { ended <- part() }()
	}
	var first error
	running := len(parts)
	select {
	case <-ctx.Done():
	case first = <-ended:
		running--
	}
	cancel()
	control.Close()
	probeTCP.Close()
	probeUDP.Close()
	for ; running > 0; running-- {
		first = errors.Join(first, <-ended)
	}
	return errors.Join(first, a.close())
}
