// Package pattern is the event filter language of Lambda's Kinesis mappings:
// it reads filters, decides with them, compares them by meaning, and answers
// what planning asks of them.
//
// [Parse] reads one filter; a [Set] is all filters of one mapping, which AWS
// ORs; [Build] makes the set of a route; [Analyse] finds what a list of sets
// leaves out or delivers twice; an [Index] decides for many sets at once.
//
// A filter sees one object: the record's payload, base64 decoded and parsed,
// stands under "data". A payload that is no JSON is dropped by every filter. A
// field's list is ORed, fields are ANDed, a field that holds an array matches if
// any element does, and two conditions never hold in different elements of one
// array of objects.
// https://docs.aws.amazon.com/lambda/latest/dg/with-kinesis-filtering.html
//
// Where the guide is silent, meaning follows aws/event-ruler, the engine of
// EventBridge. That Lambda runs the same is likely, not proven: [Tier] and
// [Pattern.Lint] say what rests on it.
//
// Answers about sets assume one scalar, or nothing, in each field of a record.
// If a producer sends an array there, any two filters can match one record:
// a No of [Set.Overlaps] then holds for scalars only.
//
// Nothing here panics on any input; work and memory are bounded by the limits
// named in this package and by the size of the event.
package pattern
