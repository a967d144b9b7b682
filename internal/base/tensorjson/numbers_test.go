package tensorjson_test

import (
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
)

// format is a float format for the exact reference rounding.
type format struct {
	datatype tensor.DataType
	// precision is the number of bits of the mantissa. minExponent is the power of two
	// of the last bit of the smallest numbers, maxExponent that of the first bit of the
	// largest.
	precision                uint
	minExponent, maxExponent int
}

var formats = []format{
	{tensor.FP16, 11, -24, 15},
	{tensor.BF16, 8, -133, 127},
	{tensor.FP32, 24, -149, 127},
	{tensor.FP64, 53, -1074, 1023},
}

// round rounds a decimal to the nearest number of the format, ties to even, in integer
// arithmetic. The result is infinite beyond the format's range.
func (f format) round(text string) float64 {
	exact, ok := new(big.Rat).SetString(text)
	if !ok {
		panic(text)
	}
	if exact.Sign() == 0 {
		return 0
	}
	// The power of two of the mantissa's last bit. The first guess is too small.
	abs := new(big.Rat).Abs(exact)
	unit := max(abs.Num().BitLen()-abs.Denom().BitLen()-int(f.precision), f.minExponent)
	for {
		two := new(big.Rat).SetInt(new(big.Int).Lsh(big.NewInt(1), uint(max(unit, -unit))))
		if unit < 0 {
			two.Inv(two)
		}
		scaled := new(big.Rat).Quo(abs, two)
		whole, rest := new(big.Int).QuoRem(scaled.Num(), scaled.Denom(), new(big.Int))
		if uint(whole.BitLen()) > f.precision {
			unit++
			continue
		}
		if half := rest.Lsh(rest, 1).Cmp(scaled.Denom()); half > 0 || half == 0 && whole.Bit(0) == 1 {
			whole.Add(whole, big.NewInt(1))
		}
		if whole.BitLen()+unit > f.maxExponent+1 {
			return math.Inf(exact.Sign())
		}
		value, _ := new(big.Float).SetMantExp(new(big.Float).SetInt(whole), unit).Float64()
		return math.Copysign(value, float64(exact.Sign()))
	}
}

// values returns data's elements, each exact.
func (f format) values(data []byte) []float64 {
	if f.datatype == tensor.FP64 {
		values, _ := tensor.View[float64](data)
		return values
	}
	values, err := tensor.Float32s(tensor.Tensor{DataType: f.datatype, Data: data})
	if err != nil {
		panic(err)
	}
	wide := make([]float64, len(values))
	for i, v := range values {
		wide[i] = float64(v)
	}
	return wide
}

// check parses numbers as each format: together, where the fast path handles most of
// them, and one by one, where the text is too short for the fast path.
func check(t *testing.T, numbers []string) {
	t.Helper()
	for _, f := range formats {
		var fit []string
		var want []float64
		for _, number := range numbers {
			value := f.want(number)
			single, err := parse("["+number+"]", f.datatype, tensor.Shape{1})
			if math.IsInf(value, 0) {
				if err == nil || !strings.Contains(err.Error(), "is too large for "+f.datatype.String()) {
					t.Fatalf("%v %s: %v, error %v, want one", f.datatype, number, single, err)
				}
				continue
			}
			if err != nil || f.values(single)[0] != value {
				t.Fatalf("%v %s: % x, want %v, error %v", f.datatype, number, single, value, err)
			}
			fit, want = append(fit, number), append(want, value)
		}
		data, err := parse("["+strings.Join(fit, ",")+"]"+strings.Repeat(" ", 40), f.datatype, tensor.Shape{int64(len(fit))})
		if err != nil {
			t.Fatalf("%v: %v", f.datatype, err)
		}
		for i, value := range f.values(data) {
			if value != want[i] || math.Signbit(value) != strings.HasPrefix(fit[i], "-") {
				t.Fatalf("%v %s: %v, want %v", f.datatype, fit[i], value, want[i])
			}
		}
	}
}

// want returns strconv's result for the formats that it supports, else round's.
func (f format) want(number string) float64 {
	if f.precision < 24 {
		return f.round(number)
	}
	value, _ := strconv.ParseFloat(number, map[uint]int{24: 32, 53: 64}[f.precision])
	return value
}

