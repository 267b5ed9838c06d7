//! A number that is read digit by digit, from its lower end.
//!
//! Digits are signed: to the base of `2^bits` each lies between minus half the base and half
//! the base, and what that takes from the next one is carried. So a table of multiples needs
//! half as many.

use k256::U256;
use k256::elliptic_curve::scalar::IsHigh;
use std::ops::Neg;

/// What has not been read yet of a number.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Number {
    low: u128,
    high: u128,
    /// The digit before took one from the next.
    carry: bool,
    negative: bool,
}

impl Number {
    /// A scalar as the number of the smallest amount that stands for it: it has a bit less
    /// than the order.
    pub(crate) fn of<S: IsHigh + Neg<Output = S> + Into<U256>>(scalar: S) -> Self {
        let negative = bool::from(scalar.is_high());
        let amount: U256 = if negative { -scalar } else { scalar }.into();
        let [a, b, c, d] = amount.to_words().map(u128::from);
        Self { low: b << 64 | a, high: d << 64 | c, carry: false, negative }
    }

    /// Whether there is nothing above so many bits.
    pub(crate) const fn fits(&self, bits: u32) -> bool {
        match bits.checked_sub(128) {
            Some(0) => self.high == 0,
            Some(bits) => self.high >> bits == 0,
            None => self.high == 0 && self.low >> bits == 0,
        }
    }

    /// Takes the lowest digit off, to the base of `2^bits`: its amount, at most half the base,
    /// and whether it counts negative.
    pub(crate) fn digit(&mut self, bits: u32) -> (usize, bool) {
        let base = 1_usize << bits;
        let low = ((self.low as usize) & (base - 1)) + usize::from(self.carry);
        self.low = self.low >> bits | self.high << (128 - bits);
        self.high >>= bits;
        self.carry = low > base / 2;
        (if self.carry { base - low } else { low }, self.carry ^ self.negative)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use k256::elliptic_curve::PrimeField;
    use k256::elliptic_curve::ops::Reduce;
    use proptest::prelude::*;

    trait Scalar: PrimeField + IsHigh + Reduce<U256> + Into<U256> {}

    impl<S: PrimeField + IsHigh + Reduce<U256> + Into<U256>> Scalar for S {}

    /// As many digits as `fits` says there are make the scalar again, and leave nothing.
    fn comes_together_again<S: Scalar>(scalar: S) {
        let number = Number::of(scalar);
        let length = (0..256).find(|length| number.fits(*length)).expect("a number of 255 bits");
        assert!(length == 0 || !number.fits(length - 1));
        for bits in 2..=16 {
            let (mut rest, mut sum, mut unit) = (number, S::ZERO, S::ONE);
            for _ in 0..(length + 1).div_ceil(bits) {
                let (amount, negative) = rest.digit(bits);
                assert!(amount <= 1 << (bits - 1));
                let digit = S::from(amount as u64) * unit;
                sum += if negative { -digit } else { digit };
                unit *= S::from(1_u64 << bits);
            }
            assert_eq!(sum, scalar, "{bits} bits");
            assert!(rest.fits(0) && !rest.carry, "something is left of {scalar:?}");
        }
    }

    fn edges_come_together_again<S: Scalar>() {
        let power = |bit: u32| S::reduce(&(U256::ONE << bit));
        for middle in (0..256).map(power).chain([S::ZERO, S::TWO_INV]) {
            for off in (0..4).map(S::from) {
                [middle + off, middle - off, -middle + off, -middle - off]
                    .into_iter()
                    .for_each(comes_together_again);
            }
        }
    }

    #[test]
    fn scalars_at_the_edges_come_together_again() {
        edges_come_together_again::<k256::Scalar>();
        edges_come_together_again::<p256::Scalar>();
    }

    proptest! {
        #[test]
        fn any_scalar_comes_together_again(words: [u64; 4]) {
            let number = U256::from_words(words);
            comes_together_again(<k256::Scalar as Reduce<U256>>::reduce(&number));
            comes_together_again(<p256::Scalar as Reduce<U256>>::reduce(&number));
        }
    }
}
