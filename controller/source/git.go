package source

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/go-git/go-billy/v5/osfs"
	"github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/config"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/cache"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/plumbing/transport"
	"github.com/go-git/go-git/v5/storage/filesystem"
)

// Git is documents in a git repository, at a branch, a tag or a commit.
//
// Digest asks the remote for the commit, which is one request, or none where a
// commit was given. Load fetches that one commit, without its history, into a
// temporary folder, reads the documents out of it and removes it; nothing is
// ever checked out. So a branch that was forced elsewhere is read like any
// other, and there is no state to repair. Names in findings are those of the
// repository.
//
// Both return once ctx is done, whatever the remote does; they set no deadline
// of their own. Errors and [Git.String] show no credentials.
type Git struct {
	shown    string // the URL without credentials
	url      string // the same, as go-git wants it
	protocol string
	ref      string // as given: a name, a full commit id, or "" for the default branch
	path     string // inside the repository
	// auth is a func so that nothing that prints a Git prints credentials.
	auth func() (transport.AuthMethod, []string, error)
	busy chan struct{} // holds a token while the remote is spoken to
}

var _ Source = (*Git)(nil)

// NewGit makes a source of the documents at a path of a repository: a file, a
// folder, or "" for the whole. The ref is a branch, a tag, a full name such as
// refs/heads/main, a full commit id, or "" for the default branch. The URL is
// one of https, http, ssh (also as user@host:path) and file, or a path on this
// machine; the last two run the git that is installed. It does not call anybody.
func NewGit(rawURL, ref, inside string, c Credentials) (*Git, error) {
	g := &Git{ref: ref, path: path.Clean(inside), busy: make(chan struct{}, 1)}
	if id := strings.ToLower(ref); plumbing.IsHash(id) {
		g.ref = id
	}
	if !fs.ValidPath(g.path) {
		return nil, fmt.Errorf("path %s is not inside the repository: a leading / or .. leads out of it", inside)
	}
	if strings.ContainsAny(ref, " ~^:?*[\\") {
		return nil, fmt.Errorf("ref %q is neither a branch, a tag nor a full commit id", ref)
	}
	if err := g.locate(rawURL, &c); err != nil {
		return nil, err
	}
	if err := c.fits(g.protocol); err != nil {
		return nil, err
	}
	g.auth = func() (transport.AuthMethod, []string, error) { return c.method(g.protocol) }
	return g, nil
}

// String is the repository, ref and path, without credentials.
func (g *Git) String() string {
	s := g.shown
	if g.ref != "" {
		s += " at " + g.ref
	}
	if g.path != "." {
		s += ", " + g.path
	}
	return s
}

// locate takes the credentials out of the URL.
func (g *Git) locate(raw string, c *Credentials) error {
	if raw == "" {
		return errors.New("the URL of the git repository is empty")
	}
	if !strings.Contains(raw, "://") {
		return g.locatePath(raw, c)
	}
	u, err := url.Parse(raw)
	switch {
	case err != nil:
		return errors.New("the URL of the git repository cannot be parsed") // the error would show it
	case u.RawQuery != "" || u.Fragment != "":
		return errors.New("the URL of the git repository has a query or fragment: remove it")
	case !slices.Contains([]string{"https", "http", "ssh", "file"}, u.Scheme):
		return fmt.Errorf("git repositories are read by https, http, ssh and file, not by %s", u.Scheme)
	}
	g.protocol = u.Scheme
	user := u.User
	u.User = nil
	g.url, g.shown = u.String(), u.String()
	switch {
	case user == nil:
		return nil
	case u.Scheme == "ssh":
		return g.locateSSH(u, user, c)
	}
	u.User = url.User(hidden)
	g.shown = u.String()
	return c.take(user)
}

// locateSSH leaves the user name in the URL, where it is no secret.
func (g *Git) locateSSH(u *url.URL, user *url.Userinfo, c *Credentials) error {
	if _, ok := user.Password(); ok {
		return errors.New("the URL of the git repository has a password, which ssh does not take: name a key by " + EnvSSHKeyFile)
	}
	u.User = user
	g.url, g.shown = u.String(), u.String()
	c.Username = user.Username()
	return nil
}

