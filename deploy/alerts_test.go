package deploy_test

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metricsql"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// rule, rules and monitor are as much of the Prometheus operator's types as is used
// here: its module brings half of Kubernetes.
// https://prometheus-operator.dev/docs/api-reference/api/
type rule struct {
	Alert       string            `json:"alert"`
	Expr        string            `json:"expr"`
	For         string            `json:"for"`
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
}

type rules struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`
	Spec              struct {
		Groups []struct {
			Name  string `json:"name"`
			Rules []rule `json:"rules"`
		} `json:"groups"`
	} `json:"spec"`
}

type monitor struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`
	Spec              struct {
		Selector  metav1.LabelSelector `json:"selector"`
		Endpoints []struct {
			Port     string `json:"port"`
			Path     string `json:"path"`
			Interval string `json:"interval"`
		} `json:"endpoints"`
	} `json:"spec"`
}

// exported is what /metrics has, with labels, as the controller's own test keeps it.
func exported(t *testing.T) map[string][]string {
	t.Helper()
	text, err := os.ReadFile("../controller/testdata/metrics.txt")
	if err != nil {
		t.Fatal(err)
	}
	all := map[string][]string{}
	for line := range strings.Lines(string(text)) {
		name, labels, ok := strings.Cut(strings.TrimSpace(line), "{")
		name, _, _ = strings.Cut(name, " ")
		if name == "" {
			continue
		}
		all[name] = append(all[name], "")
		if ok {
			for l := range strings.SplitSeq(strings.TrimSuffix(labels, "}"), ",") {
				all[name] = append(all[name], strings.TrimSuffix(l, "="))
			}
		}
	}
	return all
}

// TestAlerts parses each rule's expression: it asks for metrics and labels that
// there are, and what the issue of an alert is can be read from its texts.
func TestAlerts(t *testing.T) {
	metrics := exported(t)
	n := 0
	for _, rule := range built(t, with("monitoring")).rules.Spec.Groups[0].Rules {
		n++
		expr, err := metricsql.Parse(rule.Expr)
		if err != nil {
			t.Errorf("%s: %v", rule.Alert, err)
			continue
		}
		if rule.Annotations["summary"] == "" || rule.Annotations["description"] == "" || rule.Labels["severity"] == "" {
			t.Errorf("%s lacks a text or its severity", rule.Alert)
		}
		labels := []string{}
		metricsql.VisitAll(expr, func(e metricsql.Expr) {
			m, ok := e.(*metricsql.MetricExpr)
			if !ok {
				return
			}
			name := m.LabelFilterss[0][0].Value
			if metrics[name] == nil {
				t.Errorf("%s: the controller has no metric %s", rule.Alert, name)
			}
			labels = append(labels, metrics[name]...)
			for _, f := range m.LabelFilterss[0][1:] {
				if !slices.Contains(metrics[name], f.Label) {
					t.Errorf("%s: %s has no label %s", rule.Alert, name, f.Label)
				}
			}
		})
		for _, text := range rule.Annotations {
			for _, part := range strings.Split(text, "$labels.")[1:] {
				name := strings.FieldsFunc(part, func(r rune) bool { return r == ' ' || r == '}' })[0]
				if !slices.Contains(labels, name) {
					t.Errorf("%s: no metric of it has label %s", rule.Alert, name)
				}
			}
		}
	}
	if n < 6 {
		t.Errorf("%d rules", n)
	}
}

