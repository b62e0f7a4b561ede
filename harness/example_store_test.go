package harness_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/seatrial/seatrial/checkers"
	"github.com/seatrial/seatrial/harness"
	"github.com/seatrial/seatrial/harness/fault"
	"github.com/seatrial/seatrial/workloads"
)

// TestASystemOfOnesOwn runs it: a store that is paused keeps its promise.
func TestASystemOfOnesOwn(t *testing.T) {
	harness.Test(t, harness.Scenario{
		Name: "shelf/register/pause", System: Shelf{}, Workload: workloads.Registers{Keys: 3},
		Clients: 4, Duration: 3 * time.Second,
		Faults: fault.After{Delay: time.Second, Do: fault.For{Duration: time.Second, Fault: fault.Pause{Target: fault.Random}}},
		Check:  checkers.All{checkers.Linearizable{}},
	})
}

// TestAStoreInMemoryForgetsWhenKilled is its counterpart: what must break, breaks.
func TestAStoreInMemoryForgetsWhenKilled(t *testing.T) {
	harness.TestFinds(t, harness.Scenario{
		Name: "shelf/register/kill", System: Shelf{}, Workload: workloads.Registers{Keys: 3},
		Clients: 4, Duration: 3 * time.Second,
		Faults: fault.After{Delay: time.Second, Do: fault.For{Duration: 500 * time.Millisecond, Fault: fault.Kill{Target: fault.Node("n1")}}},
		Check:  checkers.All{checkers.Linearizable{}},
	}, "linearizable")
}

const envShelf = "SEATRIAL_TEST_SHELF"

// serveShelf is the store: it never returns.
func serveShelf(address string) {
	listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", address)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	var mu sync.Mutex
	cells := map[string]string{}
	for {
		conn, err := listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			os.Exit(0)
		} else if err != nil {
			continue
		}
		go func() {
			defer conn.Close()
			for lines := bufio.NewScanner(conn); lines.Scan(); {
				words := strings.Fields(lines.Text())
				mu.Lock()
				answer, ok := cells[words[1]]
				if !ok {
					answer = "nil"
				}
				switch {
				case words[0] == "write":
					cells[words[1]], answer = words[2], "written"
				case words[0] == "cas" && words[2] == answer:
					cells[words[1]], answer = words[3], "swapped"
				}
				mu.Unlock()
				fmt.Fprintln(conn, answer)
			}
		}()
	}
}
