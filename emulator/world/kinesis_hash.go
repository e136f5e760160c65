package world

import (
	"cmp"
	"math/big"
	"math/bits"
)

// HashKey is a place in the 128-bit space over which a stream's shards are
// spread. The zero value is the lowest.
type HashKey struct{ hi, lo uint64 }

// ParseHashKey reads the decimal form in which AWS writes hash keys; false when
// s is not one.
func ParseHashKey(s string) (HashKey, bool) {
	if s == "" || len(s) > 39 || s[0] == '0' && len(s) > 1 {
		return HashKey{}, false
	}
	var k HashKey
	for _, c := range []byte(s) {
		if c < '0' || c > '9' {
			return HashKey{}, false
		}
		over, hi := bits.Mul64(k.hi, 10)
		carry, lo := bits.Mul64(k.lo, 10)
		hi, c1 := bits.Add64(hi, carry, 0)
		lo, c2 := bits.Add64(lo, uint64(c-'0'), 0)
		hi, c3 := bits.Add64(hi, 0, c2)
		if over != 0 || c1 != 0 || c3 != 0 {
			return HashKey{}, false
		}
		k = HashKey{hi, lo}
	}
	return k, true
}

func (k HashKey) String() string {
	n := new(big.Int).SetUint64(k.hi)
	n.Lsh(n, 64)
	return n.Or(n, new(big.Int).SetUint64(k.lo)).String()
}

// Compare is negative when k lies below l, positive when above, else 0.
func (k HashKey) Compare(l HashKey) int {
	return cmp.Or(cmp.Compare(k.hi, l.hi), cmp.Compare(k.lo, l.lo))
}

// Next is the key after k; after the highest comes the lowest.
func (k HashKey) Next() HashKey {
	lo, carry := bits.Add64(k.lo, 1, 0)
	return HashKey{k.hi + carry, lo}
}

func (k HashKey) prev() HashKey {
	lo, borrow := bits.Sub64(k.lo, 1, 0)
	return HashKey{k.hi - borrow, lo}
}

func highestKey() HashKey { return HashKey{^uint64(0), ^uint64(0)} }

// tile is the first key of the i-th of n equal parts of the hash space:
// floor(i * 2^128 / n). Parts of twice as many shards nest in these, so that a
// doubling is one split per shard. For 3 shards this is what AWS shows.
// Unverified: how AWS rounds where 2^128 mod n is not 1; at most n keys apart.
func tile(i, n int) HashKey {
	hi, rest := bits.Div64(uint64(i), 0, uint64(n))
	lo, _ := bits.Div64(rest, 0, uint64(n))
	return HashKey{hi, lo}
}

// sequence numbers are laid out as AWS's version 2, as read from AWS by others
// (github.com/mhart/kinesalite db/index.js): 186 bits, thus always 56 digits
// for any time that matters, in which the second of the shard's creation comes
// first. Numbers of one shard rise with n, and those of a child lie above all
// of its parents' because it is created in a later second.
func sequence(born int64, shard int, n uint64, second int64) string {
	v := big.NewInt(2)
	put := func(width uint, x uint64) {
		v.Lsh(v, width)
		v.Or(v, new(big.Int).SetUint64(x))
	}
	put(36, uint64(born))
	put(4, uint64(shard)&0xf)
	put(64, n)
	put(8, 0)
	put(36, uint64(second))
	put(32, uint64(shard))
	put(4, 2)
	return v.String()
}

// lastInShard stands in the ending number of a closed shard.
const lastInShard = 1<<63 - 1
