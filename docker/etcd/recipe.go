package etcd

import (
	"context"
	"embed"
	"fmt"
	"strings"

	"github.com/seatrial/seatrial/harness/cluster"
)

// recipes holds, for each version, a module that builds etcd. A folder with its
// own go.mod belongs to no other module and can't be embedded, hence the suffix
// that every file loses when it is written out.
//
//go:embed recipe
var recipes embed.FS

const recipeSuffix = ".tmpl"

// programName is the program's path in its image, without the slash.
const programName = "etcd"

// offered says which recipe builds a version.
var offered = []struct{ version, recipe string }{
	{"3.5.35", "recipe/3.5"},
	{"3.6.16", "recipe/3.6"},
}

// Versions are those offered, the default first.
func (c Cluster) Versions() []string {
	versions := make([]string, 0, len(offered))
	for _, o := range offered {
		versions = append(versions, o.version)
	}
	return versions
}

// Image builds the program and an image that holds nothing else.
func (c Cluster) Image(ctx context.Context, builder cluster.ImageBuilder) (tag string, err error) {
	path, err := c.build(ctx, builder)
	if err != nil {
		return "", err
	}
	tag, err = builder.FromBinary(ctx, programName, path)
	if err != nil {
		return "", fmt.Errorf("make the image of etcd %s: %w", c.SystemVersion(), err)
	}
	return tag, nil
}

// build returns the path of a static etcd of the cluster's version.
func (c Cluster) build(ctx context.Context, builder cluster.ProgramBuilder) (path string, err error) {
	files, err := recipeFiles(c.SystemVersion())
	if err != nil {
		return "", err
	}
	path, err = builder.GoTemplate(ctx, "etcd-"+c.SystemVersion(), files)
	if err != nil {
		return "", fmt.Errorf("build etcd %s: %w", c.SystemVersion(), err)
	}
	return path, nil
}

// recipeFiles are the files of the module that builds a version, under the names
// that the Go toolchain wants.
func recipeFiles(version string) (map[string][]byte, error) {
	for _, o := range offered {
		if o.version != version {
			continue
		}
		entries, err := recipes.ReadDir(o.recipe)
		if err != nil {
			return nil, fmt.Errorf("read the recipe of etcd %s: %w", version, err)
		}
		files := make(map[string][]byte, len(entries))
		for _, entry := range entries {
			text, err := recipes.ReadFile(o.recipe + "/" + entry.Name())
			if err != nil {
				return nil, fmt.Errorf("read the recipe of etcd %s: %w", version, err)
			}
			files[strings.TrimSuffix(entry.Name(), recipeSuffix)] = text
		}
		return files, nil
	}
	return nil, fmt.Errorf("etcd: version %q is not offered: the versions are %s", version, strings.Join(Cluster{}.Versions(), ", "))
}