// locatePath takes user@host:path and paths on this machine.
func (g *Git) locatePath(raw string, c *Credentials) error {
	e, err := transport.NewEndpoint(raw)
	if err != nil || strings.Contains(e.User, ":") {
		return errors.New("the URL of the git repository cannot be parsed")
	}
	g.protocol, g.url, g.shown = e.Protocol, raw, raw
	if e.User != "" {
		c.Username = e.User
	}
	return nil
}

// Digest implements [Source].
func (g *Git) Digest(ctx context.Context) (string, error) {
	if plumbing.IsHash(g.ref) {
		return g.ref, nil
	}
	return ask(ctx, g, func(auth transport.AuthMethod) (string, error) {
		_, commit, err := g.resolve(ctx, auth)
		return commit.String(), err
	})
}

// Load implements [Source].
func (g *Git) Load(ctx context.Context) (Set, error) {
	return ask(ctx, g, func(auth transport.AuthMethod) (Set, error) { return g.load(ctx, auth) })
}

// ask speaks to the remote until ctx is done. go-git's ssh does not look at ctx
// while it connects, so the call may go on behind; it is the only one that does,
// since the next waits for it.
func ask[T any](ctx context.Context, g *Git, do func(transport.AuthMethod) (T, error)) (T, error) {
	type answer struct {
		value T
		err   error
	}
	var none T
	select {
	case g.busy <- struct{}{}:
	case <-ctx.Done():
		return none, fmt.Errorf("wait for the last request to %s: %w", g.shown, context.Cause(ctx))
	}
	answers := make(chan answer, 1)
	go func() {
		var a answer
		auth, secrets, err := g.auth()
		if err == nil {
			a.value, err = do(auth)
		}
		if err != nil {
			a = answer{err: clean(said(err, auth != nil), secrets)}
		}
		<-g.busy
		answers <- a
	}()
	select {
	case a := <-answers:
		if a.err != nil && ctx.Err() != nil {
			a.err = context.Cause(ctx)
		}
		if a.err != nil {
			return none, fmt.Errorf("read git repository %s: %w", g.shown, a.err)
		}
		return a.value, nil
	case <-ctx.Done():
		return none, fmt.Errorf("read git repository %s: %w", g.shown, context.Cause(ctx))
	}
}

// said puts what go-git says into words that tell what to do. The pages that
// servers send along are left out.
func said(err error, known bool) error {
	switch {
	case errors.Is(err, transport.ErrAuthenticationRequired) && known:
		return errors.New("the server does not accept the credentials: check user name and token")
	case errors.Is(err, transport.ErrAuthenticationRequired):
		return errors.New("the server wants credentials: set " + EnvToken + " or " + EnvTokenFile)
	case errors.Is(err, transport.ErrAuthorizationFailed):
		return errors.New("the credentials do not allow to read it")
	case errors.Is(err, transport.ErrRepositoryNotFound):
		return errors.New("it does not exist, or the credentials do not allow to see it")
	case errors.Is(err, transport.ErrEmptyRemoteRepository):
		return errors.New("it is empty: there is no commit")
	}
	return err
}

func (g *Git) remote(s *filesystem.Storage) *git.Remote {
	return git.NewRemote(s, &config.RemoteConfig{Name: git.DefaultRemoteName, URLs: []string{g.url}})
}

// resolve asks the remote for the full name of the ref, and its commit.
func (g *Git) resolve(ctx context.Context, auth transport.AuthMethod) (plumbing.ReferenceName, plumbing.Hash, error) {
	refs, err := g.remote(nil).ListContext(ctx, &git.ListOptions{Auth: auth, PeelingOption: git.AppendPeeled})
	if err != nil {
		return "", plumbing.ZeroHash, err
	}
	ids := map[plumbing.ReferenceName]plumbing.Hash{}
	names := []plumbing.ReferenceName{plumbing.ReferenceName(g.ref)}
	switch {
	case g.ref == "":
		names[0] = plumbing.HEAD
	case !strings.HasPrefix(g.ref, "refs/"):
		names = []plumbing.ReferenceName{plumbing.NewBranchReferenceName(g.ref), plumbing.NewTagReferenceName(g.ref)}
	}
	for _, r := range refs {
		switch {
		case r.Type() == plumbing.HashReference:
			ids[r.Name()] = r.Hash()
		case r.Name() == plumbing.HEAD && g.ref == "":
			names[0] = r.Target()
		}
	}
	found := slices.DeleteFunc(names, func(n plumbing.ReferenceName) bool { _, ok := ids[n]; return !ok })
	switch {
	case len(found) == 0 && g.ref == "":
		return "", plumbing.ZeroHash, errors.New("it has no default branch: name a ref")
	case len(found) == 0:
		return "", plumbing.ZeroHash, fmt.Errorf("it has no branch and no tag %s (a commit is named by its full id)", g.ref)
	case len(found) > 1:
		return "", plumbing.ZeroHash, fmt.Errorf("%s is a branch and a tag: write %s or %s", g.ref, found[0], found[1])
	}
	if id, ok := ids[found[0]+"^{}"]; ok { // the commit of an annotated tag
		return found[0], id, nil
	}
	return found[0], ids[found[0]], nil
}

