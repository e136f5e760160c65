package command

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// moved is what differs between a saved plan and the same plan made anew.
type moved struct {
	lines   []string
	applied bool // nothing that was planned is planned still, or held by now
}

// compare says what has moved since a plan was saved; no lines for nothing. The
// last result of a mapping, which AWS writes with every batch, does not count:
// where it matters the changes differ.
func compare(then, now planned) (moved, error) {
	old, err := changesOf(then)
	if err != nil {
		return moved{}, err
	}
	fresh, err := changesOf(now)
	if err != nil {
		return moved{}, err
	}
	var m moved
	m.applied = len(old) > 0
	for _, c := range old {
		i := slices.IndexFunc(fresh, c.same)
		if i < 0 {
			m.say("no longer planned: %s", c.title())
			m.applied = m.applied && !c.heldIn(now)
			continue
		}
		m.applied = false
		if d := differences(c.value, fresh[i].value); len(d) > 0 {
			m.say("planned otherwise: %s", c.title())
			m.lines = append(m.lines, d...)
		}
	}
	for _, c := range fresh {
		if !slices.ContainsFunc(old, c.same) {
			m.say("planned now:       %s", c.title())
		}
	}
	if len(m.lines) == 0 && !slices.EqualFunc(old, fresh, savedChange.same) {
		m.say("planned in another order")
	}
	held, holds := heldBy(then), heldBy(now)
	for _, address := range slices.Sorted(maps.Keys(held)) {
		if !holds[address] {
			m.say("no longer held:    %s", address)
		}
	}
	for _, address := range slices.Sorted(maps.Keys(holds)) {
		if !held[address] {
			m.say("held now:          %s", address)
		}
	}
	return m, nil
}

func (m *moved) say(format string, args ...any) {
	m.lines = append(m.lines, "  "+fmt.Sprintf(format, args...))
}

// savedChange is one change as JSON.
type savedChange struct {
	action, kind, address string
	value                 map[string]any
}

func (c savedChange) title() string { return c.action + " " + c.kind + " " + c.address }

func (c savedChange) same(o savedChange) bool { return c.title() == o.title() }

func (c savedChange) heldIn(p planned) bool {
	return slices.ContainsFunc(p.Held, func(h savedHeld) bool { return h.Action == c.action && h.Kind == c.kind && h.Address == c.address })
}

func changesOf(p planned) ([]savedChange, error) {
	all := make([]savedChange, 0, len(p.Changes))
	for _, raw := range p.Changes {
		var c savedChange
		d := json.NewDecoder(bytes.NewReader(raw))
		d.UseNumber() // exactly as written
		if err := d.Decode(&c.value); err != nil {
			return nil, fmt.Errorf("%w: %w", errDamaged, err)
		}
		for _, side := range []string{"before", "after"} {
			if o, ok := c.value[side].(map[string]any); ok {
				delete(o, "lastResult")
			}
		}
		c.action, _ = c.value["action"].(string)
		c.kind, _ = c.value["kind"].(string)
		c.address, _ = c.value["address"].(string)
		all = append(all, c)
	}
	return all, nil
}

func heldBy(p planned) map[string]bool {
	all := map[string]bool{}
	for _, h := range p.Held {
		all[h.Kind+" "+h.Address] = true
	}
	return all
}

// differences lists what differs between two changes, a line each.
func differences(then, now map[string]any) []string {
	const most = 10
	was, is := map[string]string{}, map[string]string{}
	flatten("", then, was)
	flatten("", now, is)
	var lines []string
	paths := slices.Compact(slices.Sorted(func(yield func(string) bool) {
		for _, m := range []map[string]string{was, is} {
			for path := range m {
				if !yield(path) {
					return
				}
			}
		}
	}))
	n := 0
	for _, path := range paths {
		if was[path] == is[path] {
			continue
		}
		if n++; n <= most {
			lines = append(lines, fmt.Sprintf("    %s: %s -> %s", path, short(was[path]), short(is[path])))
		}
	}
	if n > most {
		lines = append(lines, fmt.Sprintf("    and %d more", n-most))
	}
	return lines
}

// flatten writes the values in v by their paths, such as after.batchSize.
func flatten(path string, v any, into map[string]string) {
	switch v := v.(type) {
	case map[string]any:
		for name, member := range v {
			flatten(strings.TrimPrefix(path+"."+name, "."), member, into)
		}
	case []any:
		for i, member := range v {
			flatten(fmt.Sprintf("%s[%d]", path, i), member, into)
		}
		if len(v) == 0 {
			into[path] = "[]"
		}
	default:
		into[path] = fmt.Sprint(cmp.Or(v, any("unset")))
	}
}

// short is a value for one line.
func short(s string) string {
	const most = 60
	r := []rune(cmp.Or(s, "unset"))
	if len(r) > most {
		r = append(r[:most], []rune("...")...)
	}
	return string(r)
}
