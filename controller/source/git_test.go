package source_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"

	"github.com/eventrouting/eventrouting/controller/source"
)

// repository is a real one in a folder of the test.
type repository struct {
	*git.Repository
	dir string
}

func newRepository(t *testing.T) repository {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not installed, which serves the repositories of this test")
	}
	t.Setenv("TMPDIR", t.TempDir()) // so that the test sees what is left there
	dir := t.TempDir()
	r, err := git.PlainInitWithOptions(dir, &git.PlainInitOptions{
		InitOptions: git.InitOptions{DefaultBranch: plumbing.NewBranchReferenceName("main")},
	})
	if err != nil {
		t.Fatal(err)
	}
	return repository{r, dir}
}

// commit adds everything in the folder, on top of the parents or, with none,
// of the branch.
func (r repository) commit(t *testing.T, parents ...plumbing.Hash) string {
	t.Helper()
	w, err := r.Worktree()
	if err != nil {
		t.Fatal(err)
	}
	if err := w.AddWithOptions(&git.AddOptions{All: true}); err != nil {
		t.Fatal(err)
	}
	id, err := w.Commit("work", &git.CommitOptions{
		Author: &object.Signature{Name: "T", Email: "t@example.com", When: time.Unix(1e9, 0)}, Parents: parents, AllowEmptyCommits: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	return id.String()
}

func (r repository) set(t *testing.T, name plumbing.ReferenceName, id string) {
	t.Helper()
	if err := r.Storer.SetReference(plumbing.NewHashReference(name, plumbing.NewHash(id))); err != nil {
		t.Fatal(err)
	}
}

func (r repository) remove(t *testing.T, name plumbing.ReferenceName) {
	t.Helper()
	if err := r.Storer.RemoveReference(name); err != nil {
		t.Fatal(err)
	}
}

func newGit(t testing.TB, url, ref, path string, c source.Credentials) *source.Git {
	t.Helper()
	g, err := source.NewGit(url, ref, path, c)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// refused wants the same error of Digest and Load.
func refused(t *testing.T, s source.Source, want string) {
	t.Helper()
	if d, err := s.Digest(t.Context()); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("Digest: %q, %v; want %q", d, err, want)
	}
	if set, err := s.Load(t.Context()); err == nil || !strings.Contains(err.Error(), want) || set.Commit != "" {
		t.Errorf("Load: %v, want %q", err, want)
	}
}

// TestGit walks through what becomes of a branch.
func TestGit(t *testing.T) {
	r := newRepository(t)
	g := newGit(t, r.dir, "main", "routing/", source.Credentials{})
	refused(t, g, "it is empty: there is no commit")

	write(t, r.dir, "routing/a.yaml", routing("a"))
	write(t, r.dir, "README.md", "about")
	first := r.commit(t)
	l := source.Last{Source: g}
	check := func(what, commit, docs string, changed bool) {
		t.Helper()
		now := l.Refresh(t.Context())
		if now.Set.Commit != commit || names(now.Set) != docs || now.Changed != changed || now.Stale() {
			t.Errorf("%s: documents %q; %s; %s", what, names(now.Set), state(now), found(now.Refused))
		}
	}
	check("first", first, "a", true)
	check("again", first, "a", false)
	if f := l.Refresh(t.Context()).Set.Docs[0].Origin.File; f != "routing/a.yaml" {
		t.Errorf("the document is from %s", f)
	}

	write(t, r.dir, "routing/b.yaml", routing("b"))
	second := r.commit(t)
	check("a file more", second, "a b", true)
	write(t, r.dir, "README.md", "about it")
	third := r.commit(t)
	check("nothing of ours", third, "a b", false)

	write(t, r.dir, "routing/b.yaml", "routes: [")
	broken := r.commit(t)
	now := l.Refresh(t.Context())
	if names(now.Set) != "a b" || now.Set.Commit != third || now.Refused.Commit != broken || !strings.Contains(found(now.Refused), "routing/b.yaml:1") {
		t.Errorf("broken: %s; %s", state(now), found(now.Refused))
	}

	write(t, r.dir, "routing/b.yaml", routing("forced"))
	forced := r.commit(t, plumbing.NewHash(first))
	check("force-pushed", forced, "a forced", true)

	r.set(t, "refs/heads/other", forced)
	r.remove(t, "refs/heads/main")
	if now = l.Refresh(t.Context()); names(now.Set) != "a forced" || !now.Stale() || !strings.Contains(now.Err.Error(), "no branch and no tag main") {
		t.Errorf("deleted: %s", state(now))
	}
	r.set(t, "refs/heads/main", second)
	check("back", second, "a b", true)

	if left, err := os.ReadDir(os.Getenv("TMPDIR")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestGitRefs(t *testing.T) {
	r := newRepository(t)
	write(t, r.dir, "a.yaml", routing("one"))
	one := r.commit(t)
	write(t, r.dir, "a.yaml", routing("two"))
	two := r.commit(t)
	write(t, r.dir, "a.yaml", routing("three"))
	three := r.commit(t)
	r.set(t, "refs/tags/light", one)
	r.set(t, "refs/tags/both", one)
	r.set(t, "refs/heads/both", two)
	r.set(t, "refs/heads/feature/x", two)
	tag, err := r.CreateTag("annotated", plumbing.NewHash(two), &git.CreateTagOptions{
		Message: "v", Tagger: &object.Signature{Name: "T", When: time.Unix(1e9, 0)},
	})
	if err != nil {
		t.Fatal(err)
	}
	tree, err := r.CommitObject(plumbing.NewHash(one))
	if err != nil {
		t.Fatal(err)
	}
	r.set(t, "refs/tags/tree", tree.TreeHash.String())

	for ref, want := range map[string]string{
		"": three, "main": three, "refs/heads/main": three, "feature/x": two, "light": one, "annotated": two,
		"refs/tags/annotated": two, "refs/tags/both": one, "refs/heads/both": two, one: one, strings.ToUpper(two): two,
	} {
		for _, url := range []string{r.dir, "file://" + r.dir} {
			g := newGit(t, url, ref, "", source.Credentials{})
			if got := digest(t, g); got != want {
				t.Errorf("ref %q: Digest %s, want %s", ref, got, want)
			}
			if set := load(t, g); set.Commit != want || len(set.Docs) != 1 || set.Broken() {
				t.Errorf("ref %q: commit %s with %q, want %s", ref, set.Commit, names(set), want)
			}
		}
	}
	refused(t, newGit(t, r.dir, "both", "", source.Credentials{}), "both is a branch and a tag: write refs/heads/both or refs/tags/both")
	refused(t, newGit(t, r.dir, "nope", "", source.Credentials{}), "no branch and no tag nope")
	refused(t, newGit(t, r.dir, one[:8], "", source.Credentials{}), "a commit is named by its full id")

	for ref, want := range map[string]string{
		strings.Repeat("1", 40): "it has no commit 1111", tag.Hash().String(): "is no commit: name " + two, "tree": "is no commit",
	} {
		set, err := newGit(t, r.dir, ref, "", source.Credentials{}).Load(t.Context())
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("ref %s: %v, %s; want %q", ref, err, set.Commit, want)
		}
	}

	// A server that gives out single commits, as the large hosts do.
	if out, err := exec.CommandContext(t.Context(), "git", "-C", r.dir, "config", "uploadpack.allowReachableSHA1InWant", "true").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if set := load(t, newGit(t, r.dir, two, "", source.Credentials{})); set.Commit != two || names(set) != "two" {
		t.Errorf("commit %s with %q", set.Commit, names(set))
	}
}

func TestGitPaths(t *testing.T) {
	r := newRepository(t)
	write(t, r.dir, "routing/a.yaml", routing("a"))
	write(t, r.dir, "routing/huge.yaml", strings.Repeat("# much\n", 1<<20))
	write(t, r.dir, "shared/b.yaml", routing("b"))
	write(t, r.dir, "shared/none.txt", "x")
	if err := os.MkdirAll(filepath.Join(r.dir, "links"), 0o700); err != nil {
		t.Fatal(err)
	}
	link(t, "../shared/b.yaml", r.dir, "links/b.yaml")
	link(t, "../../../../../../etc/passwd", r.dir, "links/out.yaml")
	r.commit(t)
	for _, c := range []struct{ path, docs, says string }{
		{"routing/a.yaml", "a", ""},
		{"shared", "b", ""},
		{"links/b.yaml", "b", ""},
		{"routing", "a", "routing/huge.yaml: is bigger than 4 MiB: split it"},
		{"links", "b", "links/out.yaml: is a link out of the repository"},
		{"nowhere", "", "nowhere: does not exist: correct the path"},
		{"shared/none.txt/x", "", "shared/none.txt/x: does not exist"},
		{".git", "", ".git: does not exist"},
	} {
		set := load(t, newGit(t, r.dir, "main", c.path, source.Credentials{}))
		if names(set) != c.docs || !strings.Contains(found(set), c.says) || set.Broken() != (c.says != "") {
			t.Errorf("%s: documents %q, want %q; findings %s", c.path, names(set), c.docs, found(set))
		}
	}
	refused(t, newGit(t, filepath.Join(r.dir, "nope"), "main", "", source.Credentials{}), "it does not exist")
}

func TestNewGit(t *testing.T) {
	const password = "pa55word"
	token := source.Credentials{Token: password}
	for _, c := range []struct {
		url, ref, path string
		c              source.Credentials
		want           string // String, or the error
	}{
		{"https://git.example/x.git", "main", "routing/", token, "https://git.example/x.git at main, routing"},
		{"https://bot:" + password + "@git.example/x.git", "", "", source.Credentials{}, "https://xxxxx@git.example/x.git"},
		{"https://" + password + "@git.example/x.git", "", ".", source.Credentials{}, "https://xxxxx@git.example/x.git"},
		{"git@git.example:team/x.git", "v1", "", source.Credentials{SSHKeyFile: "key"}, "git@git.example:team/x.git at v1"},
		{"ssh://git@git.example/x.git", "", "", source.Credentials{}, "ssh://git@git.example/x.git"},
		{"", "", "", source.Credentials{}, "URL of the git repository is empty"},
		{"https://bot:" + password + "@git example/x", "", "", source.Credentials{}, "cannot be parsed"},
		{"https://git.example/x?token=" + password, "", "", source.Credentials{}, "has a query or fragment"},
		{"git://git.example/x", "", "", source.Credentials{}, "not by git"},
		{"ext::sh -c id", "", "", source.Credentials{}, "ext::sh"}, // a path of that name
		{"ssh://git:" + password + "@git.example/x", "", "", source.Credentials{}, "has a password, which ssh does not take"},
		{"https://bot:" + password + "@git.example/x", "", "", token, "has a password and a token is set"},
		{"https://git.example/x", "", "/etc", token, "not inside the repository"},
		{"https://git.example/x", "", "../x", token, "not inside the repository"},
		{"https://git.example/x", "main~1", "", token, "neither a branch, a tag nor a full commit id"},
		{"https://git.example/x", "", "", source.Credentials{Token: password, TokenFile: "f"}, "set one of"},
		{"https://git.example/x", "", "", source.Credentials{SSHKeyFile: "f"}, "a key file is for ssh"},
		{"git@git.example:x", "", "", token, "a token is for https"},
	} {
		g, err := source.NewGit(c.url, c.ref, c.path, c.c)
		got := fmt.Sprintf("%v %+v %#v", err, g, c.c)
		if g != nil {
			got = fmt.Sprintf("%v %+v %#v", g, g, g) + fmt.Sprintf("%v %+v %#v %q", c.c, c.c, c.c, c.c)
		}
		if !strings.Contains(got, c.want) {
			t.Errorf("%s: %s, want %s", c.url, got, c.want)
		}
		if strings.Contains(got, password) {
			t.Errorf("%s shows the password", got)
		}
	}
	var out bytes.Buffer
	slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "credentials", token, "token", token.Token)
	slog.New(slog.NewTextHandler(&out, nil)).Info("x", "credentials", token, "token", token.Token)
	text, err := json.Marshal(token)
	if err != nil || strings.Contains(out.String()+string(text), password) {
		t.Errorf("shown: %s, %s, %v", out.String(), text, err)
	}
}

// serve gives out a repository to those who know the password, as git's own
// server does.
func serve(t *testing.T, r repository, user, password string) *httptest.Server {
	t.Helper()
	path, err := exec.CommandContext(t.Context(), "git", "--exec-path").Output()
	if err != nil {
		t.Fatal(err)
	}
	backend := &cgi.Handler{
		Path: filepath.Join(strings.TrimSpace(string(path)), "git-http-backend"),
		Env:  []string{"GIT_PROJECT_ROOT=" + r.dir, "GIT_HTTP_EXPORT_ALL=1"},
	}
	if _, err := os.Stat(backend.Path); err != nil {
		t.Skip("git http-backend is not installed, which serves this test")
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		u, p, ok := q.BasicAuth()
		switch {
		case strings.HasPrefix(q.URL.Path, "/forbidden"):
			http.Error(w, "not "+p, http.StatusForbidden)
		case strings.HasPrefix(q.URL.Path, "/echo"):
			w.Header().Set("Content-Type", "application/x-git-upload-pack-advertisement")
			fmt.Fprintf(w, "%04xERR you said %s\n", len(p)+18-1, p)
		case !ok || u != user || p != password:
			http.Error(w, "you are not "+p, http.StatusUnauthorized)
		default:
			backend.ServeHTTP(w, q)
		}
	}))
	t.Cleanup(s.Close)
	return s
}

