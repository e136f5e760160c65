package emulator

import (
	"bytes"
	"encoding/json"
	"regexp"
	"slices"
	"strings"

	"github.com/eventrouting/eventrouting/emulator/world"
)

// kinesisSetting is the calls that change settings of a stream.
func kinesisSetting(name string) kinesisCall {
	switch name {
	case "UpdateStreamMode":
		return updateStreamMode
	case "IncreaseStreamRetentionPeriod":
		return changeRetention((*world.World).IncreaseRetention)
	case "DecreaseStreamRetentionPeriod":
		return changeRetention((*world.World).DecreaseRetention)
	case "UpdateMaxRecordSize":
		return updateRecordSize
	case "UpdateStreamWarmThroughput":
		return updateWarmThroughput
	case "EnableEnhancedMonitoring":
		return monitor(true)
	case "DisableEnhancedMonitoring":
		return monitor(false)
	case "StartStreamEncryption":
		return encrypt(true)
	case "StopStreamEncryption":
		return encrypt(false)
	case "PutResourcePolicy":
		return putResourcePolicy
	case "GetResourcePolicy":
		return getResourcePolicy
	case "DeleteResourcePolicy":
		return deleteResourcePolicy
	case "DescribeAccountSettings":
		return describeAccountSettings
	}
	return nil
}

func updateRecordSize(w *world.World, at world.Place, m *members) (any, error) {
	m.need("MaxRecordSizeInKiB")
	kib := m.number("MaxRecordSizeInKiB", 1024, 10240)
	name, err := m.stream(at)
	if err != nil {
		return nil, err
	}
	return nil, w.UpdateRecordSize(at, name, kib)
}

func updateWarmThroughput(w *world.World, at world.Place, m *members) (any, error) {
	m.need("WarmThroughputMiBps")
	m.number("WarmThroughputMiBps", 0, maxInt32)
	name, err := m.stream(at)
	if err != nil {
		return nil, err
	}
	if _, err := w.Stream(at, name); err != nil {
		return nil, err
	}
	return nil, m.warm(at)
}

// describeAccountSettings answers what no account here has.
// Recorded: radkawar/stackd, testdata/aws/kinesis/controls.json, account-before.
func describeAccountSettings(_ *world.World, _ world.Place, _ *members) (any, error) {
	var v struct {
		MinimumThroughputBillingCommitment struct{ Status string }
	}
	v.MinimumThroughputBillingCommitment.Status = "DISABLED"
	return v, nil
}

// monitor turns shard-level metrics on or off.
// Recorded: radkawar/stackd, testdata/aws/kinesis/controls.json, monitor-invalid.
func monitor(on bool) kinesisCall {
	return func(w *world.World, at world.Place, m *members) (any, error) {
		m.need("ShardLevelMetrics")
		metrics := m.texts("ShardLevelMetrics")
		known := append([]string{"ALL"}, world.ShardMetrics()...)
		shown := "[" + strings.Join(metrics, ", ") + "]"
		switch {
		case m.has("ShardLevelMetrics") && len(metrics) == 0:
			m.fail("ShardLevelMetrics", "[]", "have length greater than or equal to 1")
		case len(metrics) > 7:
			m.fail("ShardLevelMetrics", shown, "have length less than or equal to 7")
		case slices.ContainsFunc(metrics, func(s string) bool { return !slices.Contains(known, s) }):
			m.fail("ShardLevelMetrics", shown,
				"satisfy constraint: [Member must satisfy enum value set: ["+strings.Join(known, ", ")+"]]")
		}
		name, err := m.stream(at)
		if err != nil {
			return nil, err
		}
		before, after, err := w.Monitor(at, name, metrics, on)
		if err != nil {
			return nil, err
		}
		return struct {
			StreamName               string
			CurrentShardLevelMetrics []string
			DesiredShardLevelMetrics []string
			StreamARN                string
		}{name, list(before), list(after), world.StreamARN(at, name)}, nil
	}
}

// encrypt starts or stops encryption.
// Recorded: radkawar/stackd, testdata/aws/kinesis/controls.json, encryption-invalid.
// Unverified: what EncryptionType NONE does.
func encrypt(on bool) kinesisCall {
	return func(w *world.World, at world.Place, m *members) (any, error) {
		m.need("EncryptionType")
		m.need("KeyId")
		m.text("EncryptionType", oneOf("KMS", "NONE"))
		key := m.text("KeyId", length(2048))
		name, err := m.stream(at)
		if err != nil {
			return nil, err
		}
		return nil, w.Encrypt(at, name, key, on)
	}
}

// policyText is a policy as AWS gives it back: without white space, and lists
// of one text as that text.
// Recorded: radkawar/stackd, testdata/aws/kinesis/controls.json, policy-read.
func policyText(policy string) (string, error) {
	var b bytes.Buffer
	if err := json.Compact(&b, []byte(policy)); err != nil || !strings.HasPrefix(b.String(), "{") {
		return "", refuseKinesis("InvalidArgumentException", "Policy validation error: This policy contains invalid Json")
	}
	return regexp.MustCompile(`\[("[^"\\]*")\]`).ReplaceAllString(b.String(), "$1"), nil
}

func putResourcePolicy(w *world.World, at world.Place, m *members) (any, error) {
	m.need("Policy")
	policy := m.text("Policy")
	stream, consumer, _, err := m.resource(w, at)
	if err != nil {
		return nil, err
	}
	if policy, err = policyText(policy); err != nil {
		return nil, err
	}
	return nil, w.SetPolicy(at, stream, consumer, policy)
}

// getResourcePolicy answers {} where there is none.
// Recorded: test_resource_policy_crud.
func getResourcePolicy(w *world.World, at world.Place, m *members) (any, error) {
	stream, consumer, _, err := m.resource(w, at)
	if err != nil {
		return nil, err
	}
	v := struct{ Policy string }{"{}"}
	policy, err := w.ResourcePolicy(at, stream, consumer)
	if policy != "" {
		v.Policy = policy
	}
	return v, err
}

func deleteResourcePolicy(w *world.World, at world.Place, m *members) (any, error) {
	arn := m.text("ResourceARN")
	stream, consumer, _, err := m.resource(w, at)
	if err != nil {
		return nil, err
	}
	if policy, err := w.ResourcePolicy(at, stream, consumer); err != nil || policy == "" {
		if err == nil { // Recorded: radkawar/stackd, testdata/aws/kinesis/controls.json, policy-delete-absent
			err = refuseKinesis("ResourceNotFoundException", "No resource policy found for resource ARN "+arn+".")
		}
		return nil, err
	}
	return nil, w.SetPolicy(at, stream, consumer, "")
}
