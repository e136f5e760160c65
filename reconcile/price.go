package reconcile

import (
	"cmp"
	"time"
)

// Prices are what enhanced fan-out costs, in US dollars. The zero value is the
// list price as far as it is known here.
type Prices struct {
	ConsumerShardHour float64 // of one consumer on one shard; 0 for the list price
	GB                float64 // read by a consumer; 0 for the list price
}

// Price is an estimate of what the consumers of a stream cost.
type Price struct {
	Estimate  bool    `json:"estimate"` // from the list below; a flag says it better
	Hour      float64 `json:"usdPerHour"`
	Month     float64 `json:"usdPerMonth"`     // of 730 hours
	Another   float64 `json:"usdPerMonthEach"` // what one more consumer adds
	ShardHour float64 `json:"usdPerConsumerShardHour"`
	GB        float64 `json:"usdPerGB"` // read by each consumer, filtered out or not
	Region    string  `json:"region"`   // whose list price it is
	Date      string  `json:"date"`     // of the list price
}

// listPrice is one row of https://aws.amazon.com/kinesis/data-streams/pricing/.
type listPrice struct{ shardHour, gb float64 }

// The list prices are those of us-east-1, read from secondary sources. Other
// regions are dearer, most by less than a third.
const (
	priceRegion = "us-east-1"
	priceDate   = "2026-05"
	monthHours  = 730 * time.Hour / time.Hour
)

func listPriceOf(mode string) listPrice {
	if mode == "ON_DEMAND" {
		return listPrice{gb: 0.05} // by what is read alone
	}
	return listPrice{shardHour: 0.015, gb: 0.013}
}

// of is what consumers of a stream cost. In on-demand mode there is no price by
// the hour.
func (p Prices) of(region, mode string, consumers, shards int) Price {
	list := listPriceOf(mode)
	at := Price{
		Estimate:  p.ConsumerShardHour == 0 && list.shardHour > 0 || p.GB == 0,
		ShardHour: list.shardHour,
		GB:        cmp.Or(p.GB, list.gb),
		Region:    priceRegion, Date: priceDate,
	}
	if list.shardHour > 0 {
		at.ShardHour = cmp.Or(p.ConsumerShardHour, list.shardHour)
	}
	if !at.Estimate {
		at.Region, at.Date = region, ""
	}
	at.Hour = float64(consumers) * float64(shards) * at.ShardHour
	at.Month = at.Hour * float64(monthHours)
	at.Another = float64(shards) * at.ShardHour * float64(monthHours)
	return at
}
