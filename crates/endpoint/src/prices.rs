//! What tokens cost.

use std::fmt;

use serde::{Deserialize, Serialize};

/// An amount of the currency that prices are in, in units of 10^-12, so that sums are exact.
///
/// It is shown as a decimal of up to six places, rounded up, so that what is not nothing is never shown as nothing;
/// `{:.2}` shows that many places.
///
/// ```
/// use endpoint::Money;
/// assert_eq!(Money::new(0.1)?.to_string(), "0.1");
/// assert_eq!(Money(1).to_string(), "0.000001");
/// assert_eq!(format!("{:.2}", Money::new(12.5)?), "12.50");
/// # Ok::<(), endpoint::MoneyError>(())
/// ```
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Money(pub u64);

/// Why a number is no amount of money.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum MoneyError {
    /// Not a number, or without end.
    #[error("{amount} is no amount of money")]
    NotFinite {
        /// The number.
        amount: f64,
    },
    /// Less than nothing.
    #[error("{amount} is less than nothing")]
    Negative {
        /// The number.
        amount: f64,
    },
    /// More than anybody spends here.
    #[error("{amount} is too much; amounts are less than 1000000")]
    TooMuch {
        /// The number.
        amount: f64,
    },
}

/// Units of [`Money`] in one.
const ONE: u64 = 1_000_000_000_000;

/// Decimal places of [`Money`].
const PLACES: usize = 12;

/// The places that are shown unless others are asked for.
const SHOWN: usize = 6;

/// Tokens that a price is for.
const MILLION: u128 = 1_000_000;

impl Money {
    /// More than there is: no cap leaves room for it.
    pub const MAX: Self = Self(u64::MAX);

    /// Of a decimal number, exactly as its shortest text says; what is beyond twelve places is rounded up.
    pub fn new(amount: f64) -> Result<Self, MoneyError> {
        if !amount.is_finite() {
            return Err(MoneyError::NotFinite { amount });
        }
        if amount < 0.0 {
            return Err(MoneyError::Negative { amount });
        }
        if amount >= 1e6 {
            return Err(MoneyError::TooMuch { amount });
        }
        // Multiplying would bring in the error of the binary fraction; the text has none.
        let text = amount.abs().to_string();
        let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
        let digits = |text: &str| text.bytes().fold(0, |n, d| n * 10 + u64::from(d - b'0'));
        let (kept, beyond) = fraction.split_at(fraction.len().min(PLACES));
        let kept = digits(kept) * 10_u64.pow((PLACES - kept.len()) as u32);
        let up = u64::from(beyond.bytes().any(|digit| digit != b'0'));
        Ok(Self(digits(whole) * ONE + kept + up))
    }

    /// The sum, or [`Money::MAX`] where it is more.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl fmt::Display for Money {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let places = formatter.precision().unwrap_or(SHOWN).min(PLACES);
        let unit = 10_u64.pow((PLACES - places) as u32);
        let shown = u128::from(self.0.div_ceil(unit)) * u128::from(unit);
        let (whole, rest) = (shown / u128::from(ONE), shown % u128::from(ONE));
        let fraction = format!("{rest:0PLACES$}");
        let fraction = match formatter.precision() {
            Some(_) => &fraction[..places],
            None => fraction.trim_end_matches('0'),
        };
        match fraction {
            "" => write!(formatter, "{whole}"),
            _ => write!(formatter, "{whole}.{fraction}"),
        }
    }
}

/// What an answer used, as the endpoint counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Tokens that were read, pictures' included.
    pub prompt_tokens: u64,
    /// Tokens that were written.
    pub completion_tokens: u64,
    /// Of those that were read, how many the endpoint had in its own cache.
    #[serde(default)]
    pub cached_tokens: u64,
}

impl Usage {
    /// Tokens that were read and written.
    pub fn tokens(&self) -> u64 {
        self.prompt_tokens.saturating_add(self.completion_tokens)
    }

    /// Both together.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            prompt_tokens: self.prompt_tokens.saturating_add(other.prompt_tokens),
            completion_tokens: self
                .completion_tokens
                .saturating_add(other.completion_tokens),
            cached_tokens: self.cached_tokens.saturating_add(other.cached_tokens),
        }
    }
}

