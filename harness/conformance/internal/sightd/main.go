// Command sightd is the system that the conformance suite runs: nodes that look at
// their peers, at names and at themselves, with plain sockets that share no code
// with any fault, and tell what they see.
//
// It listens for clients on TCP, and for its peers on TCP and UDP. A client sends a
// [sight.Question] as a line of JSON and is answered by a line: a [sight.Sight].
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"time"

	"github.com/seatrial/seatrial/harness/conformance/internal/sight"
)

func main() {
	if len(os.Args) == 2 && os.Args[1] == "nap" {
		return // a child that only shows that it could be started
	}
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "sightd:", err)
		os.Exit(1)
	}
}

func run() error {
	client, err := net.Listen("tcp", os.Getenv(sight.EnvClient))
	if err != nil {
		return err
	}
	peer, err := net.Listen("tcp", os.Getenv(sight.EnvPeer))
	if err != nil {
		return err
	}
	datagrams, err := net.ListenPacket("udp", os.Getenv(sight.EnvPeer))
	if err != nil {
		return err
	}
	n := &node{life: time.Now().UnixNano(), heard: map[string][]int{}, peers: map[string]*watched{}}
	for _, pair := range strings.Fields(os.Getenv(sight.EnvPeers)) {
		name, address, _ := strings.Cut(pair, "=")
		n.peers[name] = &watched{address: address}
	}
	ended := make(chan error, 3)
	go func() { ended <- n.takeDatagrams(datagrams) }()
	go func() { ended <- accept(peer, echo) }()
	go func() { ended <- accept(client, n.answer) }()
	fmt.Println("sightd serves with a ballast of", len(ballast), "bytes")
	return <-ended
}

func accept(listener net.Listener, serve func(net.Conn)) error {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return err
		}
		go func() {
			defer conn.Close()
			serve(conn)
		}()
	}
}

// echo sends back what comes.
func echo(conn net.Conn) { _, _ = io.Copy(conn, conn) }

// answer answers questions until the client leaves.
func (n *node) answer(conn net.Conn) {
	lines := bufio.NewReader(conn)
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return
		}
		var q sight.Question
		if err := json.Unmarshal(line, &q); err != nil {
			fmt.Fprintln(os.Stderr, "sightd:", err)
			return
		}
		text, err := json.Marshal(n.look(q))
		if err != nil {
			fmt.Fprintln(os.Stderr, "sightd:", err)
			return
		}
		if _, err := conn.Write(append(text, '\n')); err != nil {
			return
		}
	}
}
