//! How the fields of answers are read: as the service may write them, and not only as documented.

use quote::{ToTokens, quote};
use syn::{Field, GenericArgument, Ident, PathArguments, Type, parse_quote};

use super::models::{is_flattened, type_name};

const LISTS_AND_MAPS: [&str; 3] = ["Vec", "BTreeMap", "Map"];

/// A moment that an answer gives may not be known, whatever the document says.
pub(super) fn may_be_unknown(field: &mut Field) {
    if type_name(&field.ty).as_deref() == Some("Timestamp") {
        field.ty = parse_quote!(::std::option::Option<crate::Timestamp>);
        field.attrs.push(parse_quote!(#[doc = "Null where that is not known."]));
    }
}

/// Makes a field take what the service may send for it: null for a list or a map, no map at all, whole
/// floats, a moment that is not known.
pub(super) fn loosen(field: &mut Field) {
    if is_flattened(field) {
        return;
    }
    let may_be_missing = field.ident.is_some()
        && type_name(&field.ty).is_some_and(|name| ["Option", "BTreeMap", "Map"].contains(&&*name));
    // The generator demands that a field which may be null be there.
    field.attrs.retain(|attribute| {
        !attribute.path().is_ident("serde")
            || !attribute.to_token_stream().to_string().contains("deserialize_with")
    });
    let rule = match &field.ident {
        // A name that OAuth gave.
        Some(name) if name == "expires_in" && type_name(&field.ty).as_deref() == Some("i64") => {
            Some(parse_quote!(crate::reading::Lifetime))
        }
        _ => reading(&field.ty),
    };
    let path = match rule {
        Some(reading) => quote!(::serde_with::As::<#reading>::deserialize).to_string().replace(' ', ""),
        None => return,
    };
    let missing = (may_be_missing && !has_default(field)).then(|| quote!(default,));
    field.attrs.push(parse_quote!(#[serde(#missing deserialize_with = #path)]));
}

fn has_default(field: &Field) -> bool {
    super::models::serde_values(field).iter().any(|(key, _)| key == "default")
}

fn is_whole(of: &Type) -> bool {
    type_name(of).is_some_and(|name| ["i64", "i32", "u64"].contains(&name.as_str()))
}

/// The rule by which a type is read, if it needs one.
fn reading(of: &Type) -> Option<Type> {
    let Type::Path(path) = of else { return None };
    let last = path.path.segments.last()?;
    let inner = |at: usize| match &last.arguments {
        PathArguments::AngleBracketed(list) => match list.args.iter().nth(at)? {
            GenericArgument::Type(inner) => Some(inner),
            _ => None,
        },
        _ => None,
    };
    let same = || -> Type { parse_quote!(::serde_with::Same) };
    let name = &last.ident;
    let is = |word: &str| *name == Ident::new(word, name.span());
    if is_whole(of) {
        return Some(parse_quote!(crate::reading::Whole));
    }
    if is("Option") {
        let of = inner(0)?;
        if type_name(of).as_deref() == Some("Timestamp") {
            return Some(parse_quote!(crate::reading::Stamp));
        }
        // What is none where it is null needs no second rule for null.
        let holds = type_name(of).is_some_and(|name| LISTS_AND_MAPS.contains(&&*name));
        let inner = if holds { list_or_map(of) } else { reading(of) }?;
        return Some(parse_quote!(::std::option::Option<#inner>));
    }
    if LISTS_AND_MAPS.iter().any(|word| is(word)) {
        let inner = list_or_map(of).unwrap_or_else(same);
        return Some(parse_quote!(::serde_with::DefaultOnNull<#inner>));
    }
    if is("Box") {
        let inner = reading(inner(0)?)?;
        return Some(parse_quote!(::std::boxed::Box<#inner>));
    }
    None
}

/// The rule for what a list or a map holds, if it needs one.
fn list_or_map(of: &Type) -> Option<Type> {
    let Type::Path(path) = of else { return None };
    let last = path.path.segments.last()?;
    let PathArguments::AngleBracketed(list) = &last.arguments else { return None };
    let Some(GenericArgument::Type(value)) = list.args.last() else { return None };
    match last.ident.to_string().as_str() {
        "Vec" => reading(value).map(|rule| parse_quote!(::std::vec::Vec<#rule>)),
        "BTreeMap" => {
            reading(value).map(|rule| parse_quote!(::std::collections::BTreeMap<::serde_with::Same, #rule>))
        }
        _ => None,
    }
}
