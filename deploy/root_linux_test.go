package deploy_test

import (
	"bytes"
	"fmt"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// TestEmptyRoot runs the program as the Dockerfile's image does: static, in a root
// that holds nothing else, read-only to it, as a user without privileges; with the
// component git it has what that mounts as well.
func TestEmptyRoot(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the program")
	}
	root := t.TempDir()
	build := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-o", filepath.Join(root, "eventrouting"), "..")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	example, err := os.ReadFile("../examples/orders.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, "orders.yaml"), example, 0o644); err != nil {
		t.Fatal(err)
	}
	c := built(t, with("git"))
	for _, m := range c.container().VolumeMounts {
		dir := filepath.Join(root, m.MountPath)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if m.Name == "token" {
			for _, key := range []string{"token", "git"} {
				if err := os.WriteFile(filepath.Join(dir, key), []byte(strings.Repeat("secret", 6)), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			continue
		}
		if err := os.Chmod(dir, 0o777); err != nil { // an emptyDir
			t.Fatal(err)
		}
	}
	for dir := root; dir != os.TempDir() && dir != "/"; dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	const nobody = 65532
	env := []string{}
	for _, e := range c.container().Env {
		env = append(env, e.Name+"="+e.Value)
	}
	run := func(args ...string) (string, error) {
		cmd := exec.CommandContext(t.Context(), "/eventrouting", args...)
		cmd.Path, cmd.Err, cmd.Dir, cmd.Env = "/eventrouting", nil, "/", env
		cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: root, Credential: &syscall.Credential{Uid: nobody, Gid: nobody, NoSetGroups: true}}
		if os.Geteuid() != 0 {
			cmd.SysProcAttr = &syscall.SysProcAttr{
				Chroot: root, Cloneflags: syscall.CLONE_NEWUSER,
				UidMappings: []syscall.SysProcIDMap{{ContainerID: nobody, HostID: os.Getuid(), Size: 1}},
				GidMappings: []syscall.SysProcIDMap{{ContainerID: nobody, HostID: os.Getgid(), Size: 1}},
			}
		}
		var out bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &out
		err := cmd.Run()
		return out.String(), err
	}
	if out, err := run("version"); err != nil {
		if os.IsPermission(err) {
			t.Skipf("no root of one's own can be had here: %v", err)
		}
		t.Fatalf("%v\n%s", err, out)
	}
	if out, err := run("apply", "--emulator", "--auto-approve", "/orders.yaml"); err != nil || !strings.Contains(out, "Applied: 8 created, 1 updated.") {
		t.Errorf("%v\n%s", err, out)
	}
	if out, err := run("run", "--once", "--emulator", "/orders.yaml"); err != nil || !strings.Contains(out, "outcome=applied changes=9") {
		t.Errorf("%v\n%s", err, out)
	}
	t.Run("git", func(t *testing.T) {
		args := c.told(nil, "--once", "--emulator", "--path=.")
		i := slices.IndexFunc(args, func(arg string) bool { return strings.HasPrefix(arg, "--git=") })
		args[i] = "--git=" + serveRepository(t, example)
		if out, err := run(args...); err != nil || !strings.Contains(out, `"outcome":"applied","changes":9`) {
			t.Errorf("%v\n%s", err, out)
		}
	})
}

// serveRepository serves a repository that holds a document, and is its URL.
func serveRepository(t *testing.T, document []byte) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "orders.yaml"), document, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"init", "-q", "-b", "main"}, {"add", "."}, {"-c", "user.name=T", "-c", "user.email=t@example.com", "commit", "-q", "-m", "work"}} {
		if out, err := exec.CommandContext(t.Context(), "git", append([]string{"-C", dir}, args...)...).CombinedOutput(); err != nil {
			t.Skipf("git does not work here: %v\n%s", err, out)
		}
	}
	path, err := exec.CommandContext(t.Context(), "git", "--exec-path").Output()
	if err != nil {
		t.Fatal(err)
	}
	backend := filepath.Join(strings.TrimSpace(string(path)), "git-http-backend")
	if _, err := os.Stat(backend); err != nil {
		t.Skip("git http-backend is not installed, which serves this test")
	}
	s := httptest.NewServer(&cgi.Handler{Path: backend, Env: []string{"GIT_PROJECT_ROOT=" + dir, "GIT_HTTP_EXPORT_ALL=1"}})
	t.Cleanup(s.Close)
	return fmt.Sprint(s.URL, "/.git")
}
