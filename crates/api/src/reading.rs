//! How answers are read: as the service may write them, which is more than the document says.
//!
//! Generated fields name these with `serde_with::As`, which puts them together for lists and maps.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, Error, Unexpected, Visitor};
use serde_with::DeserializeAs;

use crate::Timestamp;

/// A whole number, also where it is written as `1002.0`.
pub(crate) struct Whole;

/// How many seconds something lives, also where that is written as a text. What nobody will live to see, beyond 2^63 s,
/// is taken as that long, and a fraction of a second is left out.
pub(crate) struct Lifetime;

/// A moment, or `None` where it is not known: null, an empty text, or the first year, which is how Go
/// writes a moment that was never set.
pub(crate) struct Stamp;

impl<'de, T: TryFrom<i128>> DeserializeAs<'de, T> for Whole {
    fn deserialize_as<D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
        deserializer.deserialize_i64(WholeVisitor(PhantomData))
    }
}

struct WholeVisitor<T>(PhantomData<T>);

impl<T: TryFrom<i128>> Visitor<'_> for WholeVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a whole number")
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<T, E> {
        T::try_from(number.into()).map_err(|_| E::custom("a number that is out of range"))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<T, E> {
        T::try_from(number.into()).map_err(|_| E::custom("a number that is out of range"))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<T, E> {
        // Up to here a float holds every whole number exactly.
        const EXACT: f64 = 9_007_199_254_740_992.0;
        if number.fract() != 0.0 || number.abs() > EXACT {
            return Err(E::custom("a number that is not whole"));
        }
        T::try_from(number as i128).map_err(|_| E::custom("a number that is out of range"))
    }
}

impl<'de> DeserializeAs<'de, i64> for Lifetime {
    fn deserialize_as<D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
        deserializer.deserialize_any(LifetimeVisitor)
    }
}

struct LifetimeVisitor;

impl Visitor<'_> for LifetimeVisitor {
    type Value = i64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number of seconds")
    }

    fn visit_i64<E: Error>(self, seconds: i64) -> Result<i64, E> {
        Ok(seconds)
    }

    fn visit_u64<E: Error>(self, seconds: u64) -> Result<i64, E> {
        Ok(i64::try_from(seconds).unwrap_or(i64::MAX))
    }

    fn visit_f64<E: Error>(self, seconds: f64) -> Result<i64, E> {
        Ok(seconds as i64)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<i64, E> {
        let seconds = text.trim().parse().ok().filter(|seconds: &f64| seconds.is_finite());
        seconds.map(|seconds| seconds as i64).ok_or_else(|| E::invalid_type(Unexpected::Str(text), &self))
    }
}

impl<'de> DeserializeAs<'de, Option<Timestamp>> for Stamp {
    fn deserialize_as<D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
        let text = Option::<std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        let text = text.as_deref().map(str::trim).filter(|text| !text.is_empty());
        let stamp = text.map(str::parse::<Timestamp>).transpose().map_err(D::Error::custom)?;
        Ok(stamp.filter(|stamp| !stamp.is_zero()))
    }
}
