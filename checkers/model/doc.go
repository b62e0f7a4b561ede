// Package model holds the sequential specifications that histories are judged
// against, and judges that are slow and sure.
//
// # Models
//
// A [Spec] says what states an object can be in, and what each operation does to
// them. There are ones for what is tested most: [Register], [CASRegister],
// [MultiRegister], [KV], [Set], [Counter], [FIFOQueue], [Queue], [Mutex],
// [FencedMutex], [AppendList]; [ByName] finds those that a history's header names.
//
// A model of one's own takes a name, the states at first, and a step; see the
// example. Checkers take it as it is:
//
//	checkers.Linearizable{Model: highWater}
//
// What makes it fast is to say which operations only observe ([Spec.Observes]), which
// are legal in any state ([Spec.Always]) and which commute ([Spec.Commute]). Where all
// of many clients' operations change one object and nobody looks, the number of
// orders grows beyond any budget, whatever the judge.
//
// Each spec is judged by the frontier search ([Spec.Judge], package frontier), by
// brute force ([Spec.BruteForce]), and by porcupine ([Spec.Porcupine]): three
// judges that share nothing but the specification.
//
// Where a header says that nobody knows what keys held at first, registers, counters,
// stores and locks may hold anything; sets, lists and queues begin empty all the same.
//
// [Cell] is porcupine's model of a register, written apart from [CASRegister], and
// [BruteForce] a judge of registers that shares no code with either.
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