func TestNumbersAtTheEdges(t *testing.T) {
	t.Parallel()
	var numbers []string
	for _, number := range []string{
		"0", "0.0", "0e5", "0e-500", "1", "9", "10", "255", "256", "1234567", "12345678", "123456789", "9999999.99999999", "0.5", "1.5", "0.52156866",
		"16777216", "16777217", "16777219", "9007199254740991", "9007199254740992", "9007199254740993", "9007199254740995", "9007199254740993.0000000000000000000001",
		"1e22", "1e23", "8.5e22", "123456789e22", "1e-22", "1e-23", "12345678901234567e-22", "0.000000000000000000000000000000000000000000001e45",
		"3.4028234663852886e38", "3.4028235677973366e38", "3.4028235677973365e38", "3.4028235677973367e38", "1.7976931348623157e308", "1.7976931348623158e308", "1.7976931348623159e308",
		"1.1754943508222875e-38", "1.17549435e-38", "1.1754942e-38", "1.401298464324817e-45", "7.006492321624085e-46", "7.006492321624086e-46", "7.006492321624084e-46",
		"2.2250738585072014e-308", "2.2250738585072011e-308", "4.9406564584124654e-324", "2.4703282292062327e-324", "2.4703282292062328e-324", "1e-400", "1e400", "1e5000", "1e-5000",
		"65504", "65519.999", "65519.9999999999999999999999", "65520", "65520.0000000000000000000001", "2.98023223876953125e-8", "2.98023223876953124e-8", "2.98023223876953126e-8", "2.980232238769531250000000000001e-8",
		"1.00048828125", "1.00048828125000000000000000000000001", "1.00048828124999999999999999999999999", "257", "259", "257.0000000000000000001", "1.00390625", "1.01171875", "338953138925153547590470800371487866880", "3.3961775292304601e38",
		"18446744073709551615", "18446744073709551616", "9999999999999999999", "99999999999999999999", "0.99999999999999999999999", "1234567890123456789", "12345678901234567890e-19",
		"0.015686274509803924", "0.5215686559677124", "0.12345678", "0.123456789", "0.1234567812345678", "0.12345678123456781", "0.123456781234567812345678", "0.1234567812345678123456781", "0.000000001234567812345678",
	} {
		numbers = append(numbers, number, "-"+number)
		if number != "0" && !strings.Contains(number, "e") {
			zeros := strings.Repeat("0", 30)
			if !strings.Contains(number, ".") {
				numbers = append(numbers, number+"."+zeros, number+zeros+"e-30")
			} else {
				numbers = append(numbers, number+zeros, number+zeros+"1", number+"E+0", number+"e-7")
			}
		}
	}
	check(t, numbers)
}

func TestNumbersAtRandom(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	digits := func(count int) string {
		var b strings.Builder
		for range count {
			b.WriteByte(byte('0' + random.IntN(10)))
		}
		return b.String()
	}
	var numbers []string
	for range 4000 {
		f := math.Float32frombits(random.Uint32())
		g := math.Float64frombits(random.Uint64())
		if f-f != 0 || g-g != 0 {
			continue
		}
		sign := []string{"", "-"}[random.IntN(2)]
		numbers = append(numbers,
			strconv.FormatFloat(float64(f), 'g', -1, 32), strconv.FormatFloat(float64(f), 'e', random.IntN(25), 64),
			strconv.FormatFloat(g, 'g', -1, 64), strconv.FormatFloat(g, 'e', 16+random.IntN(10), 64),
			strconv.FormatFloat(random.NormFloat64(), 'f', -1, 64), strconv.FormatFloat(random.NormFloat64(), 'f', random.IntN(25), 32),
			sign+strconv.Itoa(random.IntN(1000))+"."+digits(1+random.IntN(25)),
			fmt.Sprintf("%s%d.%se%d", sign, random.IntN(10), digits(1+random.IntN(25)), random.IntN(80)-40),
			fmt.Sprintf("%s1%se%d", sign, digits(random.IntN(25)), random.IntN(700)-350),
		)
	}
	check(t, numbers)
}

// TestNumbersHalfway covers the ties between neighbours, and the decimals of several
// lengths nearest to them.
func TestNumbersHalfway(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(5, 6))
	var numbers []string
	for _, f := range formats {
		for range 300 {
			// An odd number of halves of a unit.
			mantissa := int64(random.Uint64()>>(63-f.precision)) | 1
			unit := f.minExponent - 1 + random.IntN(f.maxExponent-f.minExponent-int(f.precision)+2)
			exact := new(big.Float).SetMantExp(new(big.Float).SetInt64(mantissa), unit).Text('e', 800)
			digits, power, _ := strings.Cut(exact, "e")
			power = "e" + power
			tie := strings.TrimRight(digits, "0")
			if strings.HasSuffix(tie, ".") {
				tie += "0"
			}
			numbers = append(numbers, tie+power, tie+"0000000000000000000001"+power, tie[:min(len(tie), 19)]+power, tie[:min(len(tie), 21)]+power, tie[:min(len(tie), 25)]+power)
			if last := tie[len(tie)-1]; last > '0' {
				numbers = append(numbers, tie[:len(tie)-1]+string(last-1)+"99999999999999999999"+power)
			}
		}
	}
	check(t, numbers)
}
