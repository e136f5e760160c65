package command_test

import (
	"encoding/json"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// helpFlag lists what commands there are in a help text.
var helpFlag = regexp.MustCompile(`(?m)^  ([a-z]+) +\S`)

// TestEveryHelp walks all commands: each says what it does in one line, has an
// example that begins with the command as it is typed, and only with flags that
// it has.
func TestEveryHelp(t *testing.T) {
	var walk func(command ...string)
	walk = func(command ...string) {
		help := string(stdoutOf(t, append(slices.Clone(command), "--help")...))
		_, rest, ok := strings.Cut(help, "Examples:\n")
		if !ok {
			t.Errorf("%v has no example", command)
		}
		example, _, _ := strings.Cut(rest, "\n\n")
		if full := strings.Join(append([]string{"eventrouting"}, command...), " "); !strings.Contains(example, full) {
			t.Errorf("no example of %s begins with it:\n%s", full, example)
		}
		_, flags, _ := strings.Cut(rest, "Flags:\n")
		for line := range strings.Lines(example) {
			if !strings.Contains(line, strings.Join(append([]string{"eventrouting"}, command...), " ")) || len(command) == 0 || strings.Contains(line, "|") {
				continue // it is of another command
			}
			for _, f := range regexp.MustCompile(`\s(--[a-z-]+)`).FindAllStringSubmatch(line, -1) {
				if !strings.Contains(flags, f[1]) {
					t.Errorf("the example of %v has %s, which is none of its flags", command, f[1])
				}
			}
		}
		_, commands, ok := strings.Cut(help, "Available Commands:\n")
		if !ok {
			return
		}
		commands, _, _ = strings.Cut(commands, "\n\n")
		for _, m := range helpFlag.FindAllStringSubmatch(commands, -1) {
			if m[1] != "help" {
				walk(append(slices.Clone(command), m[1])...)
			}
		}
	}
	walk()
}

// TestVersion checks what is said of the build.
func TestVersion(t *testing.T) {
	var v struct{ Version, Commit, Go string }
	if err := json.Unmarshal(stdoutOf(t, "version", "-o", "json"), &v); err != nil {
		t.Fatal(err)
	}
	if v.Version == "" || v.Commit == "" || v.Go != runtime.Version() {
		t.Errorf("%+v", v)
	}
}

// TestCompletions asks for what a shell would ask for.
func TestCompletions(t *testing.T) {
	for _, shell := range []string{"bash", "zsh", "fish"} {
		if script := stdoutOf(t, "completion", shell); !strings.Contains(string(script), "eventrouting") {
			t.Errorf("%s: %s", shell, script)
		}
	}
	for typed, want := range map[string]string{
		"sche":               "schema",
		"completion ":        "bash zsh fish",
		"plan -o ":           "text json markdown",
		"plan --output ":     "text json markdown",
		"version -o ":        "text json",
		"emulator --delays ": "short real",
		"plan --owner ":      "",
		"plan ":              "yaml yml json",
	} {
		args := strings.Split(typed, " ")
		var got []string
		for line := range strings.Lines(string(stdoutOf(t, append([]string{"__complete"}, args...)...))) {
			if word, _, _ := strings.Cut(strings.TrimSpace(line), "\t"); !strings.HasPrefix(word, ":") {
				got = append(got, word)
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%q: %q, want %q", typed, got, want)
		}
	}
}
