package path

import (
	"errors"
	"math/big"
	"strings"
)

// number is a decimal: coef / 10^scale. The scale is the precision as written.
type number struct {
	coef  *big.Int
	scale int
}

var errNumber = errors.New("not a number within limits")

// mostScale bounds the digits behind the point.
const mostScale = 1000

func numberOf(i int64) number { return number{coef: big.NewInt(i)} }

var ten = big.NewInt(10)

func pow10(n int) *big.Int { return new(big.Int).Exp(ten, big.NewInt(int64(n)), nil) }

// parseNumber reads -12.50 and 1.5e3.
func parseNumber(s string) (number, error) {
	exp := 0
	if i := strings.IndexAny(s, "eE"); i >= 0 {
		for _, c := range strings.TrimLeft(s[i+1:], "+-") {
			if exp = exp*10 + int(c-'0'); exp > mostScale {
				return numberOf(0), errNumber
			}
		}
		if strings.HasPrefix(s[i+1:], "-") {
			exp = -exp
		}
		s = s[:i]
	}
	whole, fraction, _ := strings.Cut(s, ".")
	if len(fraction) > mostScale || len(whole) > mostScale {
		return numberOf(0), errNumber
	}
	coef, ok := new(big.Int).SetString(whole+fraction, 10)
	if !ok {
		return numberOf(0), errNumber
	}
	n := number{coef, len(fraction) - exp}
	if n.scale < 0 {
		n = number{n.coef.Mul(n.coef, pow10(-n.scale)), 0}
	}
	return n, nil
}

// String keeps the zeros at the end.
func (n number) String() string {
	s := new(big.Int).Abs(n.coef).String()
	if n.scale > 0 {
		if len(s) <= n.scale {
			s = strings.Repeat("0", n.scale-len(s)+1) + s
		}
		s = s[:len(s)-n.scale] + "." + s[len(s)-n.scale:]
	}
	if n.coef.Sign() < 0 {
		s = "-" + s
	}
	return s
}

// align gives both coefficients at one scale.
func align(a, b number) (x, y *big.Int, scale int) {
	scale = max(a.scale, b.scale)
	return a.at(scale), b.at(scale), scale
}

// at is the coefficient at a scale that is not smaller.
func (n number) at(scale int) *big.Int {
	if n.scale == scale {
		return n.coef
	}
	return new(big.Int).Mul(n.coef, pow10(scale-n.scale))
}

func (n number) cmp(m number) int {
	x, y, _ := align(n, m)
	return x.Cmp(y)
}

func (n number) add(m number) number {
	x, y, scale := align(n, m)
	return number{new(big.Int).Add(x, y), scale}
}

func (n number) neg() number { return number{new(big.Int).Neg(n.coef), n.scale} }
func (n number) mul(m number) number {
	return number{new(big.Int).Mul(n.coef, m.coef), n.scale + m.scale}
}

// divided is n / m to 8 more digits than both have, without the zeros that
// follow; m is not zero.
func (n number) divided(m number) number {
	scale := max(n.scale, m.scale) + 8
	num := new(big.Int).Mul(n.coef, pow10(scale+m.scale))
	den := new(big.Int).Mul(m.coef, pow10(n.scale))
	return number{roundedQuo(num, den), scale}.trim()
}

// roundedQuo divides, halves away from zero.
func roundedQuo(num, den *big.Int) *big.Int {
	if den.Sign() < 0 {
		num, den = new(big.Int).Neg(num), new(big.Int).Neg(den)
	}
	twice := new(big.Int).Lsh(num, 1)
	if num.Sign() < 0 {
		twice.Sub(twice, den)
	} else {
		twice.Add(twice, den)
	}
	return twice.Quo(twice, new(big.Int).Lsh(den, 1))
}

// quo is the whole part of n / m; m is not zero.
func (n number) quo(m number) number {
	x, y, _ := align(n, m)
	return number{coef: new(big.Int).Quo(x, y)}
}

// mod is what quo leaves.
func (n number) mod(m number) number {
	x, y, scale := align(n, m)
	return number{new(big.Int).Rem(x, y), scale}
}

// trim takes zeros at the end of the fraction away.
func (n number) trim() number {
	c, scale := new(big.Int).Set(n.coef), n.scale
	r := new(big.Int)
	q := new(big.Int)
	for scale > 0 {
		q.QuoRem(c, ten, r)
		if r.Sign() != 0 {
			break
		}
		c.Set(q)
		scale--
	}
	return number{c, scale}
}

// round to digits behind the point, halves away from zero.
func (n number) round(digits int) number {
	if n.scale <= digits {
		return n
	}
	return number{roundedQuo(n.coef, pow10(n.scale-digits)), digits}
}

// floor is the greatest whole number that is not greater.
func (n number) floor() number {
	q, r := new(big.Int).QuoRem(n.coef, pow10(n.scale), new(big.Int))
	if r.Sign() < 0 {
		q.Sub(q, big.NewInt(1))
	}
	return number{coef: q}
}

func (n number) sign() int { return n.coef.Sign() }

func (n number) float() float64 {
	f, _ := new(big.Rat).SetFrac(n.coef, pow10(n.scale)).Float64()
	return f
}
