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

use crate::number::Number;
use k256::elliptic_curve::ops::Reduce;
use k256::{ProjectivePoint, Scalar, U256};
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

/// Splits a scalar into `k1` and `k2`.
pub(crate) fn split(k: &Scalar) -> [Number; 2] {
    let Lattice { lambda, minus_b1, b2 } = &*LATTICE;
    let number = U256::from(k);
    let k2 = rounded(&number, &G1) * minus_b1 - rounded(&number, &G2) * b2;
    let k1 = k - &(k2 * lambda);
    let halves = [k1, k2].map(Number::of);
    debug_assert!(halves.iter().all(|half| half.fits(BITS)), "{k:?} has no halves");
    halves
}

/// `k1 P + λ(k2 P)`, given `k1 P` and `k2 P`.
pub(crate) fn join(sums: &[ProjectivePoint]) -> ProjectivePoint {
    match sums {
        [first, second] => first + &second.endomorphism(),
        _ => ProjectivePoint::IDENTITY,
    }
}

/// `k g / 2³⁸⁴`, rounded to the nearest whole number.
fn rounded(k: &U256, g: &U256) -> Scalar {
    let (_, upper) = k.widening_mul(g);
    let [_, below, low, high] = upper.to_words();
    Scalar::from((u128::from(high) << 64 | u128::from(low)) + u128::from(below >> 63))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What the digits of a half come to; there are no more of them than a table has rows.
    fn value(mut half: Number) -> Scalar {
        let (mut sum, mut unit) = (Scalar::ZERO, Scalar::ONE);
        for _ in 0..(BITS + 1).div_ceil(10) {
            let (amount, negative) = half.digit(10);
            let digit = Scalar::from(amount as u64) * unit;
            sum += if negative { -digit } else { digit };
            unit *= Scalar::from(1_u64 << 10);
        }
        sum
    }

    fn comes_together_again(k: Scalar) {
        let [k1, k2] = split(&k);
        assert!(k1.fits(BITS) && k2.fits(BITS), "{k:?}");
        assert_eq!(value(k1) + value(k2) * LATTICE.lambda, k, "{k:?}");
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
            comes_together_again(Scalar::reduce(&k256::FieldBytes::from(bytes)));
        }
    }
}
