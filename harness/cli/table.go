package cli

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"
)

// pageWidth is what a table keeps to where its words allow it.
const pageWidth = 120

// minCell is the least width of a wrapped column.
const minCell = 30

// table is text in columns. The last column is wrapped at its words.
type table struct {
	indent string
	rows   [][]string
}

func (t *table) row(cells ...string) { t.rows = append(t.rows, cells) }

// text is the table, its rows no wider than pageWidth where words allow it. A row
// of one cell is a line of its own: it counts for no column's width.
func (t *table) text() string {
	var widths []int
	for _, row := range t.rows {
		for i, cell := range row[:len(row)-1] {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	left := utf8.RuneCountInString(t.indent)
	for _, width := range widths {
		left += width + 2
	}
	var out bytes.Buffer
	for _, row := range t.rows {
		last := row[len(row)-1]
		if len(row) == 1 {
			fmt.Fprintln(&out, strings.TrimRight(last, " "))
			continue
		}
		line := t.indent
		for i, cell := range row[:len(row)-1] {
			line += pad(cell, widths[i]) + "  "
		}
		for i, part := range wrap(last, max(minCell, pageWidth-left)) {
			if i > 0 {
				line = strings.Repeat(" ", left)
			}
			fmt.Fprintln(&out, strings.TrimRight(line+part, " "))
		}
	}
	return out.String()
}

func pad(s string, width int) string {
	return s + strings.Repeat(" ", max(0, width-utf8.RuneCountInString(s)))
}

// wrap breaks a text between words into lines of at most that width; a longer
// word has a line of its own. There is always one line.
func wrap(text string, width int) []string {
	lines := []string{""}
	for _, word := range strings.Fields(text) {
		last := &lines[len(lines)-1]
		switch {
		case *last == "":
			*last = word
		case utf8.RuneCountInString(*last)+1+utf8.RuneCountInString(word) <= width:
			*last += " " + word
		default:
			lines = append(lines, word)
		}
	}
	return lines
}
