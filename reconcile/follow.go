package reconcile

import (
	"strings"

	"github.com/eventrouting/eventrouting/spec"
)

const latest = "$LATEST"

// follow fills in what the route's alias points to: the version that the
// document follows, or what the followed alias points to, weights included. It
// says whether the route can go on.
func (p *planner) follow(w *wish) bool {
	target := w.doc.Follow()
	if target == latest || strings.Trim(target, "0123456789") == "" {
		w.alias.Version = target
		return true
	}
	key := AliasKey{w.mapping.Key.Function, target}
	followed, ok := p.live.Aliases[key]
	if !ok {
		p.find(w.doc.Find(spec.Error, CodeFollowMissing, "spec.function.follow",
			"alias %s does not exist: create it, or correct follow", key))
		p.holdWanted(w, WhyMissing, "alias "+key.String()+", which it follows, does not exist")
		return false
	}
	if _, ours := ParseNote(followed.Description); ours {
		p.find(w.doc.Find(spec.Error, CodeFollowMissing, "spec.function.follow",
			"alias %s belongs to a route: follow the alias that your deployments move", key))
		p.holdWanted(w, WhyMissing, "alias "+key.String()+", which it follows, belongs to a route")
		return false
	}
	w.alias.Version, w.alias.Weights = followed.Version, followed.Weights
	return true
}
