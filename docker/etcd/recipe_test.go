package etcd

import (
	"context"
	"errors"
	"io/fs"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seatrial/seatrial/harness/cluster"
)

// builtVersions are those that are built from a Go module.
func builtVersions(t *testing.T) []string {
	t.Helper()
	var built []string
	for _, r := range offered {
		if files, err := cluster.Recipe(recipes, r.folder); err == nil && files["go.mod"] != nil {
			built = append(built, r.version)
		}
	}
	require.Len(t, built, 3)
	return built
}

// A recipe builds the version that it is offered for, from complete checksums.
func TestRecipesMatchVersions(t *testing.T) {
	for _, version := range builtVersions(t) {
		r, err := recipeOf(version)
		require.NoError(t, err)
		files, err := cluster.Recipe(recipes, r.folder)
		require.NoError(t, err)
		require.Len(t, files, 3)
		required := regexp.MustCompile(`(?m)^require go\.etcd\.io/etcd/server/v3 (v\S+)$`).FindSubmatch(files["go.mod"])
		require.NotNil(t, required, "go.mod of %s requires etcd's server", version)
		require.Equal(t, "v"+version, string(required[1]))
		require.NotContains(t, string(files["go.mod"]), "replace ", "%s is unmodified", version)
		require.Contains(t, string(files["go.sum"]), "go.etcd.io/etcd/server/v3 v"+version+" h1:")
		require.Contains(t, string(files["go.sum"]), "go.etcd.io/etcd/server/v3 v"+version+"/go.mod h1:")
		require.Contains(t, string(files["main.go"]), "etcdmain.Main(os.Args)")
	}
}

// Another version than the one that is offered can't be installed.
func TestPackageMatchesVersion(t *testing.T) {
	r, err := recipeOf("3.4.23")
	require.NoError(t, err)
	files, err := cluster.Recipe(recipes, r.folder)
	require.NoError(t, err)
	require.Len(t, files, 1)
	require.Contains(t, string(files["Dockerfile"]), "FROM debian:bookworm-slim\n", "it builds anywhere")
	require.Contains(t, string(files["Dockerfile"]), "etcd-server="+r.version+"*")
}

// Every embedded file belongs to a version and has the suffix that keeps it out
// of the Go toolchain's sight.
func TestNoStrayRecipes(t *testing.T) {
	used := map[string]bool{}
	for _, o := range offered {
		require.False(t, used[o.folder], "%s makes one version", o.folder)
		used[o.folder] = true
	}
	require.NoError(t, fs.WalkDir(recipes, "recipe", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		folder := path[:strings.LastIndexByte(path, '/')]
		require.True(t, used[folder], path)
		require.True(t, strings.HasSuffix(path, ".tmpl") || strings.HasSuffix(path, "/Dockerfile"), path)
		return nil
	}))
}

// fakeBuilder notes what it is asked for.
type fakeBuilder struct {
	template, image, binary string
	files                   map[string][]byte
	fails                   error
}

func (f *fakeBuilder) GoPackage(context.Context, string) (string, error) {
	return "", errors.New("etcd is not a package of this module")
}

func (f *fakeBuilder) GoTemplate(_ context.Context, name string, files map[string][]byte) (string, error) {
	f.template, f.files = name, files
	return "/built/" + name, f.fails
}

func (f *fakeBuilder) FromBinary(_ context.Context, name, binary string) (string, error) {
	f.image, f.binary = name, binary
	return "tag-of-" + name, nil
}

func (f *fakeBuilder) FromDockerfile(_ context.Context, name string, files map[string][]byte) (string, error) {
	f.image, f.files = name, files
	return "packaged-" + name, f.fails
}

func TestImage(t *testing.T) {
	var builder fakeBuilder
	tag, err := Cluster{Version: "3.6.16"}.Image(t.Context(), &builder)
	require.NoError(t, err)
	require.Equal(t, "tag-of-etcd", tag)
	require.Equal(t, "etcd-3.6.16", builder.template)
	require.Equal(t, "etcd", builder.image)
	require.Equal(t, "/built/etcd-3.6.16", builder.binary)
	require.Contains(t, builder.files, "go.mod")
	require.Contains(t, builder.files, "go.sum")
	require.Contains(t, builder.files, "main.go")

	builder.fails = errors.New("no compiler")
	_, err = Cluster{}.Image(t.Context(), &builder)
	require.ErrorIs(t, err, builder.fails)
	require.ErrorContains(t, err, "build etcd 3.5.35")

	_, err = Cluster{Version: "9"}.Image(t.Context(), &builder)
	require.ErrorContains(t, err, "3.5.35, 3.4.23, 3.6.16, 3.7.3")
}

func TestImageOfAPackage(t *testing.T) {
	var builder fakeBuilder
	tag, err := Cluster{Version: "3.4.23"}.Image(t.Context(), &builder)
	require.NoError(t, err)
	require.Equal(t, "packaged-etcd", tag)
	require.Contains(t, builder.files, "Dockerfile")
	require.Empty(t, builder.template, "nothing is compiled")

	builder.fails = errors.New("no such package")
	_, err = Cluster{Version: "3.4.23"}.Image(t.Context(), &builder)
	require.ErrorIs(t, err, builder.fails)
	require.ErrorContains(t, err, "image of etcd 3.4.23")
}
