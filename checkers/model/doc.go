// Package model holds the sequential specifications that histories are judged
// against, and two judges that are slow and sure.
//
// [CASRegister] is a porcupine model of one key: a cell that is read, written,
// and swapped by compare-and-set. A register nobody swaps on is the same cell,
// so [Register] differs in name only. [Operations] turns a key of a history into
// porcupine's operations:
//
//	ops := model.Operations(h, key)
//	result := porcupine.CheckOperationsTimeout(model.CASRegister(history.Nil, h.Text), ops, time.Minute)
//
// [BruteForce] tries every order. It shares no code with porcupine nor with
// [Step], so the fast checkers can be tested against both, and a proof of a few
// operations can be verified by itself.
//
// # What outcomes mean
//
// An operation that failed never happened: it is left out. One whose outcome
// nobody knows may take effect at any time after its call or never: it returns
// after everything else, where its effect is seen by nobody, which is the same
// as never. A read that does not say what it saw is no evidence.
//
// A compare-and-set that was refused saw a value other than the expected one.
// One that was told, in one answer, "it is not 5" and "it is 5" is therefore
// legal nowhere.
package model
