package world

import (
	"fmt"
	"testing"
	"time"
)

// BenchmarkRecords writes records at 1,000 a second on 4 shards of which four
// mappings take one type each, until all are delivered.
func BenchmarkRecords(b *testing.B) {
	for _, n := range []int{10_000, 1_000_000} {
		b.Run(fmt.Sprintf("records=%d", n), func(b *testing.B) {
			attempts := 0
			for b.Loop() {
				f := newFlow(b, 4)
				f.Log(false)
				f.Trace(func(x Fact) {
					if x.Kind == Attempted {
						attempts++
					}
				})
				for i := range 4 {
					f.mapping(fmt.Sprint("m", i), "TRIM_HORIZON", MappingSettings{}, fmt.Sprint("T", i))
				}
				payload := make([][]byte, 4)
				for i := range payload {
					payload[i] = fmt.Appendf(nil, `{"type":"T%d","order":{"id":17,"customer":"c-1"}}`, i)
				}
				keys := make([]string, 997)
				for i := range keys {
					keys[i] = fmt.Sprint("user-", i)
				}
				for i := range n {
					if _, _, err := f.Put(dataPlace, "s", keys[i%len(keys)], payload[i%4]); err != nil {
						b.Fatal(err)
					}
					f.pass(time.Millisecond)
				}
				f.pass(time.Minute)
			}
			b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "records/s")
			b.ReportMetric(float64(attempts)/b.Elapsed().Seconds(), "attempts/s")
		})
	}
}

// BenchmarkIdleDay lets a day pass in which nothing is written.
func BenchmarkIdleDay(b *testing.B) {
	f := newFlow(b, 100)
	for i := range 20 {
		f.mapping(fmt.Sprint("m", i), "TRIM_HORIZON", MappingSettings{}, fmt.Sprint("T", i))
	}
	f.pass(time.Hour)
	for b.Loop() {
		f.pass(24 * time.Hour)
	}
}

// BenchmarkClone copies a world with 100,000 records.
func BenchmarkClone(b *testing.B) {
	f := newFlow(b, 4)
	for i := range 4 {
		f.mapping(fmt.Sprint("m", i), "TRIM_HORIZON", MappingSettings{}, fmt.Sprint("T", i))
	}
	for i := range 100_000 {
		f.put(fmt.Sprint("k", i%1000), fmt.Sprint("T", i%4))
		f.pass(time.Millisecond)
	}
	b.ReportAllocs()
	for b.Loop() {
		f.Clone()
	}
}
