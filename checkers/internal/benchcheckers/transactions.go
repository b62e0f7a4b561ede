package main

import (
	"github.com/seatrial/seatrial/checkers"
	"github.com/seatrial/seatrial/checkers/internal/synthetic"
	"github.com/seatrial/seatrial/checkers/txn"
	"github.com/seatrial/seatrial/harness/history"
)

// transactionCells are the checkers of transactions, of one to four steps each, at
// strict serializability. Everything found is classified.
func transactionCells() []cell {
	var all []cell
	for _, registers := range []bool{false, true} {
		work, checker := "list-append", checkers.Checker(txn.ListAppend{})
		if registers {
			work, checker = "rw-register", txn.Register{}
		}
		for _, plant := range []func(*history.History){nil, staleTransaction} {
			for _, n := range []int{thousand, 10 * thousand, 100 * thousand, million} {
				transactions := synthetic.Transactions{Operations: n, Registers: registers}
				all = append(all, cell{
					work: work, checker: checker, plant: plant, made: func() *history.History { return transactions.History(7) },
					load: synthetic.Load{Operations: n, Clients: synthetic.TransactionClients, Keys: synthetic.TransactionKeys, Unknown: synthetic.TransactionUnknown},
				})
			}
		}
	}
	return all
}

func staleTransaction(h *history.History) { synthetic.PlantStaleTransaction(h, len(h.Ops)/2) }
