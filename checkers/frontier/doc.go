// Package frontier decides whether operations of any kind are linearizable.
//
// It is Lowe's just-in-time linearization ("Testing for linearizability", 2017),
// breadth first over the returns of operations. A configuration is a set of
// operations under way that have taken effect already, and the state that the
// object is in. When an operation returns it must have taken effect: from every
// configuration in which it has not, all sequences of operations under way are
// tried that end with it, and no other operation is taken before one must be.
// What is kept from return to return is the frontier, the set of configurations;
// so memory is the frontier, whatever the length of the history. The operations
// are linearizable if and only if a configuration is left at the end.
//
// An operation whose outcome nobody knows never returns ([Never]): it may be taken
// at any time after its call, and need not be.
//
// # What is left out, and why that changes no answer
//
// Observers leave every state as it is. One that is legal in a configuration's
// state is taken at once: whatever can follow without it can follow with it.
//
// A configuration dominates another of the same state where both took the same
// changes that were answered, it took all observers that the other took, and no
// more of the changes of unknown outcome: whatever can follow the other can follow
// it. Dominated configurations are dropped.
//
// Operations of one class can stand for each other. Of those under way, the one
// that returns first is taken first: in a legal order where it is not, the two
// change places and the order is legal still. So of unknown operations a
// configuration holds only how many of each class it took.
//
// Right before an operation that overwrites all there was, another one that is legal in
// every state makes no difference. So where one overwrites, of all such under way
// ([Op.Blind]) that were not taken it is noted that they are free: whether they were taken
// there makes no difference, and the one configuration stands for both, of each of them. A
// free one can be taken still, for what it leads to, and need not be when it returns. This
// dominates what is the same but for free ones. Nothing is lost, since all sequences are tried
// that were before, and nothing is gained, since each of what a configuration stands for
// can be reached.
//
// What overwrites is taken before another only where somebody sees what it leads to: see
// wanted.go.
//
// Some states never come back once they are left (a register whose values are
// written once): see [Problem.Holds]. Such a state is not left while an answered
// operation is still to come that can be taken in no other.
//
// Before an operation that returns, only such are taken as it depends on, directly or
// through others under way: [Problem.Commute] says which do not. An order in which
// another comes before can be changed so that it comes after.
//
// # Unknown outcomes
//
// At first, changes of unknown outcome are taken only where otherwise no
// configuration would survive, and then as few as possible, and of configurations that
// differ only in which of them were taken one is kept: an order that is found so is an
// order. Where none is found, the search goes back, further each time, and
// tries all of them from there; a violation is one only after that was done from
// the beginning.
package frontier
