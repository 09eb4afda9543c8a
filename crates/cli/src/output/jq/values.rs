//! What programs do to values: numbers as jq has them, and paths that are made or taken away.

use std::rc::Rc;

use jaq_core::ValT as _;
use jaq_json::{Error, Num, Val, ValR};
use jaq_std::ValT as _;

/// What an update at this index begins with.
pub(super) fn make(value: Val, index: &Val) -> Val {
    match (value, index) {
        (Val::Null, Val::TStr(_)) => Val::Obj(Default::default()),
        (Val::Null, Val::Num(_)) => make(Val::Arr(Default::default()), index),
        (Val::Arr(list), Val::Num(number)) => {
            let mut list = list;
            // A place far away is left to fail: it would take the memory of all before it.
            if let Some(end) = number.as_isize().and_then(|place| usize::try_from(place).ok())
                && end >= list.len()
                && end < list.len().saturating_add(1 << 20)
            {
                Rc::make_mut(&mut list).resize(end + 1, Val::Null);
            }
            Val::Arr(list)
        }
        (value, _) => value,
    }
}

fn list_of(value: Val) -> Vec<Val> {
    match value {
        Val::Arr(list) => list.to_vec(),
        _ => Vec::new(),
    }
}

/// The value without these paths; what is not there need not be deleted.
pub(super) fn without(value: Val, paths: Val) -> ValR {
    let mut paths: Vec<Val> = list_of(paths);
    // From the end, so that no place moves before its turn.
    paths.sort();
    paths.into_iter().rev().try_fold(value, |value, path| match &path {
        Val::Arr(path) => without_path(value, path),
        other => Err(Error::str(format_args!("path must be specified as array, not {other}"))),
    })
}

fn without_path(value: Val, path: &[Val]) -> ValR {
    let Some((first, rest)) = path.split_first() else { return Ok(Val::Null) };
    match (value, first) {
        (Val::Null, _) => Ok(Val::Null),
        (Val::Obj(mut object), Val::TStr(_)) => {
            let entries = Rc::make_mut(&mut object);
            if rest.is_empty() {
                // Not the library's own way, which puts the last entry in the place of the one that goes.
                entries.shift_remove(first);
            } else if let Some(inner) = entries.get_mut(first) {
                *inner = without_path(std::mem::take(inner), rest)?;
            }
            Ok(Val::Obj(object))
        }
        (Val::Arr(mut list), Val::Num(place)) => {
            let place = place.as_isize().unwrap_or(isize::MAX);
            let place = if place < 0 { place.saturating_add_unsigned(list.len()) } else { place };
            if let Some(place) = usize::try_from(place).ok().filter(|place| *place < list.len()) {
                let list = Rc::make_mut(&mut list);
                if rest.is_empty() {
                    list.remove(place);
                } else {
                    list[place] = without_path(std::mem::take(&mut list[place]), rest)?;
                }
            }
            Ok(Val::Arr(list))
        }
        (Val::Arr(list), Val::Obj(range)) => {
            let bound =
                |name: &str| range.get(&Val::from(name.to_owned())).cloned().filter(|one| *one != Val::Null);
            let places = bound("start")..bound("end");
            let gone = Val::Arr(list.clone()).range(places.start.as_ref()..places.end.as_ref())?;
            let (Val::Arr(gone), before) = (gone, bound("start")) else { return Ok(Val::Arr(list)) };
            let start = Val::Arr(list.clone()).range(None..before.as_ref())?;
            let start = if before.is_none() { Vec::new() } else { list_of(start) };
            let end = list.iter().skip(start.len() + gone.len()).cloned();
            Ok(start.iter().cloned().chain(end).collect())
        }
        (value, key) => Err(Error::str(format_args!("cannot delete {key} of {value}"))),
    }
}

/// Numbers without a fraction as integers, up to where each integer has a number of its own.
pub(super) fn whole(value: Val) -> Val {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let number = match &value {
        Val::Num(Num::Float(number)) => *number,
        Val::Num(Num::Dec(text)) => text.parse().unwrap_or(f64::NAN),
        _ => return value,
    };
    if number.fract() == 0.0 && number.abs() <= EXACT && !(number == 0.0 && number.is_sign_negative()) {
        Val::Num(Num::Int(number as isize))
    } else {
        Val::Num(Num::Float(number))
    }
}

/// The same for all numbers of a value.
pub(super) fn all_whole(value: Val) -> Val {
    match value {
        Val::Arr(list) => list.iter().cloned().map(all_whole).collect(),
        Val::Obj(object) => {
            Val::obj(object.iter().map(|(key, value)| (key.clone(), all_whole(value.clone()))).collect())
        }
        other => whole(other),
    }
}

/// The value as JSON can hold it, which knows no infinity and nothing that is no number.
pub(super) fn as_json(value: Val) -> Val {
    match &value {
        Val::Arr(list) => list.iter().cloned().map(as_json).collect(),
        Val::Obj(object) => {
            Val::obj(object.iter().map(|(key, value)| (key.clone(), as_json(value.clone()))).collect())
        }
        Val::Num(Num::Float(_) | Num::Dec(_)) => match whole(value) {
            Val::Num(Num::Float(number)) if number.is_nan() => Val::Null,
            Val::Num(Num::Float(number)) => Val::Num(Num::Dec(Rc::new(written(number)))),
            integer => integer,
        },
        _ => value,
    }
}

/// A number with the fewest digits that tell it apart, and an exponent beyond 17 of them.
fn written(number: f64) -> String {
    match number.clamp(f64::MIN, f64::MAX) {
        large if large.abs() >= 1e17 => format!("{large:e}").replace('e', "e+"),
        0.0 => "-0".into(),
        number => number.to_string(),
    }
}

/// The number without its fraction, as `%` takes it.
pub(super) fn integer(value: Val) -> Val {
    match whole(value) {
        Val::Num(Num::Float(number)) => whole(Val::Num(Num::Float(number.trunc()))),
        other => other,
    }
}

/// A number to divide by.
pub(super) fn divisor(value: Val) -> ValR {
    if value.as_f64() == Some(0.0) { Err(Error::str("this cannot be divided by zero")) } else { Ok(value) }
}

pub(super) fn exp(value: &Val) -> ValR {
    let number = value.as_f64().ok_or_else(|| Error::typ(value.clone(), "number"))?;
    Ok(Val::Num(Num::Float(number.exp())))
}

/// RFC 4648's alphabet of 32 letters.
pub(super) fn base32(text: &Val) -> ValR {
    const LETTERS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let bytes = text.try_as_utf8_bytes_owned()?;
    let mut encoded = String::new();
    for chunk in bytes.chunks(5) {
        let bits = (0..5).fold(0_u64, |bits, place| bits << 8 | u64::from(*chunk.get(place).unwrap_or(&0)));
        let letters = (chunk.len() * 8).div_ceil(5);
        for place in 0..8 {
            let letter = LETTERS[(bits >> (35 - 5 * place) & 31) as usize];
            encoded.push(if place < letters { letter.into() } else { '=' });
        }
    }
    Ok(Val::from(encoded))
}
