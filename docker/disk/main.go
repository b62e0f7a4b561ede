package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/seatrial/seatrial/harness/disk"
	"github.com/seatrial/seatrial/harness/disk/layer"
	"github.com/seatrial/seatrial/harness/link/wire"
)

// The environment; see doc.go.
const (
	envPrefix  = "SEATRIAL_DISK_"
	envMount   = disk.EnvMount
	envBacking = disk.EnvBacking
	envUser    = disk.EnvUser
	envPort    = envPrefix + "PORT"
	envStrict  = envPrefix + "STRICT"
)

// How the program ends where the command does not say.
const (
	exitUsage    = 64
	exitMachine  = 3
	exitNoRun    = 126
	exitNotFound = 127
	exitKilled   = 137
)

// settings are what the program is started with.
type settings struct {
	token  string
	layer  layer.Options
	user   string
	port   uint16
	args   []string
	env    []string // the command's
	logger func(format string, args ...any)
}

func main() {
	log := func(format string, args ...any) {
		fmt.Fprintf(os.Stderr, "%s seatrial disk: %s\n", time.Now().UTC().Format(time.RFC3339Nano), fmt.Sprintf(format, args...))
	}
	if len(os.Args) == 2 && os.Args[1] == disk.TryArgument {
		if err := layer.Unavailable(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(exitMachine)
		}
		return
	}
	s, err := fromEnvironment(os.Environ(), os.Args[1:])
	if err == nil && os.Getpid() != 1 {
		err = errors.New("start: this is not the first process of a container, whose processes it may kill: no --init, no shared pid namespace")
	}
	if err != nil {
		log("%v", err)
		os.Exit(exitUsage)
	}
	s.logger, s.layer.Log = log, log
	code, err := run(s)
	if err != nil {
		log("%v", err)
	}
	os.Exit(code)
}

func fromEnvironment(environment, args []string) (settings, error) {
	s := settings{args: args, port: disk.Port}
	values := map[string]string{}
	for _, pair := range environment {
		name, value, _ := strings.Cut(pair, "=")
		if name != wire.EnvToken && !strings.HasPrefix(name, envPrefix) {
			s.env = append(s.env, pair)
			continue
		}
		values[name] = value
	}
	for name, into := range map[string]*string{wire.EnvToken: &s.token, envMount: &s.layer.Mount, envBacking: &s.layer.Backing} {
		if *into = values[name]; *into == "" {
			return s, fmt.Errorf("start: %s is not set", name)
		}
	}
	if inside(s.layer.Backing, s.layer.Mount) {
		return s, fmt.Errorf("start: %s, %s, is in the data directory %s, which covers it", envBacking, s.layer.Backing, s.layer.Mount)
	}
	if len(args) == 0 {
		return s, errors.New("start: no command: give the image's entrypoint and command")
	}
	s.user = values[envUser]
	if text := values[envPort]; text != "" {
		number, err := strconv.ParseUint(text, 10, 16)
		if err != nil || number == 0 {
			return s, fmt.Errorf("start: %s is %q, not a port", envPort, text)
		}
		s.port = uint16(number)
	}
	switch values[envStrict] {
	case "", "0":
	case "1":
		s.layer.Strict = true
	default:
		return s, fmt.Errorf("start: %s is %q: 1 or nothing", envStrict, values[envStrict])
	}
	return s, nil
}

func inside(path, dir string) bool {
	return strings.HasPrefix(strings.TrimRight(path, "/")+"/", strings.TrimRight(dir, "/")+"/")
}

// run is the whole life of the container.
func run(s settings) (code int, err error) {
	who, err := findUser("/etc", s.user)
	if err != nil {
		return exitUsage, fmt.Errorf("start: %w", err)
	}
	// It takes connections at once, and answers when the disk is there.
	listener, err := net.Listen("tcp", fmt.Sprintf(":%d", s.port))
	if err != nil {
		return exitMachine, fmt.Errorf("start: %w", err)
	}
	defer listener.Close()
	l, err := layer.Mount(s.layer)
	if err != nil {
		return exitMachine, fmt.Errorf("start: %w", err)
	}
	if err := giveUpMounting(); err != nil {
		return exitMachine, fmt.Errorf("start: give up the right to mount: %w", err)
	}
	// A working directory in the data directory is still the covered one.
	if dir, err := os.Getwd(); err != nil {
		return exitMachine, fmt.Errorf("start: %w", err)
	} else if err := os.Chdir(dir); err != nil {
		return exitMachine, fmt.Errorf("start: %w", err)
	}
	n := &node{Layer: l, settings: s, ended: make(chan struct{})}
	if code, err := n.start(who); err != nil {
		return code, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	served := make(chan error, 1)
	server := disk.Server{Node: n, Token: s.token, Log: s.logger}
	go func() { served <- server.Serve(ctx, listener) }()
	select {
	case err = <-served:
		err = errors.Join(fmt.Errorf("serve: %w", err), n.Kill(ctx))
		return exitMachine, err
	case <-n.ended: // by PowerLoss or Kill
		return exitKilled, nil
	case code = <-n.exited:
	}
	return code, n.leave()
}