/// Prices of a model.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prices {
    /// Of a million tokens that are read.
    pub input: f64,
    /// Of a million tokens that are written.
    pub output: f64,
    /// Of a million read tokens that the endpoint had in its cache; as `input` where it is not given.
    #[serde(default)]
    pub cached_input: Option<f64>,
    /// Of a request, whatever it holds.
    #[serde(default)]
    pub request: f64,
}

/// A price that is no amount of money.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[error("price `{price}`: {source}")]
pub struct PriceError {
    /// Which price, by its key.
    pub price: &'static str,
    /// What is wrong with it.
    pub source: MoneyError,
}

impl Prices {
    /// Whether each price is an amount of money.
    pub fn check(&self) -> Result<(), PriceError> {
        let named = [
            ("input", Some(self.input)),
            ("output", Some(self.output)),
            ("cached_input", self.cached_input),
            ("request", Some(self.request)),
        ];
        for (price, amount) in named {
            if let Some(amount) = amount {
                Money::new(amount).map_err(|source| PriceError { price, source })?;
            }
        }
        Ok(())
    }

    /// What an answer costs, rounded up. Where the count of cached tokens is more than were read, all of them were cached.
    ///
    /// Prices that [`Prices::check`] refuses cost all there is, so that no cap lets them through.
    ///
    /// ```
    /// use endpoint::{Prices, Usage};
    /// let prices = Prices { input: 2.5, output: 10.0, cached_input: Some(1.25), request: 0.0 };
    /// let usage = Usage { prompt_tokens: 1000, completion_tokens: 100, cached_tokens: 400 };
    /// // 600 x 2.5 + 400 x 1.25 + 100 x 10 millionths.
    /// assert_eq!(prices.cost(&usage).to_string(), "0.003");
    /// ```
    pub fn cost(&self, usage: &Usage) -> Money {
        self.exact_cost(usage).unwrap_or(Money::MAX)
    }

    fn exact_cost(&self, usage: &Usage) -> Option<Money> {
        let price = |amount: f64| Money::new(amount).ok().map(|money| u128::from(money.0));
        let cached = usage.cached_tokens.min(usage.prompt_tokens);
        let parts = [
            (usage.prompt_tokens - cached, self.input),
            (cached, self.cached_input.unwrap_or(self.input)),
            (usage.completion_tokens, self.output),
        ];
        let mut millionths = 0_u128;
        for (tokens, amount) in parts {
            let part = u128::from(tokens).checked_mul(price(amount)?)?;
            millionths = millionths.checked_add(part)?;
        }
        let cost = millionths
            .div_ceil(MILLION)
            .checked_add(price(self.request)?)?;
        u64::try_from(cost).ok().map(Money)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn decimals_of_six_places_are_exact(millionths in 0..1_000_000_000_000_u64) {
            let text = format!("{}.{:06}", millionths / 1_000_000, millionths % 1_000_000);
            let money = Money::new(text.parse().expect("a number")).expect("an amount");
            prop_assert_eq!(money.0, millionths * 1_000_000);
            prop_assert_eq!(format!("{money:.6}"), text.clone());
            prop_assert_eq!(money.to_string(), text.trim_end_matches('0').trim_end_matches('.'));
        }

        #[test]
        fn costs_are_exact_whole_numbers(
            cents in proptest::array::uniform4(0..100_000_u64),
            counts in proptest::array::uniform3(0..10_000_000_u64),
        ) {
            let [input, output, cached_input, request] = cents.map(|cents| cents as f64 / 100.0);
            let prices = Prices { input, output, cached_input: Some(cached_input), request };
            let [read, cached, written] = counts;
            // A cent for a million tokens is 10,000 units a token.
            let tokens = read * cents[0] + cached * cents[2] + written * cents[1];
            let expected = u128::from(tokens) * 10_000 + u128::from(cents[3]) * 10_000_000_000;
            let cost = prices.cost(&usage(read + cached, written, cached));
            prop_assert_eq!(u128::from(cost.0), expected);
        }
    }

