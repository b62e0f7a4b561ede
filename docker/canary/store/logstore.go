package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/raft"
	"go.etcd.io/bbolt"
)

var (
	bucketLog    = []byte("log")    // index, big endian → entry
	bucketStable = []byte("stable") // name → value
)

// diskLog is raft's log and its stable store (term and vote) in one bbolt file.
// Every change is synced before it is acknowledged, unless it was opened to sync
// nothing. It implements [raft.LogStore] and [raft.StableStore].
type diskLog struct{ db *bbolt.DB }

// openDiskLog opens or makes the file. A second process on the same file is
// refused after lockLimit. With noSync, which is the defect [NoFsync], what is
// written is left to the page cache.
func openDiskLog(path string, noSync bool) (*diskLog, error) {
	const lockLimit = 5 * time.Second
	options := *bbolt.DefaultOptions
	options.Timeout = lockLimit
	// The list of free pages is rebuilt on opening instead of being written with each change.
	options.NoFreelistSync = true
	options.FreelistType = bbolt.FreelistMapType
	options.NoSync, options.NoGrowSync = noSync, noSync
	db, err := bbolt.Open(path, 0o600, &options)
	if err != nil {
		return nil, fmt.Errorf("open the log %s (is another node running on this data folder?): %w", path, err)
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		for _, name := range [][]byte{bucketLog, bucketStable} {
			if _, err := tx.CreateBucketIfNotExists(name); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("prepare the log %s: %w", path, err), db.Close())
	}
	return &diskLog{db: db}, nil
}

// Close closes the file.
func (d *diskLog) Close() error { return d.db.Close() }

// FirstIndex implements [raft.LogStore]: zero where the log is empty.
func (d *diskLog) FirstIndex() (first uint64, err error) {
	err = d.db.View(func(tx *bbolt.Tx) error {
		first, _ = bounds(tx)
		return nil
	})
	return first, err
}

// LastIndex implements [raft.LogStore]: zero where the log is empty.
func (d *diskLog) LastIndex() (last uint64, err error) {
	err = d.db.View(func(tx *bbolt.Tx) error {
		_, last = bounds(tx)
		return nil
	})
	return last, err
}

func bounds(tx *bbolt.Tx) (first, last uint64) {
	cursor := tx.Bucket(bucketLog).Cursor()
	if key, _ := cursor.First(); key != nil {
		first = binary.BigEndian.Uint64(key)
	}
	if key, _ := cursor.Last(); key != nil {
		last = binary.BigEndian.Uint64(key)
	}
	return first, last
}

// GetLog implements [raft.LogStore]; the error is [raft.ErrLogNotFound] itself
// where there is no such entry, because raft compares it with ==.
func (d *diskLog) GetLog(index uint64, entry *raft.Log) error {
	return d.db.View(func(tx *bbolt.Tx) error {
		data := tx.Bucket(bucketLog).Get(indexKey(index))
		if data == nil {
			return raft.ErrLogNotFound
		}
		return decodeEntry(index, data, entry)
	})
}

// StoreLog implements [raft.LogStore].
func (d *diskLog) StoreLog(entry *raft.Log) error { return d.StoreLogs([]*raft.Log{entry}) }

// StoreLogs implements [raft.LogStore]: all entries or none.
func (d *diskLog) StoreLogs(entries []*raft.Log) error {
	return d.db.Update(func(tx *bbolt.Tx) error {
		bucket := tx.Bucket(bucketLog)
		bucket.FillPercent = 0.9 // keys only ever grow: half-full pages would stay half full
		for _, entry := range entries {
			if err := bucket.Put(indexKey(entry.Index), encodeEntry(entry)); err != nil {
				return fmt.Errorf("store entry %d: %w", entry.Index, err)
			}
		}
		return nil
	})
}

// DeleteRange implements [raft.LogStore]; both ends are included. It is one
// transaction: a crash halfway through cutting off the log's end must not leave
// a hole with entries behind it.
func (d *diskLog) DeleteRange(low, high uint64) error {
	return d.db.Update(func(tx *bbolt.Tx) error {
		first, last := bounds(tx)
		low, high = max(low, first), min(high, last)
		bucket := tx.Bucket(bucketLog)
		for index := low; index <= high && high > 0; index++ {
			if err := bucket.Delete(indexKey(index)); err != nil {
				return fmt.Errorf("delete entry %d: %w", index, err)
			}
		}
		return nil
	})
}

// Set implements [raft.StableStore].
func (d *diskLog) Set(key, value []byte) error {
	return d.db.Update(func(tx *bbolt.Tx) error { return tx.Bucket(bucketStable).Put(key, value) })
}

// Get implements [raft.StableStore]: nothing where the key was never set.
func (d *diskLog) Get(key []byte) (value []byte, err error) {
	err = d.db.View(func(tx *bbolt.Tx) error {
		value = append([]byte(nil), tx.Bucket(bucketStable).Get(key)...)
		return nil
	})
	return value, err
}

// SetUint64 implements [raft.StableStore].
func (d *diskLog) SetUint64(key []byte, value uint64) error {
	return d.Set(key, binary.BigEndian.AppendUint64(nil, value))
}

// GetUint64 implements [raft.StableStore]: zero where the key was never set.
func (d *diskLog) GetUint64(key []byte) (uint64, error) {
	value, err := d.Get(key)
	if err != nil || len(value) == 0 {
		return 0, err
	}
	if len(value) != 8 {
		return 0, fmt.Errorf("read %q of the stable store: %d bytes are no number", key, len(value))
	}
	return binary.BigEndian.Uint64(value), nil
}

func indexKey(index uint64) []byte { return binary.BigEndian.AppendUint64(nil, index) }

// entryHeader is the size of an entry before its extensions and data: kind,
// term, time in nanoseconds, length of the extensions.
const entryHeader = 1 + 8 + 8 + 4

func encodeEntry(e *raft.Log) []byte {
	out := make([]byte, 0, entryHeader+len(e.Extensions)+len(e.Data))
	out = append(out, byte(e.Type))
	out = binary.BigEndian.AppendUint64(out, e.Term)
	var appended int64 // the zero time has no nanoseconds since 1970
	if !e.AppendedAt.IsZero() {
		appended = e.AppendedAt.UnixNano()
	}
	out = binary.BigEndian.AppendUint64(out, uint64(appended))
	out = binary.BigEndian.AppendUint32(out, uint32(len(e.Extensions)))
	out = append(out, e.Extensions...)
	return append(out, e.Data...)
}

// decodeEntry copies what it needs: data lives no longer than its transaction.
func decodeEntry(index uint64, data []byte, into *raft.Log) error {
	if len(data) < entryHeader {
		return fmt.Errorf("read entry %d: %d bytes are too few", index, len(data))
	}
	extensions := uint64(binary.BigEndian.Uint32(data[17:]))
	body := data[entryHeader:]
	if extensions > uint64(len(body)) {
		return fmt.Errorf("read entry %d: extensions of %d bytes in a body of %d", index, extensions, len(body))
	}
	*into = raft.Log{
		Index: index, Type: raft.LogType(data[0]), Term: binary.BigEndian.Uint64(data[1:]),
		Extensions: append([]byte(nil), body[:extensions]...),
		Data:       append([]byte(nil), body[extensions:]...),
	}
	if appended := int64(binary.BigEndian.Uint64(data[9:])); appended != 0 {
		into.AppendedAt = time.Unix(0, appended)
	}
	return nil
}
