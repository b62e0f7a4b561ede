package fault

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"sync"

	"github.com/seatrial/seatrial/harness/named"
)

// Journal is a file of what must be undone: a line with the resolved act is on
// disk before a fault is injected, and a second one after it was undone. At the
// end of a run what it holds open is healed. After the death of the runner it
// tells a person what was in force; by then the agents have healed themselves,
// and what the run made is removed as a whole.
type Journal struct {
	path string
	mu   sync.Mutex
	file *os.File
}

// OpenJournal creates the file, or goes on with it.
func OpenJournal(path string) (*Journal, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return nil, fmt.Errorf("open the undo journal: %w", err)
	}
	return &Journal{path: path, file: file}, nil
}

type journalLine struct {
	ID   string          `json:"id"`
	Done bool            `json:"undone,omitempty"`
	Text string          `json:"text,omitempty"`
	Act  json.RawMessage `json:"act,omitempty"`
}

// begin writes the undo record and waits until it is on disk.
func (j *Journal) begin(id string, act Act) error {
	line := journalLine{ID: id, Text: act.Text()}
	var err error
	if line.Act, err = named.MarshalLine(act); err != nil {
		return err
	}
	return j.write(line)
}

func (j *Journal) end(id string) error { return j.write(journalLine{ID: id, Done: true}) }

func (j *Journal) write(line journalLine) error {
	text, err := json.Marshal(line)
	if err != nil {
		return err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if _, err := j.file.Write(append(text, '\n')); err != nil {
		return fmt.Errorf("write the undo journal: %w", err)
	}
	if err := j.file.Sync(); err != nil {
		return fmt.Errorf("write the undo journal to disk: %w", err)
	}
	return nil
}

// open lists what was begun and not ended, the latest first.
func (j *Journal) open() ([]journalLine, error) {
	text, err := os.ReadFile(j.path)
	if err != nil {
		return nil, fmt.Errorf("read the undo journal: %w", err)
	}
	var lines []journalLine
	for line := range bytes.Lines(text) {
		var entry journalLine
		if err := json.Unmarshal(line, &entry); err != nil {
			return nil, fmt.Errorf("read the undo journal %s: %w", j.path, err)
		}
		lines = slices.DeleteFunc(lines, func(l journalLine) bool { return l.ID == entry.ID })
		if !entry.Done {
			lines = append(lines, entry)
		}
	}
	slices.Reverse(lines)
	return lines, nil
}

// Close closes the file.
func (j *Journal) Close() error { return j.file.Close() }
