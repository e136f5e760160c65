package deploy_test

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	cloudwatch "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	lambda "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"go.yaml.in/yaml/v3"

	"github.com/eventrouting/eventrouting/controller/command"
)

// template is as much of a SAM template as is used here: what is written elsewhere is
// an error.
// https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-specification.html
type template struct {
	Version     string               `yaml:"AWSTemplateFormatVersion"`
	Transform   string               `yaml:"Transform"`
	Description string               `yaml:"Description"`
	Parameters  map[string]parameter `yaml:"Parameters"`
	Resources   struct {
		Controller struct {
			Type       string   `yaml:"Type"`
			Properties function `yaml:"Properties"`
		} `yaml:"Controller"`
		Failures struct {
			Type       string `yaml:"Type"`
			Properties alarm  `yaml:"Properties"`
		} `yaml:"Failures"`
	} `yaml:"Resources"`
	Outputs map[string]struct {
		Value string `yaml:"Value"`
	} `yaml:"Outputs"`
}

type parameter struct {
	Type        string  `yaml:"Type"`
	Default     *string `yaml:"Default"`
	Description string  `yaml:"Description"`
	MinValue    int     `yaml:"MinValue"`
	MaxValue    int     `yaml:"MaxValue"`
}

// function is AWS::Serverless::Function.
type function struct {
	Description                  string   `yaml:"Description"`
	CodeURI                      string   `yaml:"CodeUri"`
	Handler                      string   `yaml:"Handler"`
	Runtime                      string   `yaml:"Runtime"`
	Architectures                []string `yaml:"Architectures"`
	MemorySize                   int      `yaml:"MemorySize"`
	Timeout                      int      `yaml:"Timeout"`
	ReservedConcurrentExecutions int      `yaml:"ReservedConcurrentExecutions"`
	EventInvokeConfig            struct {
		MaximumRetryAttempts     *int `yaml:"MaximumRetryAttempts"`
		MaximumEventAgeInSeconds int  `yaml:"MaximumEventAgeInSeconds"`
	} `yaml:"EventInvokeConfig"`
	Environment struct {
		Variables map[string]string `yaml:"Variables"`
	} `yaml:"Environment"`
	Policies []struct {
		Transform struct {
			Name       string            `yaml:"Name"`
			Parameters map[string]string `yaml:"Parameters"`
		} `yaml:"Fn::Transform"`
	} `yaml:"Policies"`
	Events struct {
		Schedule struct {
			Type       string `yaml:"Type"`
			Properties struct {
				Schedule string `yaml:"Schedule"`
			} `yaml:"Properties"`
		} `yaml:"Schedule"`
		Reshard struct {
			Type       string `yaml:"Type"`
			Properties struct {
				Pattern struct {
					Source     []string `yaml:"source"`
					DetailType []string `yaml:"detail-type"`
					Detail     struct {
						EventSource []string `yaml:"eventSource"`
						EventName   []string `yaml:"eventName"`
					} `yaml:"detail"`
				} `yaml:"Pattern"`
			} `yaml:"Properties"`
		} `yaml:"Reshard"`
	} `yaml:"Events"`
}

// alarm is AWS::CloudWatch::Alarm.
type alarm struct {
	AlarmDescription string `yaml:"AlarmDescription"`
	Namespace        string `yaml:"Namespace"`
	MetricName       string `yaml:"MetricName"`
	Dimensions       []struct {
		Name  string `yaml:"Name"`
		Value string `yaml:"Value"`
	} `yaml:"Dimensions"`
	Statistic          string `yaml:"Statistic"`
	Period             string `yaml:"Period"`
	EvaluationPeriods  int    `yaml:"EvaluationPeriods"`
	DatapointsToAlarm  int    `yaml:"DatapointsToAlarm"`
	Threshold          int    `yaml:"Threshold"`
	ComparisonOperator string `yaml:"ComparisonOperator"`
	TreatMissingData   string `yaml:"TreatMissingData"`
}

