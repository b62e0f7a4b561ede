package etcd

import (
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
)

// refusals are the errors, by their text, that etcd makes for a Put or a Txn
// before it hands the request to raft, or that raft makes before it appends to its
// log or forwards: the request certainly has no effect. Read in the sources of
// 3.5.35 and 3.6.16:
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