// load fetches the commit and reads its documents.
func (g *Git) load(ctx context.Context, auth transport.AuthMethod) (_ Set, err error) {
	dir, err := os.MkdirTemp("", "eventrouting-git-")
	if err != nil {
		return Set{}, fmt.Errorf("make a folder to fetch into: %w: it needs one that it may write to, /tmp or TMPDIR", err)
	}
	store := filesystem.NewStorageWithOptions(osfs.New(dir), cache.NewObjectLRUDefault(),
		filesystem.Options{ExclusiveAccess: true, LargeObjectThreshold: maxWhole})
	defer func() {
		err = errors.Join(err, store.Close(), os.RemoveAll(dir))
	}()
	if err := store.Init(); err != nil {
		return Set{}, fmt.Errorf("make a folder to fetch into: %w", err)
	}
	head, err := g.fetch(ctx, store, auth)
	if err != nil {
		return Set{}, err
	}
	commit, err := peel(store, head)
	if err != nil {
		return Set{}, err
	}
	if plumbing.IsHash(g.ref) && commit.Hash.String() != g.ref {
		return Set{}, fmt.Errorf("%s is no commit: name %s, where that tag points", g.ref, commit.Hash)
	}
	set, err := read(ctx, newTree(store, commit.TreeHash), g.path)
	set.Commit = commit.Hash.String()
	return set, err
}

// fetched is the name that the ref gets here.
const fetched = "refs/eventrouting/fetched"

// fetch gets the objects of one commit, and the id of what the ref points to.
func (g *Git) fetch(ctx context.Context, store *filesystem.Storage, auth transport.AuthMethod) (plumbing.Hash, error) {
	from := g.ref
	if !plumbing.IsHash(g.ref) {
		name, _, err := g.resolve(ctx, auth)
		if err != nil {
			return plumbing.ZeroHash, err
		}
		from = "+" + name.String()
	}
	o := git.FetchOptions{
		RefSpecs: []config.RefSpec{config.RefSpec(from + ":" + fetched)},
		Depth:    1, Tags: git.NoTags, Auth: auth,
	}
	err := g.remote(store).FetchContext(ctx, &o)
	if errors.Is(err, git.ErrExactSHA1NotSupported) {
		// The server gives out whole branches and tags only: the commit is in
		// one of them, or cannot be had.
		o.Depth = 0
		o.RefSpecs = []config.RefSpec{"+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*"}
		if err = g.remote(store).FetchContext(ctx, &o); err == nil {
			return plumbing.NewHash(g.ref), nil
		}
	}
	if err != nil {
		return plumbing.ZeroHash, err
	}
	ref, err := store.Reference(fetched)
	if err != nil {
		return plumbing.ZeroHash, err
	}
	return ref.Hash(), nil
}

// peel finds the commit behind a tag.
func peel(store *filesystem.Storage, id plumbing.Hash) (*object.Commit, error) {
	for range maxLinks {
		o, err := object.GetObject(store, id)
		switch o := o.(type) {
		case *object.Commit:
			return o, nil
		case *object.Tag:
			id = o.Target
			continue
		}
		if errors.Is(err, plumbing.ErrObjectNotFound) {
			return nil, fmt.Errorf("it has no commit %s", id)
		}
		if err != nil {
			return nil, fmt.Errorf("read object %s: %w", id, err)
		}
		break
	}
	return nil, fmt.Errorf("%s is no commit", id)
}
