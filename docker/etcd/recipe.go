package etcd

import (
	"context"
	"embed"
	"fmt"
	"strings"

	"github.com/seatrial/seatrial/harness/cluster"
)

// recipes holds, for each version, a module that builds etcd, or a Dockerfile that
// installs it.
//
//go:embed recipe
var recipes embed.FS

// imageName is what images of etcd are called, and the program in those that hold
// nothing else.
const imageName = "etcd"

// A recipe says how the image of a version is made.
type recipe struct {
	version string
	// folder holds a module, or a Dockerfile.
	folder string
	// program is the path of etcd in the image.
	program string
}

// offered are the recipes, the default first.
var offered = []recipe{
	{version: defaultVersion, folder: "recipe/3.5", program: "/" + imageName},
	{version: "3.4.23", folder: "recipe/3.4", program: "/usr/bin/etcd"},
	{version: "3.6.16", folder: "recipe/3.6", program: "/" + imageName},
	{version: "3.7.3", folder: "recipe/3.7", program: "/" + imageName},
}

// Versions are those offered, the default first.
func (c Cluster) Versions() []string {
	versions := make([]string, 0, len(offered))
	for _, r := range offered {
		versions = append(versions, r.version)
	}
	return versions
}

// Image makes the image of the cluster's version: the one program, built from
// etcd's Go module, or for 3.4 Debian's package on a small Debian.
func (c Cluster) Image(ctx context.Context, builder cluster.ImageBuilder) (tag string, err error) {
	r, err := recipeOf(c.SystemVersion())
	if err != nil {
		return "", err
	}
	files, err := cluster.Recipe(recipes, r.folder)
	if err != nil {
		return "", err
	}
	if _, packaged := files["Dockerfile"]; packaged {
		tag, err = builder.FromDockerfile(ctx, imageName, files)
	} else {
		var path string
		if path, err = r.build(ctx, builder, files); err != nil {
			return "", err
		}
		tag, err = builder.FromBinary(ctx, imageName, path)
	}
	if err != nil {
		return "", fmt.Errorf("make the image of etcd %s: %w", r.version, err)
	}
	return tag, nil
}

// build returns the path of a static etcd.
func (r recipe) build(ctx context.Context, builder cluster.ProgramBuilder, files map[string][]byte) (path string, err error) {
	path, err = builder.GoTemplate(ctx, "etcd-"+r.version, files)
	if err != nil {
		return "", fmt.Errorf("build etcd %s: %w", r.version, err)
	}
	return path, nil
}

func recipeOf(version string) (recipe, error) {
	for _, r := range offered {
		if r.version == version {
			return r, nil
		}
	}
	return recipe{}, fmt.Errorf("etcd: version %q is not offered: the versions are %s", version, strings.Join(Cluster{}.Versions(), ", "))
}