func TestGitCredentials(t *testing.T) {
	r := newRepository(t)
	write(t, r.dir, "a.yaml", routing("a"))
	id := r.commit(t)
	const secret = "s3cret/+%"
	s := serve(t, r, "bot", secret)
	at := func(userinfo, path string) string {
		return "http://" + userinfo + strings.TrimPrefix(s.URL, "http://") + path
	}
	file := filepath.Join(t.TempDir(), "token")
	write(t, filepath.Dir(file), "token", "stale\n")

	for name, c := range map[string]struct {
		url string
		c   source.Credentials
	}{
		"token":         {at("", "/.git"), source.Credentials{Username: "bot", Token: secret}},
		"user in URL":   {at("bot@", "/.git"), source.Credentials{Token: secret}},
		"password":      {at("bot:s3cret%2F+%25@", "/.git"), source.Credentials{}},
		"token in file": {at("", "/.git"), source.Credentials{Username: "bot", TokenFile: file}},
	} {
		g := newGit(t, c.url, "main", "", c.c)
		if name == "token in file" {
			refused(t, g, "does not accept the credentials")
			write(t, filepath.Dir(file), "token", secret+"\n") // rotated
		}
		if got := digest(t, g); got != id {
			t.Errorf("%s: Digest %s", name, got)
		}
		if set := load(t, g); set.Commit != id || names(set) != "a" {
			t.Errorf("%s: %s with %q", name, set.Commit, names(set))
		}
	}

	known := source.Credentials{Username: "bot", Token: secret}
	for _, c := range []struct {
		url  string
		c    source.Credentials
		want string
	}{
		{at("", "/.git"), source.Credentials{}, "the server wants credentials: set " + source.EnvToken},
		{at("", "/.git"), source.Credentials{Token: secret}, "does not accept the credentials"},
		{at("", "/forbidden"), known, "the credentials do not allow to read it"},
		{at("", "/nope"), known, "it does not exist, or"},
		{at("", "/echo"), known, "you said xxxxx"},
		{at("bot:s3cret%2F+%25@", "/echo"), source.Credentials{}, "you said xxxxx"},
		{at("", "/.git"), source.Credentials{TokenFile: file + "-none"}, "read " + source.EnvTokenFile},
	} {
		g := newGit(t, c.url, "main", "", c.c)
		refused(t, g, c.want)
		_, err := g.Load(t.Context())
		for e := err; e != nil; e = errors.Unwrap(e) {
			if strings.Contains(fmt.Sprintf("%v %+v", e, e), "s3cret") {
				t.Errorf("the error shows the token: %v", e)
			}
		}
	}
	g := newGit(t, "ssh://git@127.0.0.1/x", "main", "", source.Credentials{SSHKeyFile: file})
	refused(t, g, "read "+source.EnvSSHKeyFile)
}

