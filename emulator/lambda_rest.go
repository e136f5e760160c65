package emulator

import (
	"net/http"
	"strings"

	"github.com/eventrouting/eventrouting/emulator/world"
)

func restRoutes() []route {
	const (
		reserved    = "/2017-10-31/functions/{}/concurrency"
		provisioned = "/2019-09-30/functions/{}/provisioned-concurrency"
		policy      = "/2015-03-31/functions/{}/policy"
		link        = "/2021-10-31/functions/{}/url"
		tags        = "/2017-03-31/tags/{}"
	)
	return []route{
		{"PutFunctionConcurrency", http.MethodPut, reserved, putConcurrency},
		{"GetFunctionConcurrency", http.MethodGet, "/2019-09-30/functions/{}/concurrency", getConcurrency},
		{"DeleteFunctionConcurrency", http.MethodDelete, reserved, deleteConcurrency},
		{"PutProvisionedConcurrencyConfig", http.MethodPut, provisioned, putProvisioned},
		{"GetProvisionedConcurrencyConfig", http.MethodGet, provisioned, getProvisioned},
		{"ListProvisionedConcurrencyConfigs", http.MethodGet, provisioned, listProvisioned},
		{"DeleteProvisionedConcurrencyConfig", http.MethodDelete, provisioned, deleteProvisioned},
		{"GetAccountSettings", http.MethodGet, "/2016-08-19/account-settings", getAccount},
		{"AddPermission", http.MethodPost, policy, addPermission},
		{"GetPolicy", http.MethodGet, policy, getPolicy},
		{"RemovePermission", http.MethodDelete, policy + "/{}", removePermission},
		{"CreateFunctionUrlConfig", http.MethodPost, link, createURL},
		{"GetFunctionUrlConfig", http.MethodGet, link, getURL},
		{"UpdateFunctionUrlConfig", http.MethodPut, link, updateURL},
		{"DeleteFunctionUrlConfig", http.MethodDelete, link, deleteURL},
		{"ListFunctionUrlConfigs", http.MethodGet, link + "s", listURLs},
		{"TagResource", http.MethodPost, tags, tagResource},
		{"UntagResource", http.MethodDelete, tags, untagResource},
		{"ListTags", http.MethodGet, tags, listTags},
	}
}

func putConcurrency(c call) (answer, error) {
	n := c.body.whole("ReservedConcurrentExecutions")
	if err := c.ended(); err != nil {
		return answer{}, err
	}
	if n == nil {
		return answer{}, nullMember("reservedConcurrentExecutions")
	}
	if err := c.world.PutConcurrency(c.at, c.path[0], *n); err != nil {
		return answer{}, err
	}
	return jsonAnswer(http.StatusOK, reply{"ReservedConcurrentExecutions": *n}), nil
}

func getConcurrency(c call) (answer, error) {
	n, err := c.world.Concurrency(c.at, c.path[0])
	if err != nil {
		return answer{}, err
	}
	m := reply{}
	if n != nil {
		m["ReservedConcurrentExecutions"] = *n
	}
	return jsonAnswer(http.StatusOK, m), nil
}

func deleteConcurrency(c call) (answer, error) {
	return noContent(), c.world.DeleteConcurrency(c.at, c.path[0])
}

func putProvisioned(c call) (answer, error) {
	n := c.body.whole("ProvisionedConcurrentExecutions")
	if err := c.ended(); err != nil {
		return answer{}, err
	}
	if n == nil {
		return answer{}, nullMember("provisionedConcurrentExecutions")
	}
	p, err := c.world.PutProvisioned(c.at, c.path[0], c.query.Get("Qualifier"), *n)
	if err != nil {
		return answer{}, err
	}
	return jsonAnswer(http.StatusAccepted, provisionedMembers(p)), nil
}

func getProvisioned(c call) (answer, error) {
	p, err := c.world.Provisioned(c.at, c.path[0], c.query.Get("Qualifier"))
	if err != nil {
		return answer{}, err
	}
	return jsonAnswer(http.StatusOK, provisionedMembers(p)), nil
}

func listProvisioned(c call) (answer, error) {
	page, err := c.page()
	if err != nil {
		return answer{}, err
	}
	all, next, err := c.world.AllProvisioned(c.at, c.path[0], page)
	if err != nil {
		return answer{}, err
	}
	var items []reply
	for _, p := range all {
		m := provisionedMembers(p)
		m["FunctionArn"] = p.FunctionArn
		items = append(items, m)
	}
	return listed("ProvisionedConcurrencyConfigs", items, next), nil
}

func deleteProvisioned(c call) (answer, error) {
	return noContent(), c.world.DeleteProvisioned(c.at, c.path[0], c.query.Get("Qualifier"))
}

func provisionedMembers(p world.Provisioned) reply {
	return reply{
		"RequestedProvisionedConcurrentExecutions": p.Requested,
		"AvailableProvisionedConcurrentExecutions": p.Available,
		"AllocatedProvisionedConcurrentExecutions": p.Allocated,
		"Status":       p.Status,
		"LastModified": p.LastModified,
	}
}

