package reconcile

import (
	"slices"
	"strings"

	"github.com/eventrouting/eventrouting/spec"
)

const latest = "$LATEST"

// IsAlias says whether a qualifier of a function names an alias: what is neither a
// version's number nor $LATEST does.
// https://docs.aws.amazon.com/lambda/latest/api/API_CreateAlias.html
func IsAlias(qualifier string) bool {
	return qualifier != latest && strings.Trim(qualifier, "0123456789") != ""
}

// follow fills in what the route's alias points to: the version that the
// document follows, or what the followed alias points to, weights included. It
// says whether the route can go on.
func (p *planner) follow(w *wish) bool {
	target := w.doc.Follow()
	if target == latest {
		w.alias.Version = target
		return true
	}
	if !IsAlias(target) {
		w.alias.Version = target
		return p.version(w, target)
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

// version says whether the version that a route follows exists. What runs it already
// tells for free.
func (p *planner) version(w *wish, target string) bool {
	function := w.mapping.Key.Function
	if w.live != nil && w.live.Key.Function == function && w.live.Key.Qualifier == target || p.live.Aliases[w.alias.Key].Version == target {
		return true
	}
	versions, known := p.live.Facts.Versions[function]
	switch {
	case !known:
		p.ask(AskVersions, function)
		p.holdWanted(w, WhyAsked, "whether version "+target+" of "+function+" exists has to be read")
		return false
	case !slices.Contains(versions.Names, target):
		p.find(w.doc.Find(spec.Error, CodeFollowMissing, "spec.function.follow",
			"version %s of function %s does not exist: publish it, or correct follow", target, function))
		p.holdWanted(w, WhyMissing, "version "+target+" of "+function+", which it follows, does not exist")
		return false
	}
	return true
}
