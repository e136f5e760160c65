// Package deploy_test checks what is in this folder as those who read it would:
// kustomize builds it, Kubernetes' own types decode it, actionlint reads it.
package deploy_test

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/VictoriaMetrics/metricsql"
	"github.com/rhysd/actionlint"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/api/resmap"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"
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

// built is what kustomize makes of an overlay with components.
func built(t *testing.T, components ...string) resmap.ResMap {
	t.Helper()
	fs := filesys.MakeFsInMemory()
	err := filepath.WalkDir("kubernetes", func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return fs.WriteFile("/"+path, text)
	})
	if err != nil {
		t.Fatal(err)
	}
	overlay := "resources: [../base]\n"
	if len(components) > 0 {
		overlay += "components:\n"
	}
	for _, c := range components {
		overlay += "  - ../components/" + c + "\n"
	}
	if err := fs.WriteFile("/kubernetes/overlay/kustomization.yaml", []byte(overlay)); err != nil {
		t.Fatal(err)
	}
	m, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(fs, "/kubernetes/overlay")
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestKubernetes decodes every object strictly, as the API server would with
// --validate=strict, and checks what the restricted profile demands.
func TestKubernetes(t *testing.T) {
	for name, components := range map[string][]string{"base": nil, "all": {"git", "monitoring"}} {
		t.Run(name, func(t *testing.T) {
			kinds := []string{}
			for _, r := range built(t, components...).Resources() {
				text, err := r.AsYAML()
				if err != nil {
					t.Fatal(err)
				}
				into := map[string]any{
					"Namespace": &corev1.Namespace{}, "ServiceAccount": &corev1.ServiceAccount{}, "Service": &corev1.Service{}, "ConfigMap": &corev1.ConfigMap{},
					"Deployment": &appsv1.Deployment{}, "NetworkPolicy": &networkingv1.NetworkPolicy{}, "ServiceMonitor": &monitor{}, "PrometheusRule": &rules{},
				}[r.GetKind()]
				if into == nil {
					t.Errorf("%s is not known here", r.GetKind())
					continue
				}
				if err := yaml.UnmarshalStrict(text, into); err != nil {
					t.Errorf("%s %s: %v", r.GetKind(), r.GetName(), err)
				}
				kinds = append(kinds, r.GetKind())
				switch o := into.(type) {
				case *appsv1.Deployment:
					restricted(t, o)
				case *corev1.Service:
					if o.Spec.Selector["app.kubernetes.io/name"] != "eventrouting" {
						t.Errorf("the service selects %v", o.Spec.Selector)
					}
				case *corev1.ConfigMap:
					example, err := os.ReadFile("../examples/orders.yaml")
					if err != nil {
						t.Fatal(err)
					}
					if o.Data["orders.yaml"] != string(example) {
						t.Error("the ConfigMap's document is not examples/orders.yaml any more: copy it")
					}
				}
			}
			for _, kind := range []string{"Namespace", "ServiceAccount", "Service", "ConfigMap", "Deployment", "NetworkPolicy"} {
				if !slices.Contains(kinds, kind) {
					t.Errorf("no %s", kind)
				}
			}
		})
	}
}

// restricted checks a pod against the restricted profile.
// https://kubernetes.io/docs/concepts/security/pod-security-standards/
func restricted(t *testing.T, d *appsv1.Deployment) {
	t.Helper()
	pod, c := d.Spec.Template.Spec, d.Spec.Template.Spec.Containers[0]
	switch s := c.SecurityContext; {
	case pod.SecurityContext.RunAsNonRoot == nil || !*pod.SecurityContext.RunAsNonRoot, pod.SecurityContext.SeccompProfile.Type != "RuntimeDefault":
		t.Error("the pod may run as root, or without seccomp")
	case s.AllowPrivilegeEscalation == nil || *s.AllowPrivilegeEscalation, !slices.Equal(s.Capabilities.Drop, []corev1.Capability{"ALL"}), !*s.ReadOnlyRootFilesystem:
		t.Error("the container may gain privileges")
	}
	if d.Spec.Strategy.Type != appsv1.RecreateDeploymentStrategyType || *d.Spec.Replicas != 1 {
		t.Errorf("%d replicas, %s", *d.Spec.Replicas, d.Spec.Strategy.Type)
	}
	if d.Spec.Selector.MatchLabels["app.kubernetes.io/name"] != d.Spec.Template.Labels["app.kubernetes.io/name"] {
		t.Error("the deployment does not select its pods")
	}
	volumes := map[string]bool{}
	for _, v := range pod.Volumes {
		volumes[v.Name] = true
	}
	for _, m := range c.VolumeMounts {
		if !volumes[m.Name] {
			t.Errorf("volume %s is mounted and not there", m.Name)
		}
	}
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
	for _, r := range built(t, "monitoring").Resources() {
		if r.GetKind() != "PrometheusRule" {
			continue
		}
		text, err := r.AsYAML()
		if err != nil {
			t.Fatal(err)
		}
		var all rules
		if err := yaml.UnmarshalStrict(text, &all); err != nil {
			t.Fatal(err)
		}
		for _, rule := range all.Spec.Groups[0].Rules {
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
	}
	if n < 6 {
		t.Errorf("%d rules", n)
	}
}

// TestActions reads the workflows as GitHub does, types of expressions included.
func TestActions(t *testing.T) {
	files, err := filepath.Glob("github-actions/*.yaml")
	if err != nil || len(files) < 3 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		linter, err := actionlint.NewLinter(io.Discard, &actionlint.LinterOptions{})
		if err != nil {
			t.Fatal(err)
		}
		problems, err := linter.Lint(file, text, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range problems {
			t.Error(p)
		}
		if !bytes.Contains(text, []byte("permissions:\n  contents: read\n")) || !bytes.Contains(text, []byte("concurrency:")) {
			t.Errorf("%s asks for more than it needs, or runs twice at a time", file)
		}
	}
}
