package etcd_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/seatrial/seatrial/docker/etcd"
	"github.com/seatrial/seatrial/harness/history"
	"github.com/seatrial/seatrial/harness/link"
	"github.com/seatrial/seatrial/workloads"
)

// A cluster is a value. What is wrong with it is known before anything starts.
func ExampleCluster() {
	system := etcd.Cluster{Nodes: 3, Version: "3.6.16"}
	fmt.Println(system.SystemName(), system.SystemVersion(), system.NodeNames())
	fmt.Println(etcd.Cluster{Version: "3.3"}.Validate())
	// Output:
	// etcd 3.6.16 [n1 n2 n3]
	// etcd: version "3.3" is not offered: the versions are 3.5.35, 3.4.23, 3.6.16, 3.7.3
}

// A client of one node tells apart what did not happen from what nobody knows.
func ExampleCluster_OpenRegister() {
	write := func(ctx context.Context, session link.Session) (history.Outcome, error) {
		register, err := etcd.Cluster{}.OpenRegister(ctx, session)
		if err != nil {
			return history.Fail, err
		}
		err = register.Write(ctx, "r1", history.Int(17))
		outcome := history.Info
		switch {
		case err == nil:
			outcome = history.OK
		case workloads.IsNotDone(err):
			outcome = history.Fail
		}
		return outcome, errors.Join(err, register.Close())
	}
	_ = write // a scenario's session says which node and how to dial it
}