// TestTemplate reads the SAM template strictly: types and values that AWS knows, names
// that are in it, and what the program knows.
func TestTemplate(t *testing.T) {
	text, err := os.ReadFile("lambda/template.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var m template
	d := yaml.NewDecoder(bytes.NewReader(text))
	d.KnownFields(true)
	if err := d.Decode(&m); err != nil {
		t.Fatal(err)
	}
	if m.Version != "2010-09-09" || m.Transform != "AWS::Serverless-2016-10-31" {
		t.Errorf("format %s, transform %s", m.Version, m.Transform)
	}
	names := []string{"Controller", "Failures"}
	for name, p := range m.Parameters {
		names = append(names, name)
		if p.Type != "String" && p.Type != "Number" || p.Default == nil || p.Description == "" {
			t.Errorf("parameter %s: %+v", name, p)
		}
	}
	var root yaml.Node
	if err := yaml.Unmarshal(text, &root); err != nil {
		t.Fatal(err)
	}
	references(t, &root, names)
	m.function(t)
	m.rules(t)
	m.alarm(t)
}

// references checks what !Ref and !GetAtt name, and that there is no other tag.
func references(t *testing.T, n *yaml.Node, names []string) {
	t.Helper()
	switch name, _, _ := strings.Cut(n.Value, "."); {
	case n.Tag == "!Ref" || n.Tag == "!GetAtt":
		if !slices.Contains(names, name) {
			t.Errorf("line %d: there is no %s", n.Line, name)
		}
	case strings.HasPrefix(n.Tag, "!") && !strings.HasPrefix(n.Tag, "!!"):
		t.Errorf("line %d: %s is not known here", n.Line, n.Tag)
	}
	for _, c := range n.Content {
		references(t, c, names)
	}
}

func (m template) function(t *testing.T) {
	if got := m.Resources.Controller.Type; got != "AWS::Serverless::Function" {
		t.Errorf("the function is %s", got)
	}
	f := m.Resources.Controller.Properties
	if !slices.Contains(lambda.RuntimeProvidedal2023.Values(), lambda.Runtime(f.Runtime)) || f.Handler != "bootstrap" {
		t.Errorf("runtime %q, handler %q", f.Runtime, f.Handler)
	}
	if !slices.Equal(f.Architectures, []string{string(lambda.ArchitectureArm64)}) {
		t.Errorf("architectures %v", f.Architectures)
	}
	if f.ReservedConcurrentExecutions != 1 || f.MemorySize < 128 || f.Timeout < 60 || f.Timeout > 900 {
		t.Errorf("%d at a time, %d MB, %d s", f.ReservedConcurrentExecutions, f.MemorySize, f.Timeout)
	}
	if c := f.EventInvokeConfig; c.MaximumRetryAttempts == nil || *c.MaximumRetryAttempts != 0 || c.MaximumEventAgeInSeconds < 60 {
		t.Errorf("retries %v, age %d", c.MaximumRetryAttempts, c.MaximumEventAgeInSeconds)
	}
	known := []string{command.FlagsVariable, command.DocumentsVariable}
	for name, value := range f.Environment.Variables {
		if !slices.Contains(known, name) || m.Parameters[value].Default == nil {
			t.Errorf("variable %s is %s", name, value)
		}
	}
	if !slices.Contains(slices.Collect(maps.Keys(f.Environment.Variables)), command.FlagsVariable) {
		t.Errorf("the flags do not reach the program: %v", f.Environment.Variables)
	}
	// The flags that a description gives as an example are flags of run.
	_, example, _ := strings.Cut(m.Parameters["Flags"].Description, "such as ")
	flags := append(strings.Fields(*m.Parameters["Flags"].Default), strings.Fields(strings.TrimSuffix(example, "."))...)
	var out bytes.Buffer
	if code := command.Run(t.Context(), append(append([]string{"run"}, flags...), "--help"), strings.NewReader(""), &out, &out); code != 0 || len(flags) == 0 {
		t.Errorf("run %v: %s", flags, out.String())
	}
	if len(f.Policies) != 1 || f.Policies[0].Transform.Name != "AWS::Include" || f.Policies[0].Transform.Parameters["Location"] != "policy.json" {
		t.Errorf("policies %+v", f.Policies)
	}
}

func (m template) rules(t *testing.T) {
	e := m.Resources.Controller.Properties.Events
	if e.Schedule.Type != "Schedule" || e.Reshard.Type != "EventBridgeRule" {
		t.Errorf("events of %s and %s", e.Schedule.Type, e.Reshard.Type)
	}
	if rate := m.Parameters[e.Schedule.Properties.Schedule].Default; rate == nil || !regexp.MustCompile(`^rate\([2-9]\d* minutes\)$`).MatchString(*rate) {
		t.Errorf("the schedule is %s", e.Schedule.Properties.Schedule)
	}
	p := e.Reshard.Properties.Pattern
	if !slices.Equal(p.Source, []string{"aws.kinesis"}) || !slices.Equal(p.DetailType, []string{"AWS API Call via CloudTrail"}) || !slices.Equal(p.Detail.EventSource, []string{"kinesis.amazonaws.com"}) {
		t.Errorf("the rule is %+v", p)
	}
	for _, call := range p.Detail.EventName {
		if _, ok := reflect.TypeFor[*kinesis.Client]().MethodByName(call); !ok {
			t.Errorf("Kinesis has no call %s", call)
		}
	}
	for _, call := range []string{"UpdateShardCount", "SplitShard", "MergeShards"} {
		if !slices.Contains(p.Detail.EventName, call) {
			t.Errorf("%s wakes nobody", call)
		}
	}
}

func (m template) alarm(t *testing.T) {
	if got := m.Resources.Failures.Type; got != "AWS::CloudWatch::Alarm" {
		t.Errorf("the alarm is %s", got)
	}
	a := m.Resources.Failures.Properties
	if a.Namespace != "AWS/Lambda" || a.MetricName != "Errors" || len(a.Dimensions) != 1 || a.Dimensions[0].Name != "FunctionName" || a.Dimensions[0].Value != "Controller" {
		t.Errorf("the alarm looks at %s %s of %v", a.Namespace, a.MetricName, a.Dimensions)
	}
	if !slices.Contains(cloudwatch.Statistic("").Values(), cloudwatch.Statistic(a.Statistic)) || cloudwatch.ComparisonOperator(a.ComparisonOperator) != cloudwatch.ComparisonOperatorGreaterThanOrEqualToThreshold || a.Threshold != 1 {
		t.Errorf("%s %s %d", a.Statistic, a.ComparisonOperator, a.Threshold)
	}
	if a.DatapointsToAlarm < 1 || a.DatapointsToAlarm > a.EvaluationPeriods || a.TreatMissingData != "breaching" {
		t.Errorf("%d of %d periods, missing data is %s", a.DatapointsToAlarm, a.EvaluationPeriods, a.TreatMissingData)
	}
	// Where no pass is made in a period its data is missing: it is as long as the
	// schedule has it. All periods together may have a week, where one has an hour.
	// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-evaluation.html
	period := m.Parameters[a.Period]
	if period.Type != "Number" || period.MinValue != 60 || time.Duration(period.MaxValue*a.EvaluationPeriods)*time.Second > 7*24*time.Hour {
		t.Fatalf("a period of %q is %+v", a.Period, period)
	}
	seconds, err := strconv.Atoi(*period.Default)
	if rate := *m.Parameters["Schedule"].Default; err != nil || fmt.Sprintf("rate(%d minutes)", seconds/60) != rate || seconds%60 != 0 {
		t.Errorf("a period has %s s, and the schedule is %s", *period.Default, rate)
	}
}

// TestMakefile reads how the package is made: where the template looks for it, and the
// documents where the program does.
func TestMakefile(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "make", "-n", "-C", "lambda", "build", "DOCUMENTS=somewhere").CombinedOutput()
	if err != nil {
		t.Skipf("make does not work here: %v\n%s", err, out)
	}
	for _, want := range []string{"GOOS=linux GOARCH=arm64", "-o deploy/lambda/build/bootstrap .", "cp -R somewhere/. build/routing/"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("%s lacks %q", out, want)
		}
	}
}