// TestAlertsFire evaluates each rule in a world in which all is well, where it is
// silent, just below what it is about, and just above that.
func TestAlertsFire(t *testing.T) {
	now := time.Unix(1e9, 0)
	at := func(ago time.Duration) float64 { return float64(now.Add(-ago).Unix()) }
	series := func(name string, value float64, labels ...string) sample {
		s := sample{name: "eventrouting_" + name, labels: map[string]string{"instance": "10.0.0.1:8080", "place": "eu-west-1"}, value: value}
		for i := 0; i < len(labels); i += 2 {
			s.labels[labels[i]] = labels[i+1]
		}
		return s
	}
	// Two controllers, of which one makes no pass by night.
	well := func() []sample {
		other := "10.0.0.2:8080"
		return []sample{
			series("build_info", 1), series("build_info", 1, "instance", other), series("documents_not_loaded", 0),
			series("overdue_timestamp_seconds", at(-14*time.Minute), "routing", "orders"), series("overdue_timestamp_seconds", at(-14*time.Minute), "routing", "trades"),
			series("overdue_timestamp_seconds", at(-12*time.Hour), "routing", "orders", "instance", other),
			series("concurrency_shortfall", 0, "function", "order-processor"), series("held_seconds", 7*86400, "why", "taker"), series("held_seconds", 1e6, "why", "foreign"), series("held", 2, "why", "taker"),
			series("lag_seconds", 3, "target", "order-processor:orders--a"), series("retention_seconds", 86400, "stream", "orders-events"), series("retention_seconds", 7*86400, "stream", "trades-events"),
			series("follow_behind", 0, "route", "orders/a"), series("findings", 1, "code", "gap", "severity", "info"),
		}
	}
	below := map[string][]sample{
		"EventRoutingNoSuccessfulPass": {series("overdue_timestamp_seconds", at(300*time.Second), "routing", "late")},
		"EventRoutingHeldOverdue":      {series("held_seconds", 3600, "why", "asked"), series("held_seconds", 7*86400+3600, "why", "catching-up")},
		"EventRoutingLagNearRetention": {series("lag_seconds", 0.75*86400, "target", "order-processor:orders--b")},
		"EventRoutingShortfall":        nil,
		"EventRoutingBraked":           nil,
		"EventRoutingFollowBehind":     nil,
		"EventRoutingOffByHand":        nil,
		"EventRoutingDocuments":        nil,
		"EventRoutingDown":             nil,
	}
	above := map[string][]sample{
		"EventRoutingNoSuccessfulPass": {series("overdue_timestamp_seconds", at(301*time.Second), "routing", "late")},
		"EventRoutingHeldOverdue":      {series("held_seconds", 3601, "why", "asked")},
		"EventRoutingLagNearRetention": {series("lag_seconds", 0.75*86400+1, "target", "order-processor:orders--b")},
		"EventRoutingShortfall":        {series("concurrency_shortfall", 1, "function", "other")},
		"EventRoutingBraked":           {series("held", 2, "why", "brake")},
		"EventRoutingFollowBehind":     {series("follow_behind", 1, "route", "orders/b")},
		"EventRoutingOffByHand":        {series("findings", 1, "code", "by-hand", "severity", "warning")},
		"EventRoutingDocuments":        {series("documents_not_loaded", 1, "instance", "10.0.0.2:8080")},
	}
	for _, rule := range built(t, with("monitoring")).rules.Spec.Groups[0].Rules {
		fires := func(all []sample) []sample {
			t.Helper()
			got, err := evaluator{now, all}.query(rule.Expr)
			if err != nil {
				t.Errorf("%s: %v", rule.Alert, err)
			}
			return got
		}
		for _, all := range [][]sample{well(), append(well(), below[rule.Alert]...)} {
			if got := fires(all); len(got) > 0 {
				t.Errorf("%s fires without a cause: %v", rule.Alert, got)
			}
		}
		if rule.Alert == "EventRoutingDown" {
			if len(fires(nil)) != 1 {
				t.Errorf("%s does not fire", rule.Alert)
			}
			continue
		}
		got := fires(append(well(), above[rule.Alert]...))
		if len(got) != 1 {
			t.Errorf("%s fires %d times, want once", rule.Alert, len(got))
			continue
		}
		for _, text := range rule.Annotations {
			for _, part := range strings.Split(text, "$labels.")[1:] {
				if name := strings.FieldsFunc(part, func(r rune) bool { return r == ' ' || r == '}' })[0]; got[0].labels[name] == "" {
					t.Errorf("%s: label %s is empty in %q: there is %v", rule.Alert, name, text, got[0].labels)
				}
			}
		}
		if wait, err := time.ParseDuration(rule.For); err != nil || wait <= 0 {
			t.Errorf("%s waits for %q", rule.Alert, rule.For)
		}
		if _, known := below[rule.Alert]; !known {
			t.Errorf("nothing is known here of %s", rule.Alert)
		}
	}
}
