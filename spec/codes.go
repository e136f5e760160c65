package spec

// Codes of findings about documents. They are stable: people match on them.
// Those about what is live are reconcile's.
const (
	CodeRead       = "read"          // a path does not exist, cannot be read, is too big, or holds no document
	CodeSyntax     = "syntax"        // a file is no YAML, or uses a part of it that is not allowed here
	CodeKind       = "kind"          // apiVersion or kind names something else
	CodeUnknownKey = "unknown-key"   // a key that does not exist, or not there
	CodeDuplicate  = "duplicate"     // a key, name or value that may stand once stands twice
	CodeType       = "type"          // a value of the wrong type, or one that readers of YAML understand differently
	CodeMissing    = "missing"       // a value that is required is not there
	CodeName       = "name"          // a name or ARN that AWS or we do not accept
	CodeRegion     = "region"        // regions that contradict each other
	CodeRange      = "range"         // a number or duration outside its limits
	CodeEnum       = "enum"          // a word that is none of those allowed
	CodeConflict   = "conflict"      // settings that exclude or need each other
	CodeFilter     = "filter"        // a route's filter cannot be built, or does not fit into AWS's limits
	CodeOverlap    = "overlap"       // events that go to several routes or mappings
	CodeMayOverlap = "may-overlap"   // events that may go to several routes or mappings, which their conditions leave open
	CodeGap        = "gap"           // events that nobody takes: types of routes that do not run, and what no document names
	CodeMayDrop    = "may-drop"      // event types that are taken under further conditions only
	CodeReadBudget = "read-budget"   // more standard mappings on a stream than its shards can serve, or nearly
	CodeConsumers  = "consumers"     // more enhanced fan-out consumers on a stream than AWS allows, or nearly
	CodePoison     = "poison-record" // a record that always fails blocks its shard until the data expires
	CodeNoRoutes   = "no-routes"     // a document without routes: its live ones are retired
)
