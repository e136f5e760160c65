package deploy_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestEmptyRoot runs the program as the Dockerfile's image does: static, in a root
// that holds nothing else, read-only to it, as a user without privileges.
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
	for dir := root; dir != os.TempDir() && dir != "/"; dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	const nobody = 65532
	run := func(args ...string) (string, error) {
		cmd := exec.CommandContext(t.Context(), "/eventrouting", args...)
		cmd.Path, cmd.Err, cmd.Dir, cmd.Env = "/eventrouting", nil, "/", []string{"AWS_REGION=eu-west-1"}
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
}
