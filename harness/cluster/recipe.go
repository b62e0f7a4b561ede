package cluster

import (
	"fmt"
	"io/fs"
	"strings"
)

// Recipe reads the files of a folder, for an [ImageBuilder]: a Dockerfile and what
// it copies, or a Go module. A folder with its own go.mod belongs to no other module
// and can't be embedded, so a module's files end in ".tmpl", which they lose here.
func Recipe(files fs.FS, folder string) (map[string][]byte, error) {
	entries, err := fs.ReadDir(files, folder)
	if err != nil {
		return nil, fmt.Errorf("read the recipe %s: %w", folder, err)
	}
	recipe := make(map[string][]byte, len(entries))
	for _, entry := range entries {
		text, err := fs.ReadFile(files, folder+"/"+entry.Name())
		if err != nil {
			return nil, fmt.Errorf("read the recipe %s: %w", folder, err)
		}
		recipe[strings.TrimSuffix(entry.Name(), ".tmpl")] = text
	}
	return recipe, nil
}