    fn prices(input: f64, output: f64) -> Prices {
        Prices {
            input,
            output,
            cached_input: None,
            request: 0.0,
        }
    }

    fn usage(prompt_tokens: u64, completion_tokens: u64, cached_tokens: u64) -> Usage {
        Usage {
            prompt_tokens,
            completion_tokens,
            cached_tokens,
        }
    }

    #[test]
    fn amounts_are_what_their_text_says() {
        let check = |amount: f64, units: u64, text: &str| {
            let money = Money::new(amount).expect("an amount");
            assert_eq!((money.0, money.to_string().as_str()), (units, text));
        };
        check(0.0, 0, "0");
        check(-0.0, 0, "0");
        check(0.1, 100_000_000_000, "0.1");
        check(0.1 + 0.2, 300_000_000_001, "0.300001");
        check(3.0, 3_000_000_000_000, "3");
        // The nearest binary fraction times 10^12 is off by several units.
        check(123_456.789, 123_456_789_000_000_000, "123456.789");
        check(999_999.999_999, 999_999_999_999_000_000, "999999.999999");
        check(0.000_000_5, 500_000, "0.000001");
        check(1e-12, 1, "0.000001");
        check(f64::MIN_POSITIVE, 1, "0.000001");
        assert_eq!(Money::MAX.to_string(), "18446744.07371");
        assert_eq!(format!("{:.0} {:.1}", Money(ONE / 2), Money(ONE)), "1 1.0");
        assert_eq!(format!("{:.40}", Money(12)), "0.000000000012");
    }

    #[test]
    fn numbers_that_are_no_amounts_are_refused() {
        let check = |amount: f64, problem: &str| {
            let error = Money::new(amount).expect_err("no amount");
            assert_eq!(error.to_string(), problem);
        };
        check(f64::NAN, "NaN is no amount of money");
        check(f64::INFINITY, "inf is no amount of money");
        check(-0.01, "-0.01 is less than nothing");
        check(1e6, "1000000 is too much; amounts are less than 1000000");
        let error = Prices {
            cached_input: Some(-1.0),
            ..prices(1.0, 2.0)
        };
        let error = error.check().expect_err("a negative price");
        assert_eq!(
            error.to_string(),
            "price `cached_input`: -1 is less than nothing"
        );
        assert_eq!(prices(1.0, 2.0).check(), Ok(()));
    }

    #[test]
    fn costs_are_rounded_up() {
        // A token at 0.15 a million is 150,000 units; at 10^-9 a million it is a thousandth of one.
        assert_eq!(prices(0.15, 0.6).cost(&usage(1, 1, 0)), Money(750_000));
        assert_eq!(prices(1e-9, 0.0).cost(&usage(1, 0, 0)), Money(1));
        assert_eq!(prices(1e-9, 0.0).cost(&usage(1001, 0, 0)), Money(2));
        let with_request = Prices {
            request: 0.01,
            ..prices(0.15, 0.6)
        };
        assert_eq!(with_request.cost(&usage(0, 0, 0)), Money(ONE / 100));
    }

    #[test]
    fn cached_tokens_have_their_own_price_and_are_at_most_all() {
        let cheaper = Prices {
            cached_input: Some(0.5),
            ..prices(2.0, 8.0)
        };
        // 30 x 2 + 70 x 0.5 + 10 x 8 = 175 millionths.
        assert_eq!(cheaper.cost(&usage(100, 10, 70)), Money(175_000_000));
        assert_eq!(cheaper.cost(&usage(100, 0, 900)), Money(50_000_000));
        assert_eq!(
            prices(2.0, 8.0).cost(&usage(100, 10, 70)),
            Money(280_000_000)
        );
    }

    #[test]
    fn what_is_too_much_costs_all_there_is() {
        assert_eq!(
            prices(999_999.0, 999_999.0).cost(&usage(u64::MAX, u64::MAX, 0)),
            Money::MAX
        );
        assert_eq!(prices(f64::NAN, 0.0).cost(&usage(0, 0, 0)), Money::MAX);
        assert_eq!(Money::MAX.plus(Money(1)), Money::MAX);
        assert_eq!(usage(u64::MAX, 1, 0).tokens(), u64::MAX);
    }
}