func TestCredentialsFrom(t *testing.T) {
	env := map[string]string{source.EnvUsername: "u", source.EnvToken: "t", source.EnvTokenFile: "f", source.EnvSSHKeyFile: "k"}
	want := source.Credentials{Username: "u", Token: "t", TokenFile: "f", SSHKeyFile: "k"}
	if got := source.CredentialsFrom(func(name string) string { return env[name] }); got != want {
		t.Error("a variable is not read into its field")
	}
}

// TestGitSilent speaks to servers that accept and never answer.
func TestGitSilent(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	key := filepath.Join(t.TempDir(), "key")
	if _, err := exec.LookPath("ssh-keygen"); err == nil {
		if out, err := exec.CommandContext(t.Context(), "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	hosts := filepath.Join(t.TempDir(), "known_hosts")
	write(t, filepath.Dir(hosts), "known_hosts", "")
	t.Setenv("SSH_KNOWN_HOSTS", hosts)
	for scheme, c := range map[string]source.Credentials{"http": {}, "ssh": {SSHKeyFile: key}} {
		if _, err := os.Stat(key); scheme == "ssh" && err != nil {
			t.Log("ssh-keygen is not installed: ssh is not tried")
			continue
		}
		g := newGit(t, scheme+"://"+l.Addr().String()+"/x.git", "main", "", source.Credentials{SSHKeyFile: c.SSHKeyFile})
		why := errors.New("waited long enough")
		for range 2 { // the second waits for the first, and no longer
			ctx, cancel := context.WithTimeoutCause(t.Context(), 50*time.Millisecond, why)
			if _, err := g.Digest(ctx); !errors.Is(err, why) {
				t.Errorf("%s: Digest: %v", scheme, err)
			}
			cancel()
		}
		ctx, cancel := context.WithTimeoutCause(t.Context(), 50*time.Millisecond, why)
		if _, err := g.Load(ctx); !errors.Is(err, why) {
			t.Errorf("%s: Load: %v", scheme, err)
		}
		cancel()
	}
}