// getAccount answers limits and usage of the region. Those of code are AWS's
// defaults.
// https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
func getAccount(c call) (answer, error) {
	s := c.world.Account(c.at)
	return jsonAnswer(http.StatusOK, reply{
		"AccountLimit": reply{
			"TotalCodeSize":                  75 << 30,
			"CodeSizeUnzipped":               250 << 20,
			"CodeSizeZipped":                 50 << 20,
			"ConcurrentExecutions":           s.ConcurrentExecutions,
			"UnreservedConcurrentExecutions": s.UnreservedConcurrentExecutions,
		},
		"AccountUsage": reply{"TotalCodeSize": s.TotalCodeSize, "FunctionCount": s.FunctionCount},
	}), nil
}

func addPermission(c call) (answer, error) {
	in := world.Permission{
		StatementID:         c.body.plain("StatementId"),
		Action:              c.body.plain("Action"),
		Principal:           c.body.plain("Principal"),
		SourceArn:           c.body.plain("SourceArn"),
		SourceAccount:       c.body.plain("SourceAccount"),
		PrincipalOrgID:      c.body.plain("PrincipalOrgID"),
		EventSourceToken:    c.body.plain("EventSourceToken"),
		FunctionURLAuthType: c.body.plain("FunctionUrlAuthType"),
		RevisionID:          c.body.plain("RevisionId"),
	}
	if via := c.body.flag("InvokedViaFunctionUrl"); via != nil {
		in.InvokedViaFunctionURL = *via
	}
	if err := c.ended(); err != nil {
		return answer{}, err
	}
	statement, err := c.world.AddPermission(c.at, c.path[0], c.query.Get("Qualifier"), in)
	if err != nil {
		return answer{}, err
	}
	return jsonAnswer(http.StatusCreated, reply{"Statement": statement}), nil
}

func getPolicy(c call) (answer, error) {
	text, revision, err := c.world.Policy(c.at, c.path[0], c.query.Get("Qualifier"))
	if err != nil {
		return answer{}, err
	}
	return jsonAnswer(http.StatusOK, reply{"Policy": text, "RevisionId": revision}), nil
}

func removePermission(c call) (answer, error) {
	err := c.world.RemovePermission(c.at, c.path[0], c.query.Get("Qualifier"), c.path[1], c.query.Get("RevisionId"))
	return noContent(), err
}

func urlInput(c call) (world.URLInput, error) {
	in := world.URLInput{AuthType: c.body.text("AuthType"), InvokeMode: c.body.text("InvokeMode")}
	if _, ok := c.body.object("Cors"); ok {
		in.Cors = c.body.members["Cors"]
	}
	return in, c.ended()
}

func createURL(c call) (answer, error) {
	in, err := urlInput(c)
	if err != nil {
		return answer{}, err
	}
	u, err := c.world.CreateURL(c.at, c.path[0], c.query.Get("Qualifier"), in)
	if err != nil {
		return answer{}, err
	}
	m := urlMembers(u)
	delete(m, "LastModifiedTime") // not in this reply
	return jsonAnswer(http.StatusCreated, m), nil
}

func getURL(c call) (answer, error) {
	u, err := c.world.URL(c.at, c.path[0], c.query.Get("Qualifier"))
	if err != nil {
		return answer{}, err
	}
	return jsonAnswer(http.StatusOK, urlMembers(u)), nil
}

func updateURL(c call) (answer, error) {
	in, err := urlInput(c)
	if err != nil {
		return answer{}, err
	}
	u, err := c.world.UpdateURL(c.at, c.path[0], c.query.Get("Qualifier"), in)
	if err != nil {
		return answer{}, err
	}
	return jsonAnswer(http.StatusOK, urlMembers(u)), nil
}

func deleteURL(c call) (answer, error) {
	return noContent(), c.world.DeleteURL(c.at, c.path[0], c.query.Get("Qualifier"))
}

func listURLs(c call) (answer, error) {
	page, err := c.page()
	if err != nil {
		return answer{}, err
	}
	all, next, err := c.world.URLs(c.at, c.path[0], page)
	if err != nil {
		return answer{}, err
	}
	var items []reply
	for _, u := range all {
		items = append(items, urlMembers(u))
	}
	return listed("FunctionUrlConfigs", items, next), nil
}

func urlMembers(u world.FunctionURL) reply {
	m := reply{
		"FunctionUrl":      u.FunctionURL,
		"FunctionArn":      u.FunctionArn,
		"AuthType":         u.AuthType,
		"InvokeMode":       u.InvokeMode,
		"CreationTime":     u.CreationTime,
		"LastModifiedTime": u.LastModifiedTime,
	}
	if u.Cors != nil {
		m["Cors"] = u.Cors
	}
	return m
}

func tagResource(c call) (answer, error) {
	tags := c.body.table("Tags")
	if err := c.ended(); err != nil {
		return answer{}, err
	}
	return noContent(), c.world.TagResource(c.at, c.path[0], tags)
}

func untagResource(c call) (answer, error) {
	return noContent(), c.world.UntagResource(c.at, c.path[0], c.query["tagKeys"])
}

func listTags(c call) (answer, error) {
	tags, err := c.world.Tags(c.at, c.path[0])
	if err != nil {
		return answer{}, err
	}
	return jsonAnswer(http.StatusOK, reply{"Tags": tags}), nil
}

// regionOf is the region of an ARN that the world made.
func regionOf(arn string) string { return strings.Split(arn, ":")[3] }
