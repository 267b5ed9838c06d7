//! A scalar as two halves: `k = k1 + k2 λ`, none of them longer than 128 bits.
//!
//! On this curve multiplying by λ is hardly more work than nothing: it takes (x, y) to
//! (βx, y), which the library calls [`ProjectivePoint::endomorphism`]. So
//! `kP = k1 P + λ(k2 P)`, and a table that reaches up to 2¹²⁸ P serves both halves
//! (Gallant, Lambert and Vanstone, "Faster Point Multiplication on Elliptic Curves with
//! Efficient Endomorphisms", CRYPTO 2001).
//!
//! `k2` is found by rounding, and `k1` is what is left. So the sum is right whatever was
//! rounded; that the halves are short is what the constants are for. With the short vectors
//! (a1, b1) and (a2, b2) of the lattice of all (x, y) where `x + yλ` is a multiple of the
//! order, the halves are smaller than (a1 + a2 + 1) / 2 and (b2 - b1) / 2 + 1, and both of
//! these are below 2¹²⁸. The library's own multiplication relies on the same.
//!
//! [`ProjectivePoint::endomorphism`]: k256::ProjectivePoint::endomorphism

use k256::elliptic_curve::ops::Reduce;
use k256::elliptic_curve::scalar::IsHigh;
use k256::{Scalar, U256};
use std::sync::LazyLock;

/// What a half has at most.
pub(crate) const BITS: u32 = 128;

/// `b2 / n` and `-b1 / n`, times 2³⁸⁴ and rounded.
const G1: U256 =
    U256::from_be_hex("3086d221a7d46bcde86c90e49284eb153daa8a1471e8ca7fe893209a45dbb031");
const G2: U256 =
    U256::from_be_hex("e4437ed6010e88286f547fa90abfe4c4221208ac9df506c61571b4ae8ac47f71");

static LATTICE: LazyLock<Lattice> = LazyLock::new(|| Lattice {
    lambda: Scalar::reduce(&U256::from_be_hex(
        "5363ad4cc05c30e0a5261c028812645a122e22ea20816678df02967c1b23bd72",
    )),
    minus_b1: Scalar::from(0xe443_7ed6_010e_8828_6f54_7fa9_0abf_e4c3_u128),
    b2: Scalar::from(0x3086_d221_a7d4_6bcd_e86c_90e4_9284_eb15_u128),
});

struct Lattice {
    lambda: Scalar,
    minus_b1: Scalar,
    b2: Scalar,
}

/// One half, to be read digit by digit from its lower end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Half {
    /// The amount of what has not been read yet.
    rest: u128,
    negative: bool,
}

/// Splits a scalar into `k1` and `k2`.
pub(crate) fn split(k: &Scalar) -> [Half; 2] {
    let Lattice { lambda, minus_b1, b2 } = &*LATTICE;
    let number = U256::from(k);
    let k2 = rounded(&number, &G1) * minus_b1 - rounded(&number, &G2) * b2;
    let k1 = k - &(k2 * lambda);
    [Half::of(k1), Half::of(k2)]
}

/// `k g / 2³⁸⁴`, rounded to the nearest whole number.
fn rounded(k: &U256, g: &U256) -> Scalar {
    let (_, upper) = k.widening_mul(g);
    let [_, below, low, high] = upper.to_words();
    Scalar::from((u128::from(high) << 64 | u128::from(low)) + u128::from(below >> 63))
}

impl Half {
    fn of(k: Scalar) -> Self {
        let negative = bool::from(k.is_high());
        let amount = U256::from(if negative { -k } else { k });
        let [low, high, none, nothing] = amount.to_words();
        debug_assert!((none, nothing) == (0, 0), "{k:?} is no half");
        Self { rest: u128::from(high) << 64 | u128::from(low), negative }
    }

    /// Takes the lowest digit off, to the base of `2^bits`: its amount, at most half the base,
    /// and whether it counts negative.
    pub(crate) fn digit(&mut self, bits: u32) -> (usize, bool) {
        let base = 1_usize << bits;
        let low = (self.rest as usize) & (base - 1);
        let borrows = low > base / 2;
        self.rest = (self.rest >> bits) + u128::from(borrows);
        (if borrows { base - low } else { low }, borrows ^ self.negative)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use k256::ProjectivePoint;
    use proptest::prelude::*;

    fn value(half: Half) -> Scalar {
        let amount = Scalar::from(half.rest);
        if half.negative { -amount } else { amount }
    }

    fn comes_together_again(k: Scalar) {
        let [k1, k2] = split(&k);
        assert_eq!(value(k1) + value(k2) * LATTICE.lambda, k, "{k:?}");
        for bits in 2..=16 {
            for half in [k1, k2] {
                assert_eq!(digits_together(half, bits), value(half), "{k:?}, {bits} bits");
            }
        }
    }

    fn digits_together(mut half: Half, bits: u32) -> Scalar {
        let mut sum = Scalar::ZERO;
        let mut unit = Scalar::ONE;
        for _ in 0..(BITS + 1).div_ceil(bits) {
            let (amount, negative) = half.digit(bits);
            assert!(amount <= 1 << (bits - 1));
            let digit = Scalar::from(amount as u64) * unit;
            sum += if negative { -digit } else { digit };
            unit *= Scalar::from(1_u64 << bits);
        }
        assert_eq!(half.rest, 0, "something is left");
        sum
    }

    #[test]
    fn lambda_is_what_the_endomorphism_multiplies_by() {
        let point = ProjectivePoint::GENERATOR * Scalar::from(12_345_u64);
        assert_eq!(point * LATTICE.lambda, point.endomorphism());
    }

    #[test]
    fn scalars_at_the_edges_come_together_again() {
        let lambda = LATTICE.lambda;
        let mut edges = vec![Scalar::ZERO, lambda, LATTICE.minus_b1, LATTICE.b2];
        edges.extend((0..256).map(|bit| Scalar::reduce(&(U256::ONE << bit))));
        // Where rounding tips over: (i n + n / 2) / b and the like lie near multiples of these.
        edges.extend(
            (1..200_u64).flat_map(|i| [G1, G2].map(|g| Scalar::reduce(&g) * Scalar::from(i))),
        );
        for edge in edges {
            for off in 0..3_u64 {
                let near = edge + Scalar::from(off);
                for k in [near, -near, near * lambda, -near * lambda] {
                    comes_together_again(k);
                }
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]
        #[test]
        fn any_scalar_comes_together_again(bytes: [u8; 32]) {
            let [k1, k2] = split(&Scalar::reduce(&k256::FieldBytes::from(bytes)));
            prop_assert_eq!(
                value(k1) + value(k2) * LATTICE.lambda,
                Scalar::reduce(&k256::FieldBytes::from(bytes))
            );
        }
    }
}
