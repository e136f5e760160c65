package emulator

import (
	"net/http"

	"github.com/eventrouting/eventrouting/emulator/world"
)

func createAlias(c call) (answer, error) {
	in := world.AliasInput{
		Name:            c.body.plain("Name"),
		FunctionVersion: c.body.plain("FunctionVersion"),
		Description:     c.body.plain("Description"),
	}
	if routing, ok := c.body.object("RoutingConfig"); ok {
		in.Weights = routing.shares("AdditionalVersionWeights")
	}
	if err := c.ended(); err != nil {
		return answer{}, err
	}
	a, err := c.world.CreateAlias(c.at, c.path[0], in)
	return aliasAnswer(http.StatusCreated, a, err)
}

func updateAlias(c call) (answer, error) {
	in := world.AliasUpdate{
		FunctionVersion: c.body.text("FunctionVersion"),
		Description:     c.body.text("Description"),
		RevisionID:      c.body.plain("RevisionId"),
	}
	if routing, ok := c.body.object("RoutingConfig"); ok {
		in.Weights = routing.shares("AdditionalVersionWeights")
		if in.Weights == nil {
			in.Weights = map[string]float64{}
		}
	}
	if err := c.ended(); err != nil {
		return answer{}, err
	}
	a, err := c.world.UpdateAlias(c.at, c.path[0], c.path[1], in)
	return aliasAnswer(http.StatusOK, a, err)
}

func getAlias(c call) (answer, error) {
	a, err := c.world.Alias(c.at, c.path[0], c.path[1])
	return aliasAnswer(http.StatusOK, a, err)
}

func deleteAlias(c call) (answer, error) {
	return noContent(), c.world.DeleteAlias(c.at, c.path[0], c.path[1])
}

func listAliases(c call) (answer, error) {
	page, err := c.page()
	if err != nil {
		return answer{}, err
	}
	all, next, err := c.world.Aliases(c.at, c.path[0], c.query.Get("FunctionVersion"), page)
	if err != nil {
		return answer{}, err
	}
	var items []reply
	for _, a := range all {
		items = append(items, aliasMembers(a))
	}
	return listed("Aliases", items, next), nil
}

func aliasAnswer(status int, a world.Alias, err error) (answer, error) {
	if err != nil {
		return answer{}, err
	}
	return jsonAnswer(status, aliasMembers(a)), nil
}

// aliasMembers is an alias; it has a RoutingConfig only with weights.
// Text: LocalStack, services/lambda_/provider.py, whose tests ran against AWS.
func aliasMembers(a world.Alias) reply {
	m := reply{
		"AliasArn":        a.AliasArn,
		"Name":            a.Name,
		"FunctionVersion": a.FunctionVersion,
		"Description":     a.Description,
		"RevisionId":      a.RevisionID,
	}
	if len(a.Weights) > 0 {
		m["RoutingConfig"] = reply{"AdditionalVersionWeights": a.Weights}
	}
	return m
}
