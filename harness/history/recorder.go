package history

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"time"
)

// Recorder appends a run's history to a file. Its methods may be called by many
// goroutines.
//
// A record is in the file when the call that made it returns: nothing that was
// recorded is lost when the process is killed (a crash of the host may lose what
// was not yet synced). Records are stamped under the recorder's lock, so the
// file's order is the order of the times.
//
// Methods that record return no error, so that a client's loop stays simple: the
// first failure, for instance a full disk, is kept for [Recorder.Err] and
// [Recorder.Close], and what comes after it is not recorded.
type Recorder struct {
	path   string
	start  time.Time
	counts counters

	mu      sync.Mutex
	file    *mapping
	closed  bool
	err     error
	line    []byte // the record being written, kept for its memory
	lines   lines
	strings map[string]Value
	acks    acks
}

// ErrClosed is what [Recorder.Err] returns after something was to be recorded
// when the recorder had been closed.
var ErrClosed = errors.New("the history is closed")

// Create makes a history file and writes its header. The header's Schema may be
// zero; Started is filled in if it is empty. A file that exists is evidence of
// another run: it is not overwritten, and the error is [os.ErrExist].
func Create(path string, header Header) (*Recorder, error) {
	r, err := create(path, header, func(*mapping) {})
	if err != nil {
		return nil, fmt.Errorf("create the history %s: %w", path, err)
	}
	return r, nil
}

func create(path string, header Header, adjust func(*mapping)) (*Recorder, error) {
	start := time.Now()
	if header.Started == "" {
		header.Started = start.UTC().Format(time.RFC3339Nano)
	}
	header, err := prepareHeader(header)
	if err != nil {
		return nil, err
	}
	line, err := appendHeader(nil, header)
	if err != nil {
		return nil, err
	}
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return nil, err
	}
	r := &Recorder{path: path, start: start, file: newMapping(file), strings: map[string]Value{}}
	adjust(r.file)
	if err := r.file.append(line); err != nil {
		return nil, errors.Join(err, r.file.close(), os.Remove(path))
	}
	return r, nil
}

// Now is the run's clock: nanoseconds since Create, never going back.
func (r *Recorder) Now() int64 { return int64(time.Since(r.start)) }

// Invoke records that a process begins an operation and returns the time of the
// record. It must be called before the request is sent. Value and expect are those
// of an [Op]: [None] where the kind has none. [Recorder.InvokeTxn] is for a transaction.
func (r *Recorder) Invoke(process int32, kind Kind, key string, value, expect Value) (call int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.Now()
	problem := misfit(kind, value, expect)
	switch {
	case process < 0:
		problem = "a process number is not negative"
	case kind == Txn:
		problem = "a transaction has steps: use InvokeTxn"
	}
	if problem != "" {
		r.fail(fmt.Errorf("process %d, %s of %q: %s", process, kind, key, problem))
		return now
	}
	if !r.knows(process, value) || !r.knows(process, expect) {
		return now
	}
	r.line = r.lines.call(r.line[:0], now, process, kind, key, value, expect)
	if r.write() {
		r.counts.invoked[kind].Add(1)
	}
	return now
}

// Complete records how the process's operation ended and returns the time of the
// record. It must be called after the answer was received. The kind is that of
// the invocation. The result is [None] where the client was told no value;
// mismatch says that a compare-and-set was answered with "not the expected
// value". With outcome [Info] nothing was told, so both are ignored.
func (r *Recorder) Complete(process int32, kind Kind, outcome Outcome, result Value, mismatch bool) (ret int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.Now()
	if kind == KindUnknown || kind >= kindCount || outcome > Fail {
		r.fail(fmt.Errorf("process %d completed kind %d with outcome %d, which do not exist", process, kind, outcome))
		return now
	}
	if outcome == Info {
		result = None
	}
	if lists := kind.ReadsList(); (lists || kind == Txn) && (outcome == OK || result != None) {
		lacks, use := "elements", "CompleteList"
		if !lists {
			lacks, use = "steps", "CompleteTxn"
		}
		r.fail(fmt.Errorf("process %d completed a %s without its %s: use %s for what was answered", process, kind, lacks, use))
		return now
	}
	if !r.knows(process, result) {
		return now
	}
	mismatch = mismatch && kind == CAS && outcome == OK
	r.line = r.lines.completion(r.line[:0], now, process, outcome, result, mismatch)
	if !r.write() {
		return now
	}
	r.completed(kind, outcome)
	if mismatch {
		r.counts.mismatches.Add(1)
	}
	return now
}

// CompleteList records the answer to a [ReadList], [ReadLocal] or [Drain], with the
// elements in their order and as often as they are there, and returns the time of
// the record. An element is any value but [None]. It keeps nothing of the slice.
// [Recorder.Complete] is for one that was not answered.
func (r *Recorder) CompleteList(process int32, kind Kind, elements []Value) (ret int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.Now()
	if !kind.ReadsList() {
		r.fail(fmt.Errorf("process %d completed a %s with a list", process, kind))
		return now
	}
	if !r.knowsAll(process, elements) {
		return now
	}
	r.line = r.lines.list(r.line[:0], now, process, elements)
	if r.write() {
		r.completed(kind, OK)
	}
	return now
}

