package emulator

import (
	"net/http"

	"github.com/eventrouting/eventrouting/emulator/world"
)

// controlRoutes are settings of a function with calls of their own. Nothing here
// behaves by them; clients read them back.
func controlRoutes() []route {
	const (
		signing   = "/2020-06-30/functions/{}/code-signing-config"
		runtime   = "/2021-07-20/functions/{}/runtime-management-config"
		recursion = "/2024-08-31/functions/{}/recursion-config"
	)
	return []route{
		{"GetFunctionCodeSigningConfig", http.MethodGet, signing, getSigning},
		{"PutFunctionCodeSigningConfig", http.MethodPut, signing, putSigning},
		{"DeleteFunctionCodeSigningConfig", http.MethodDelete, signing, deleteSigning},
		{"GetRuntimeManagementConfig", http.MethodGet, runtime, getRuntime},
		{"PutRuntimeManagementConfig", http.MethodPut, runtime, putRuntime},
		{"GetFunctionRecursionConfig", http.MethodGet, recursion, getRecursion},
		{"PutFunctionRecursionConfig", http.MethodPut, recursion, putRecursion},
	}
}

// getSigning answers that nothing has to be signed: code signing configurations
// cannot be created here.
// Text: LocalStack, services/lambda_/provider.py, whose tests ran against AWS.
func getSigning(c call) (answer, error) {
	if err := c.world.HasFunction(c.at, c.path[0]); err != nil {
		return answer{}, err
	}
	return jsonAnswer(http.StatusOK, reply{}), nil
}

// putSigning finds none of the configurations that it is given.
// Text: LocalStack, services/lambda_/provider.py, whose tests ran against AWS.
func putSigning(c call) (answer, error) {
	arn := c.body.text("CodeSigningConfigArn")
	if err := c.ended(); err != nil {
		return answer{}, err
	}
	if arn == nil {
		return answer{}, nullMember("codeSigningConfigArn")
	}
	return answer{}, &world.Error{
		Code:   "CodeSigningConfigNotFoundException",
		Status: http.StatusNotFound,
		Message: "The code signing configuration cannot be found. " +
			"Check that the provided configuration is not deleted: " + *arn + ".",
		Type: "User",
	}
}

func deleteSigning(c call) (answer, error) {
	return noContent(), c.world.HasFunction(c.at, c.path[0])
}

// runtimeMembers is how a function's runtime is updated.
// Recorded: radkawar/stackd, testdata/aws/lambda/runtime_controls.json, runtime_default.
func runtimeMembers(m world.RuntimeManagement) reply {
	r := reply{"UpdateRuntimeOn": m.UpdateRuntimeOn, "FunctionArn": m.FunctionArn}
	r.add("RuntimeVersionArn", m.RuntimeVersionArn)
	return r
}

func getRuntime(c call) (answer, error) {
	m, err := c.world.RuntimeManagement(c.at, c.path[0], c.query.Get("Qualifier"))
	if err != nil {
		return answer{}, err
	}
	return jsonAnswer(http.StatusOK, runtimeMembers(m)), nil
}

func putRuntime(c call) (answer, error) {
	on, version := c.body.text("UpdateRuntimeOn"), c.body.plain("RuntimeVersionArn")
	if err := c.ended(); err != nil {
		return answer{}, err
	}
	if on == nil {
		return answer{}, nullMember("updateRuntimeOn")
	}
	m, err := c.world.ManageRuntime(c.at, c.path[0], c.query.Get("Qualifier"), *on, version)
	if err != nil {
		return answer{}, err
	}
	return jsonAnswer(http.StatusOK, runtimeMembers(m)), nil
}

// getRecursion answers what becomes of loops.
// Recorded: radkawar/stackd, testdata/aws/lambda/runtime_controls.json, recursion_default.
func getRecursion(c call) (answer, error) {
	loop, err := c.world.Recursion(c.at, c.path[0])
	if err != nil {
		return answer{}, err
	}
	return jsonAnswer(http.StatusOK, reply{"RecursiveLoop": loop}), nil
}

func putRecursion(c call) (answer, error) {
	loop := c.body.text("RecursiveLoop")
	if err := c.ended(); err != nil {
		return answer{}, err
	}
	if loop == nil {
		return answer{}, nullMember("recursiveLoop")
	}
	if err := c.world.SetRecursion(c.at, c.path[0], *loop); err != nil {
		return answer{}, err
	}
	return jsonAnswer(http.StatusOK, reply{"RecursiveLoop": *loop}), nil
}
