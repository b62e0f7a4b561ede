package etcd

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seatrial/seatrial/harness/history"
	"github.com/seatrial/seatrial/workloads"
)

// BenchmarkRegisters is what ten clients get done, in operations a second, on as
// many members as processes on this machine.
func BenchmarkRegisters(b *testing.B) {
	const clients = 10
	kinds := map[string]func(context.Context, workloads.Register, int) error{
		"reads": func(ctx context.Context, register workloads.Register, _ int) error {
			_, err := register.Read(ctx, "k")
			return err
		},
		"writes": func(ctx context.Context, register workloads.Register, n int) error {
			return register.Write(ctx, "k", history.Int(int64(n)))
		},
		"compare-and-sets": func(ctx context.Context, register workloads.Register, n int) error {
			_, _, err := register.CompareAndSet(ctx, "k", history.Int(int64(n)), history.Int(int64(n+1)))
			return err
		},
	}
	for _, nodes := range []int{1, 3} {
		l := startLocal(b, Cluster{Nodes: nodes})
		var registers []workloads.Register
		for i := range clients {
			registers = append(registers, l.open(l.system.NodeNames()[i%nodes]))
		}
		for name, operation := range kinds {
			b.Run(fmt.Sprintf("%d members/%s", nodes, name), func(b *testing.B) {
				ctx := b.Context()
				errs := make([]error, clients)
				var busy sync.WaitGroup
				b.ResetTimer()
				for i, register := range registers {
					busy.Go(func() {
						for n := i; n < b.N && errs[i] == nil; n += clients {
							errs[i] = operation(ctx, register, n)
						}
					})
				}
				busy.Wait()
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "ops/s")
				for _, err := range errs {
					require.NoError(b, err)
				}
			})
		}
	}
}