// InvokeTxn records that a process begins a transaction and returns the time of the
// record. It must be called before the request is sent. The steps have what is to
// be written, and reads have been told nothing yet. The key is empty, or names the
// group of keys that the transaction is confined to. It keeps nothing of the slice.
func (r *Recorder) InvokeTxn(process int32, key string, steps []Step) (call int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.Now()
	if process < 0 {
		r.fail(fmt.Errorf("process %d, %s: a process number is not negative", process, Txn))
		return now
	}
	if !r.sound(process, steps, false) {
		return now
	}
	r.line = r.steps(beginTxn(r.line[:0], now, process, key), steps)
	if r.write() {
		r.counts.invoked[Txn].Add(1)
	}
	return now
}

// CompleteTxn records the answer to a transaction and returns the time of the
// record. It must be called after the answer was received. The steps are those of
// the invocation, in their order, and those that read have what they were told, or
// nothing where the answer did not say; a reader refuses a history in which they
// are others. It keeps nothing of the slice. [Recorder.Complete] is for a
// transaction that was not answered.
func (r *Recorder) CompleteTxn(process int32, steps []Step) (ret int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.Now()
	if !r.sound(process, steps, true) {
		return now
	}
	r.line = r.steps(beginAnswer(r.line[:0], now, process), steps)
	if r.write() {
		r.completed(Txn, OK)
	}
	return now
}

// Session records where a process sits. It sets the time.
func (r *Recorder) Session(s Session) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s.Time = r.Now()
	r.line = appendSession(r.line[:0], s)
	r.write()
}

// Fault records a moment in the life of a fault. It sets the time.
func (r *Recorder) Fault(f FaultEvent) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f.Time = r.Now()
	r.line = appendFault(r.line[:0], f)
	r.write()
}

// Mark records a named instant of the run.
func (r *Recorder) Mark(name, detail string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.line = appendMark(r.line[:0], Mark{Time: r.Now(), Name: name, Detail: detail})
	r.write()
}

// Intern returns the [Value] of a string, which is valid for this recorder only.
// Interned strings stay in memory until the recorder is gone.
func (r *Recorder) Intern(s string) Value {
	r.mu.Lock()
	defer r.mu.Unlock()
	if v, ok := r.strings[s]; ok {
		return v
	}
	v := StringValue(len(r.lines.quoted))
	r.lines.addString(s)
	r.strings[s] = v
	return v
}

// Counts is what was recorded so far. It takes no lock.
func (r *Recorder) Counts() Counts { return r.counts.read() }

// Err is the first failure since Create, nil where everything was recorded.
func (r *Recorder) Err() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.err
}

// Sync returns when everything that was recorded before is on the disk. Only a
// crash of the host makes this necessary. Others may go on recording.
func (r *Recorder) Sync() error {
	r.mu.Lock()
	file, closed := r.file.file, r.closed
	r.mu.Unlock()
	if closed {
		return nil
	}
	if err := file.Sync(); err != nil && !errors.Is(err, os.ErrClosed) {
		return fmt.Errorf("sync the history %s: %w", r.path, err)
	}
	return nil
}

// Close cuts the file to its real length and closes it. It returns the first
// failure since Create. A second call does nothing but to return it again.
func (r *Recorder) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return r.err
	}
	r.closed = true
	if err := r.file.close(); err != nil {
		r.fail(err)
	}
	return r.err
}

// knows reports whether a value can be written, and fails where it cannot.
func (r *Recorder) knows(process int32, v Value) bool {
	if r.lines.knows(v) {
		return true
	}
	r.fail(fmt.Errorf("process %d has a value %#x that stands for nothing here: values of strings come from this recorder's Intern", process, int64(v)))
	return false
}

// knowsAll reports whether the elements of a list can be written, and fails where
// they cannot.
func (r *Recorder) knowsAll(process int32, elements []Value) bool {
	for _, v := range elements {
		if v == None {
			r.fail(fmt.Errorf("process %d was told a list with an element that is no value", process))
			return false
		}
		if !r.knows(process, v) {
			return false
		}
	}
	return true
}

// sound reports whether the steps of a transaction can be written, and fails where
// they cannot.
func (r *Recorder) sound(process int32, steps []Step, answered bool) bool {
	for i := range steps {
		s := &steps[i]
		m := Micro{Kind: s.kind, Value: s.value, Listed: s.listed}
		if problem := misfitMicro(&m, answered); problem != "" {
			r.fail(fmt.Errorf("process %d, step %d of a transaction, %s of %q: %s", process, i+1, s.kind, s.key, problem))
			return false
		}
		if !r.knows(process, s.value) || !r.knowsAll(process, s.elements) {
			return false
		}
	}
	return true
}

// steps appends the steps of a transaction, and the end of the line.
func (r *Recorder) steps(b []byte, steps []Step) []byte {
	for i := range steps {
		b = r.lines.step(b, i == 0, &steps[i])
	}
	return endSteps(b)
}

// write appends the line and reports whether it is recorded.
func (r *Recorder) write() bool {
	if r.closed {
		r.fail(ErrClosed)
		return false
	}
	if r.err != nil {
		return false
	}
	if err := r.file.append(r.line); err != nil {
		r.fail(err)
		return false
	}
	return true
}

func (r *Recorder) fail(err error) {
	if r.err == nil {
		r.err = fmt.Errorf("record to the history %s: %w", r.path, err)
	}
}
