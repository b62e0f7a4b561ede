// Command benchcheckers prints how fast checkers are on this machine, as the table
// of the README: histories of a correct system, and the same with one violation
// planted, judged by seatrial and, where it can, by porcupine.
//
// Each judge works in a process of its own, which is ended when it takes more than
// 20 seconds or 2 GB beyond the history; the table then says "time" or "memory". A
// wrong verdict is shown as such and ends the program with 1.
//
//	go run ./checkers/internal/benchcheckers            all lines, under 15 minutes
//	go run ./checkers/internal/benchcheckers -only fifo the lines whose work has this in its name
package main

import (
	"flag"
	"fmt"
	"os"
	"strings"
)

func main() {
	only := flag.String("only", "", "judge the lines of the table whose work has this in its name")
	judge := flag.String("judge", "", "for the program's own use: be the judge of one line")
	line := flag.Int("line", 0, "for the program's own use: the line to judge")
	flag.Parse()
	if *judge != "" {
		if err := beJudge(*judge, *line); err != nil {
			fmt.Fprintln(os.Stderr, "benchcheckers:", err)
			os.Exit(3)
		}
		return
	}
	wrong, err := table(*only)
	if err != nil {
		fmt.Fprintln(os.Stderr, "benchcheckers:", err)
		os.Exit(3)
	}
	if wrong {
		os.Exit(1)
	}
}

// table prints the lines; wrong says that a verdict was.
func table(only string) (wrong bool, err error) {
	fmt.Println("| work | operations | clients | unknown | keys | history | seatrial | memory | porcupine |")
	fmt.Println("|---|---|---|---|---|---|---|---|---|")
	for i, c := range cells() {
		if !strings.Contains(c.work, only) {
			continue
		}
		ours, err := ask("seatrial", i)
		if err != nil {
			return wrong, err
		}
		theirs := answer{Text: "–"}
		if c.second != nil {
			if theirs, err = ask("porcupine", i); err != nil {
				return wrong, err
			}
		}
		fmt.Printf("%s | %s | %s | %s |\n", c.describe(), ours.say(c.want()), ours.memory(), theirs.say(c.want()))
		wrong = wrong || ours.wrong(c.want()) || theirs.wrong(c.want())
	}
	return wrong, nil
}
