package etcd

import (
	"fmt"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"

	"github.com/seatrial/seatrial/workloads"
)

// refusals are the errors, by their text, that etcd makes for a Put or a Txn
// before it hands the request to raft, or that raft makes before it appends to its
// log or forwards: the request certainly has no effect. Read in the sources of
// 3.4.23 (as Debian builds it), 3.5.35, 3.6.16 and 3.7.3, which agree:
//
//   - api/v3rpc/interceptor.go makes "not capable", "not supported for learner" and
//     "no leader" before the handler runs;
//   - api/v3rpc/key.go makes the three of malformed requests;
//   - processInternalRaftRequestOnce in v3_server.go makes "too many requests" and
//     "request is too large" before it proposes;
//   - raft's Step makes "raft proposal dropped" on the member that was asked. A
//     leader to which the proposal was forwarded drops it in silence.
//
// The text has to do: "too many requests" and "raft proposal dropped" come without
// a code of their own, as codes.Unknown.
//
// Not among them is "database space exceeded": quotaApplierV3 stores the value and
// then says so.
var refusals = map[string]bool{
	rpctypes.ErrorDesc(rpctypes.ErrGRPCNotCapable):             true,
	rpctypes.ErrorDesc(rpctypes.ErrGPRCNotSupportedForLearner): true,
	rpctypes.ErrorDesc(rpctypes.ErrGRPCNoLeader):               true,

	rpctypes.ErrorDesc(rpctypes.ErrGRPCEmptyKey):     true,
	rpctypes.ErrorDesc(rpctypes.ErrGRPCTooManyOps):   true,
	rpctypes.ErrorDesc(rpctypes.ErrGRPCDuplicateKey): true,

	rpctypes.ErrorDesc(rpctypes.ErrGRPCRequestTooManyRequests): true,
	rpctypes.ErrorDesc(rpctypes.ErrGRPCRequestTooLarge):        true,

	"raft proposal dropped": true,
}

// refusedBeforeProposal reports whether err, as gRPC returned it, says that etcd
// did not let the request into its log.
func refusedBeforeProposal(err error) bool { return refusals[rpctypes.ErrorDesc(err)] }

// judge marks an error of an operation that writes as not done where that is certain.
func (c *connection) judge(doing, key string, err error) error {
	switch {
	case err == nil:
		return nil
	case workloads.IsNotDone(err) || refusedBeforeProposal(err):
		return workloads.NotDone(c.explain(doing, key, err))
	default:
		return c.explain(doing, key, err)
	}
}

func (c *connection) explain(doing, key string, err error) error {
	const keyMax = 64 // in an error
	if len(key) > keyMax {
		key = key[:keyMax] + "…"
	}
	return fmt.Errorf("%s %q through %s: %w", doing, key, c.session.Node, err)
}
