package workloads

import (
	"fmt"
	"math/rand/v2"
	"strconv"

	"github.com/seatrial/seatrial/harness/history"
)

// Bank moves money between accounts and reads all of them, each in one
// transaction. Every account begins with nothing and may be overdrawn, so whoever
// reads all of them must find that they sum to zero.
type Bank struct {
	// Accounts is how many there are. Default 8.
	Accounts int
	// MaxAmount is the most that is moved at a time, at least 1. Default 5.
	MaxAmount int
	// ReadShare is the part of the transactions that read all accounts, in
	// percent. Default 50.
	ReadShare int
}

func (w Bank) withDefaults() Bank {
	w.Accounts, w.MaxAmount, w.ReadShare = first(w.Accounts, 8), first(w.MaxAmount, 5), first(w.ReadShare, 50)
	return w
}

// WorkloadName is "bank".
func (Bank) WorkloadName() string { return "bank" }

// Validate checks the parameters, and that the system offers such transactions.
func (w Bank) Validate(system any) error {
	w = w.withDefaults()
	switch {
	case w.Accounts < 2 || w.MaxAmount < 1:
		return fmt.Errorf("bank: Accounts is %d and MaxAmount %d: there must be at least 2 accounts and an amount of 1", w.Accounts, w.MaxAmount)
	case w.ReadShare < 1 || w.ReadShare > 99:
		return fmt.Errorf("bank: ReadShare is %d: want 1 to 99 percent", w.ReadShare)
	}
	return offersSteps(system, "bank", history.Read, history.Add)
}

// Describe says that each key is an account that begins with nothing.
func (Bank) Describe(header *history.Header) {
	header.Model = ModelBank
	header.Initial = int64(0)
	header.UniqueValues = false
}

// Begin starts with empty accounts.
func (w Bank) Begin(system any) Load {
	w = w.withDefaults()
	var accounts []string
	var all []history.Step
	for i := range w.Accounts {
		accounts = append(accounts, "a"+strconv.Itoa(i))
		all = append(all, asked(accounts[i]))
	}
	next := func(draw *rand.Rand) []history.Step {
		if draw.IntN(100) < w.ReadShare {
			return all
		}
		two := draw.Perm(w.Accounts)
		amount := history.Int(int64(1 + draw.IntN(w.MaxAmount)))
		return []history.Step{history.Adds(accounts[two[0]], -amount), history.Adds(accounts[two[1]], amount)}
	}
	return bankLoad{&transactionLoad{system: system.(TransactionOpener), next: next, fromZero: true}, all}
}

type bankLoad struct {
	*transactionLoad
	all []history.Step
}

// FinalReads is one of all accounts, in one transaction.
func (l bankLoad) FinalReads() []FinalRead {
	return []FinalRead{{Operation: TransactionOf(l.all...)}}
}
