package deploy_test

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	metavalidation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/labels"
	utilvalidation "k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"

	"github.com/eventrouting/eventrouting/controller/command"
)

// cluster is what kustomize makes of an overlay, decoded strictly, as the API server
// would with --validate=strict.
type cluster struct {
	t          *testing.T
	namespace  corev1.Namespace
	account    corev1.ServiceAccount
	config     corev1.ConfigMap
	deployment appsv1.Deployment
	service    corev1.Service
	policy     networkingv1.NetworkPolicy
	monitor    monitor
	rules      rules
	kinds      map[string]int
}

// built builds an overlay: kustomization.yaml and further files, in a folder beside
// base and components.
func built(t *testing.T, files map[string]string) *cluster {
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
	for name, text := range files {
		if err := fs.WriteFile("/kubernetes/overlay/"+name, []byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	m, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(fs, "/kubernetes/overlay")
	if err != nil {
		t.Fatal(err)
	}
	c := &cluster{t: t, kinds: map[string]int{}}
	into := map[string]any{
		"Namespace": &c.namespace, "ServiceAccount": &c.account, "Service": &c.service, "ConfigMap": &c.config,
		"Deployment": &c.deployment, "NetworkPolicy": &c.policy, "ServiceMonitor": &c.monitor, "PrometheusRule": &c.rules,
	}
	for _, r := range m.Resources() {
		text, err := r.AsYAML()
		if err != nil {
			t.Fatal(err)
		}
		if into[r.GetKind()] == nil {
			t.Errorf("%s is not known here", r.GetKind())
			continue
		}
		if err := yaml.UnmarshalStrict(text, into[r.GetKind()]); err != nil {
			t.Errorf("%s %s: %v", r.GetKind(), r.GetName(), err)
		}
		c.kinds[r.GetKind()]++
	}
	return c
}

// with is an overlay of the base and components.
func with(components ...string) map[string]string {
	overlay := "resources: [../base]\n"
	if len(components) > 0 {
		overlay += "components:\n"
	}
	for _, c := range components {
		overlay += "  - ../components/" + c + "\n"
	}
	return map[string]string{"kustomization.yaml": overlay}
}

// TestKubernetes checks each combination: what the API server would refuse, what would
// not find each other, and what the restricted profile demands.
func TestKubernetes(t *testing.T) {
	for name, components := range map[string][]string{"base": nil, "git": {"git"}, "monitoring": {"monitoring"}, "all": {"git", "monitoring"}} {
		t.Run(name, func(t *testing.T) {
			c := built(t, with(components...))
			want := []string{"Namespace", "ServiceAccount", "Service", "ConfigMap", "Deployment", "NetworkPolicy"}
			if slices.Contains(components, "monitoring") {
				want = append(want, "ServiceMonitor", "PrometheusRule")
			}
			for _, kind := range want {
				if c.kinds[kind] != 1 {
					t.Errorf("%d of %s", c.kinds[kind], kind)
				}
			}
			c.check()
			example, err := os.ReadFile("../examples/orders.yaml")
			if err != nil {
				t.Fatal(err)
			}
			if c.config.Data["orders.yaml"] != string(example) {
				t.Error("the ConfigMap's document is not examples/orders.yaml any more: copy it")
			}
		})
	}
}

// TestKubernetesREADME builds the overlay that README shows, also in a namespace of
// another name.
func TestKubernetesREADME(t *testing.T) {
	overlay := strings.ReplaceAll(inREADME(t, "**Kubernetes.**", "yaml"), "github.com/eventrouting/eventrouting/deploy/kubernetes/", "../")
	const document = "a document of somebody\n"
	for name, text := range map[string]string{"as it is": overlay, "another namespace": overlay + "namespace: elsewhere\n"} {
		t.Run(name, func(t *testing.T) {
			c := built(t, map[string]string{"kustomization.yaml": text, "orders.yaml": document})
			c.check()
			if c.config.Data["orders.yaml"] != document {
				t.Errorf("the documents are %v", c.config.Data)
			}
			if got := c.account.Annotations["eks.amazonaws.com/role-arn"]; got != "arn:aws:iam::111122223333:role/eventrouting" {
				t.Errorf("the role is %s", got)
			}
			if got := c.container().Image; got != "registry.example.org/eventrouting:v1" {
				t.Errorf("the image is %s", got)
			}
			if c.kinds["ServiceMonitor"] != 1 || c.kinds["PrometheusRule"] != 1 {
				t.Errorf("no monitoring: %v", c.kinds)
			}
		})
	}
	secret := ""
	for _, v := range built(t, with()).deployment.Spec.Template.Spec.Volumes {
		if v.Secret != nil {
			secret = v.Secret.SecretName
		}
	}
	console := inREADME(t, "**Kubernetes.**", "console")
	if !strings.Contains(console, "create secret generic "+secret+" --from-literal=token=") {
		t.Errorf("README does not make the secret %s:\n%s", secret, console)
	}
}

func (c *cluster) container() corev1.Container {
	return c.deployment.Spec.Template.Spec.Containers[0]
}

// check looks at all objects and at what they name of each other.
func (c *cluster) check() {
	c.t.Helper()
	if c.kinds["Deployment"] != 1 {
		c.t.Fatal("no deployment")
	}
	c.names()
	c.pod()
	c.restricted()
	c.volumes()
	c.probes()
	c.selected()
	c.network()
}

func (c *cluster) all(what string, problems []string) {
	c.t.Helper()
	for _, p := range problems {
		c.t.Errorf("%s: %s", what, p)
	}
}

// names checks names and labels by Kubernetes' own rules, and that all is in one
// namespace.
func (c *cluster) names() {
	home := c.deployment.Namespace
	objects := map[string]*metav1.ObjectMeta{
		"ServiceAccount": &c.account.ObjectMeta, "Service": &c.service.ObjectMeta, "ConfigMap": &c.config.ObjectMeta, "Deployment": &c.deployment.ObjectMeta,
		"NetworkPolicy": &c.policy.ObjectMeta, "ServiceMonitor": &c.monitor.ObjectMeta, "PrometheusRule": &c.rules.ObjectMeta,
	}
	for kind, o := range objects {
		if c.kinds[kind] == 0 {
			continue
		}
		c.all(kind, validation.NameIsDNSSubdomain(o.Name, false))
		c.all(kind, problems(metavalidation.ValidateLabels(o.Labels, field.NewPath("labels"))))
		c.all(kind, problems(validation.ValidateAnnotations(o.Annotations, field.NewPath("annotations"))))
		if o.Namespace != home || home == "" {
			c.t.Errorf("%s is in namespace %q, and the deployment in %q", kind, o.Namespace, home)
		}
	}
	c.all("Namespace", validation.ValidateNamespaceName(c.namespace.Name, false))
	c.all("Service", validation.NameIsDNS1035Label(c.service.Name, false))
}

func problems(list field.ErrorList) []string {
	var all []string
	for _, e := range list {
		all = append(all, e.Error())
	}
	return all
}

// pod checks values that the API server takes from a list, and whom the pod runs as.
func (c *cluster) pod() {
	d := c.deployment.Spec
	pod, k := d.Template.Spec, c.container()
	if d.Strategy.Type != appsv1.RecreateDeploymentStrategyType || *d.Replicas != 1 {
		c.t.Errorf("%d replicas, %s", *d.Replicas, d.Strategy.Type)
	}
	if pod.ServiceAccountName != c.account.Name {
		c.t.Errorf("the pod runs as %s, and the account is %s", pod.ServiceAccountName, c.account.Name)
	}
	if len(pod.Containers) != 1 || k.Image == "" {
		c.t.Errorf("%d containers, the image is %q", len(pod.Containers), k.Image)
	}
	var out bytes.Buffer
	if code := command.Run(c.t.Context(), append(slices.Clone(k.Args), "--help"), strings.NewReader(""), &out, &out); code != 0 {
		c.t.Errorf("the program does not take %v: %s", k.Args, out.String())
	}
	for name, limit := range k.Resources.Limits {
		if request := k.Resources.Requests[name]; request.Cmp(limit) > 0 || limit.Sign() <= 0 {
			c.t.Errorf("%s: %s requested, at most %s", name, request.String(), limit.String())
		}
	}
	for _, e := range k.Env {
		c.all("env", utilvalidation.IsEnvVarName(e.Name))
	}
	for _, p := range k.Ports {
		c.all("port", utilvalidation.IsValidPortName(p.Name))
		c.all("port", utilvalidation.IsValidPortNum(int(p.ContainerPort)))
	}
}

// restricted checks the pod against the restricted profile.
// https://kubernetes.io/docs/concepts/security/pod-security-standards/
func (c *cluster) restricted() {
	pod := c.deployment.Spec.Template.Spec
	switch s := c.container().SecurityContext; {
	case pod.SecurityContext.RunAsNonRoot == nil || !*pod.SecurityContext.RunAsNonRoot, pod.SecurityContext.SeccompProfile.Type != "RuntimeDefault":
		c.t.Error("the pod may run as root, or without seccomp")
	case s.AllowPrivilegeEscalation == nil || *s.AllowPrivilegeEscalation, !slices.Equal(s.Capabilities.Drop, []corev1.Capability{"ALL"}), !*s.ReadOnlyRootFilesystem:
		c.t.Error("the container may gain privileges")
	}
}

// volumes checks that what is mounted is there, that what is there is mounted, and that
// each file or folder which the program is told of is in what is mounted.
func (c *cluster) volumes() {
	k := c.container()
	mounted := map[string]bool{}
	for _, m := range k.VolumeMounts {
		mounted[m.Name] = true
		if !filepath.IsAbs(m.MountPath) {
			c.t.Errorf("volume %s is mounted at %s", m.Name, m.MountPath)
		}
	}
	for _, v := range c.deployment.Spec.Template.Spec.Volumes {
		if !mounted[v.Name] {
			c.t.Errorf("volume %s is not mounted", v.Name)
		}
		delete(mounted, v.Name)
		switch {
		case v.ConfigMap != nil && v.ConfigMap.Name != c.config.Name:
			c.t.Errorf("volume %s is of ConfigMap %s, and there is %s", v.Name, v.ConfigMap.Name, c.config.Name)
		case v.Secret != nil:
			c.all("secret", validation.NameIsDNSSubdomain(v.Secret.SecretName, false))
		}
	}
	for name := range mounted {
		c.t.Errorf("volume %s is mounted and not there", name)
	}
	told := slices.Clone(k.Args)
	for _, e := range k.Env {
		told = append(told, "="+e.Value)
	}
	for _, arg := range told {
		path := arg
		if flag, value, ok := strings.Cut(arg, "="); ok && (flag == "" || strings.HasPrefix(flag, "-")) {
			path = value
		}
		if filepath.IsAbs(path) && c.at(path) == "" {
			c.t.Errorf("%s is told to the program and nothing is mounted there", path)
		}
	}
}

// at is the volume that is mounted at a path; empty for none.
func (c *cluster) at(path string) string {
	for _, m := range c.container().VolumeMounts {
		if path == m.MountPath || strings.HasPrefix(path, m.MountPath+"/") {
			return m.Name
		}
	}
	return ""
}

// port is the number of the container's port of a name; 0 for none.
func (c *cluster) port(name string) int32 {
	for _, p := range c.container().Ports {
		if p.Name == name {
			return p.ContainerPort
		}
	}
	return 0
}

// probes checks that each asks a port that there is; what it asks there, TestServes
// does.
func (c *cluster) probes() {
	for name, p := range c.asked() {
		if p == nil || p.HTTPGet == nil || c.port(p.HTTPGet.Port.String()) == 0 {
			c.t.Errorf("the %s probe asks no port of the container", name)
		}
	}
	listens := false
	for _, arg := range c.container().Args {
		if address, ok := strings.CutPrefix(arg, "--listen=:"); ok {
			listens = address == fmt.Sprint(c.port("http"))
		}
	}
	if !listens {
		c.t.Errorf("the program is told %v, and the port is %d", c.container().Args, c.port("http"))
	}
}

func (c *cluster) asked() map[string]*corev1.Probe {
	k := c.container()
	return map[string]*corev1.Probe{"startup": k.StartupProbe, "liveness": k.LivenessProbe, "readiness": k.ReadinessProbe}
}

// selected checks that pods, service and monitor find each other.
func (c *cluster) selected() {
	pod := labels.Set(c.deployment.Spec.Template.Labels)
	for what, s := range map[string]*metav1.LabelSelector{"deployment": c.deployment.Spec.Selector, "network policy": &c.policy.Spec.PodSelector} {
		if selector, err := metav1.LabelSelectorAsSelector(s); err != nil || selector.Empty() || !selector.Matches(pod) {
			c.t.Errorf("the %s does not select the pod: %v, %v", what, s, err)
		}
	}
	if s := labels.SelectorFromSet(c.service.Spec.Selector); s.Empty() || !s.Matches(pod) {
		c.t.Errorf("the service selects %v", c.service.Spec.Selector)
	}
	ports := map[string]bool{}
	for _, p := range c.service.Spec.Ports {
		ports[p.Name] = true
		if c.port(p.TargetPort.String()) == 0 {
			c.t.Errorf("the service's port %s goes to %s, and the container has no such port", p.Name, p.TargetPort.String())
		}
	}
	if c.kinds["ServiceMonitor"] == 0 {
		return
	}
	if s, err := metav1.LabelSelectorAsSelector(&c.monitor.Spec.Selector); err != nil || s.Empty() || !s.Matches(labels.Set(c.service.Labels)) {
		c.t.Errorf("the monitor does not select the service: %v, %v", c.monitor.Spec.Selector, err)
	}
	for _, e := range c.monitor.Spec.Endpoints {
		if every, err := time.ParseDuration(e.Interval); err != nil || every <= 0 || !ports[e.Port] {
			c.t.Errorf("the monitor asks port %s every %s: %v", e.Port, e.Interval, err)
		}
	}
}

// network checks the policy's values, and that it lets in what the program serves and
// out what it asks.
func (c *cluster) network() {
	p := c.policy.Spec
	ports := func(all []networkingv1.NetworkPolicyPort) (numbers []int) {
		for _, port := range all {
			if !slices.Contains([]corev1.Protocol{corev1.ProtocolTCP, corev1.ProtocolUDP, corev1.ProtocolSCTP}, *port.Protocol) {
				c.t.Errorf("protocol %s", *port.Protocol)
			}
			c.all("network policy", utilvalidation.IsValidPortNum(port.Port.IntValue()))
			numbers = append(numbers, port.Port.IntValue())
		}
		return numbers
	}
	peers := func(all []networkingv1.NetworkPolicyPeer) {
		for _, peer := range all {
			if peer.IPBlock == nil {
				continue
			}
			if _, err := netip.ParsePrefix(peer.IPBlock.CIDR); err != nil {
				c.t.Errorf("network policy: %v", err)
			}
		}
	}
	var in, out []int
	for _, rule := range p.Ingress {
		in = append(in, ports(rule.Ports)...)
		peers(rule.From)
	}
	for _, rule := range p.Egress {
		out = append(out, ports(rule.Ports)...)
		peers(rule.To)
	}
	if !slices.Equal(in, []int{int(c.port("http"))}) {
		c.t.Errorf("ports %v are let in, and the container's is %d", in, c.port("http"))
	}
	for _, want := range []int{53, 443} {
		if !slices.Contains(out, want) {
			c.t.Errorf("port %d is not let out", want)
		}
	}
	if !slices.Equal(p.PolicyTypes, []networkingv1.PolicyType{networkingv1.PolicyTypeIngress, networkingv1.PolicyTypeEgress}) {
		c.t.Errorf("the policy is about %v", p.PolicyTypes)
	}
}

// told is what the program is told in the container, with what is mounted in folders
// of this machine, and other flags after it.
func (c *cluster) told(folders map[string]string, more ...string) []string {
	args := slices.Clone(c.container().Args)
	for i, arg := range args {
		for mount, folder := range folders {
			args[i] = strings.Replace(arg, mount, folder, 1)
			if args[i] != arg {
				break
			}
		}
	}
	return append(args, more...)
}

// TestServes runs the program as the deployment does, with an embedded AWS, and asks
// it what the probes and the monitor ask.
func TestServes(t *testing.T) {
	c := built(t, with("monitoring"))
	folders := map[string]string{}
	for _, m := range c.container().VolumeMounts {
		folders[m.MountPath] = t.TempDir()
		files := map[string]string{}
		switch m.Name {
		case "routing":
			files = c.config.Data
		case "token":
			files["token"] = strings.Repeat("secret", 6)
		}
		for name, text := range files {
			if err := os.WriteFile(filepath.Join(folders[m.MountPath], name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	program, err := exec.LookPath("eventrouting")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), program, c.told(folders, "--emulator", "--listen="+address)...)
	cmd.Env = []string{}
	for _, e := range c.container().Env {
		cmd.Env = append(cmd.Env, e.Name+"="+e.Value)
	}
	var log bytes.Buffer
	cmd.Stderr = &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	stop := func() {
		_ = cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait()
	}
	defer stop()
	paths := map[string]bool{}
	for _, p := range c.asked() {
		paths[p.HTTPGet.Path] = true
	}
	for _, e := range c.monitor.Spec.Endpoints {
		paths[e.Path] = true
	}
	for path := range paths {
		status := ""
		for range 100 {
			resp, err := http.Get("http://" + address + path)
			if status = fmt.Sprint(err); err == nil {
				_ = resp.Body.Close()
				if status = resp.Status; resp.StatusCode == http.StatusOK {
					break
				}
			}
			time.Sleep(100 * time.Millisecond)
		}
		if status != "200 OK" {
			stop()
			t.Fatalf("%s: %s\n%s", path, status, log.String())
		}
	}
}
