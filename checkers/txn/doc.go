// Package txn judges transactions, as Elle does.
package txn
