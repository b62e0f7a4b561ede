// Canaryd is one node of the store that ships with the harness; see package
// [github.com/seatrial/seatrial/docker/canary/store] for what it is and what it
// speaks. It logs to standard error and ends on SIGTERM or SIGINT.
//
//	canaryd --node n1 --client-listen 127.0.0.1:7000 --peer-listen 127.0.0.1:7001 \
//	        --peers n1=127.0.0.1:7001,n2=127.0.0.1:7101,n3=127.0.0.1:7201 \
//	        --data /var/lib/canary [--defect stale-read]
//
// It exits with 64 where the flags are wrong, and 1 where it could not start or stop.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/seatrial/seatrial/docker/canary/store"
)

const (
	exitFailed = 1
	exitUsage  = 64
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stderr))
}

func run(ctx context.Context, args []string, log io.Writer) (exit int) {
	options, err := parse(args, log)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err != nil {
		fmt.Fprintln(log, "canaryd:", err)
		return exitUsage
	}
	node, err := store.Open(options)
	if err != nil {
		fmt.Fprintln(log, "canaryd:", err)
		return exitFailed
	}
	fmt.Fprintf(log, "canaryd: %s serves clients on %s and peers on %s\n",
		options.Node, node.ClientAddr(), node.PeerAddr())
	<-ctx.Done()
	if err := node.Close(); err != nil {
		fmt.Fprintln(log, "canaryd: stop:", err)
		return exitFailed
	}
	return 0
}

func parse(args []string, log io.Writer) (store.Options, error) {
	options := store.Options{Log: log}
	var peers string
	flags := flag.NewFlagSet("canaryd", flag.ContinueOnError)
	flags.SetOutput(log)
	flags.StringVar(&options.Node, "node", "", "this node's `name`, one of the peers")
	flags.StringVar(&options.ClientListen, "client-listen", "", "`host:port` for clients")
	flags.StringVar(&options.PeerListen, "peer-listen", "", "`host:port` for the other nodes")
	flags.StringVar(&peers, "peers", "", "every node's `name=host:port`, as this node dials it, with commas between")
	flags.StringVar(&options.Data, "data", "", "`folder` for the log and the snapshots")
	flags.StringVar(&options.Defect, "defect", "", "`name` of a defect to switch on")
	if err := flags.Parse(args); err != nil {
		return options, err
	}
	if flags.NArg() > 0 {
		return options, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	if err := store.CheckDefect(options.Defect); err != nil {
		return options, err
	}
	var err error
	options.Peers, err = store.ParsePeers(peers)
	return options, err
}
