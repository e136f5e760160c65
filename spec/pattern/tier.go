package pattern

// Tier says who is known to accept what a pattern uses; the worst part of it
// decides. Everything above [SeenAccepted] may be refused by Lambda on
// creation, or accepted and never match.
type Tier int

// From certain to unlikely.
const (
	// Documented: the Lambda guide shows it for event filtering.
	// https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventfiltering.html
	Documented Tier = iota
	// SeenAccepted: not in the guide's table, but recorded as accepted by Lambda
	// or made by AWS's own CDK helper: booleans, and anything-but with one value
	// instead of a list.
	SeenAccepted
	// PipesOnly: listed for EventBridge Pipes, which filter "generally the same
	// way": equals-ignore-case inside prefix and suffix.
	// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-pipes-event-filtering.html
	PipesOnly
	// EventBridgeOnly: listed for EventBridge rules and not for Pipes: wildcard,
	// cidr, and anything-but of an operator.
	EventBridgeOnly
)

// String is the tier in words: "documented", "seen accepted", "pipes only",
// "eventbridge only".
func (t Tier) String() string {
	switch t {
	case Documented:
		return "documented"
	case SeenAccepted:
		return "seen accepted"
	case PipesOnly:
		return "pipes only"
	case EventBridgeOnly:
		return "eventbridge only"
	}
	return "unknown tier"
}
