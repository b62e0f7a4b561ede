package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// user is who runs the command.
type user struct {
	uid, gid uint32
	groups   []uint32
	home     string
}

// findUser finds user[:group], by name or number, as a container engine does: in
// the image's own files. Without a group it is the user's own, and those that list
// the user are added.
func findUser(etc, text string) (user, error) {
	name, group, grouped := strings.Cut(text, ":")
	if name == "" {
		name = "0"
	}
	found := user{home: "/"}
	account, err := entry(filepath.Join(etc, "passwd"), 7, name, 2)
	if err != nil {
		return user{}, err
	}
	switch {
	case account != nil:
		if found.uid, err = id(account[2]); err == nil {
			found.gid, err = id(account[3])
		}
		if account[5] != "" {
			found.home = account[5]
		}
	default:
		found.uid, err = id(name)
	}
	if err != nil {
		return user{}, fmt.Errorf("the user %q is not in the image", name)
	}
	if !grouped || group == "" {
		if account != nil {
			found.groups, err = groupsOf(filepath.Join(etc, "group"), account[0])
		}
		return found, err
	}
	fields, err := entry(filepath.Join(etc, "group"), 4, group, 2)
	if err != nil {
		return user{}, err
	}
	if fields != nil {
		group = fields[2]
	}
	if found.gid, err = id(group); err != nil {
		return user{}, fmt.Errorf("the group %q is not in the image", group)
	}
	return found, nil
}

func id(text string) (uint32, error) {
	number, err := strconv.ParseUint(text, 10, 31)
	return uint32(number), err
}

// lines reads a file of records; one that is not there has none.
func lines(file string, fields int) ([][]string, error) {
	text, err := os.ReadFile(file)
	if err != nil && !os.IsNotExist(err) {
		return nil, err
	}
	var all [][]string
	for line := range strings.Lines(string(text)) {
		if record := strings.Split(strings.TrimSpace(line), ":"); len(record) == fields {
			all = append(all, record)
		}
	}
	return all, nil
}

// entry finds a record by name, or else by number; nil where there is none.
func entry(file string, fields int, name string, number int) ([]string, error) {
	all, err := lines(file, fields)
	for _, column := range []int{0, number} {
		for _, record := range all {
			if record[column] == name {
				return record, err
			}
		}
	}
	return nil, err
}

func groupsOf(file, name string) (ids []uint32, err error) {
	all, err := lines(file, 4)
	for _, record := range all {
		if slices.Contains(strings.Split(record[3], ","), name) {
			if number, err := id(record[2]); err == nil {
				ids = append(ids, number)
			}
		}
	}
	return ids, err
}

// environment is the command's: the engine set HOME for root, as which this
// program was started.
func (u user) environment(env []string) []string {
	var own []string
	for _, pair := range env {
		if u.uid == 0 || pair != "HOME=/root" {
			own = append(own, pair)
		}
	}
	if len(own) < len(env) {
		own = append(own, "HOME="+u.home)
	}
	return own
}
