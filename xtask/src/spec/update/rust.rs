//! The public Rust API before and after: which of the differences break a caller's program.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use quote::ToTokens;
use syn::{Attribute, Fields, FnArg, ImplItemFn, Item, TraitItem, parse_quote};

use crate::spec::diff::rules::SemverStep;

/// Differences between two listings, as sentences.
#[derive(Debug, Default)]
pub(super) struct RustChanges {
    pub(super) breaking: Vec<String>,
    pub(super) compatible: Vec<String>,
}

impl RustChanges {
    /// Compares two listings, as `public-api` makes them.
    pub(super) fn new(old: &str, new: &str) -> Result<Self> {
        let (old, new) = (members(old)?, members(new)?);
        let mut changes = Self::default();
        // What comes and goes with a thing is told with it, and a method that only sets a field with the field.
        let told = |name: &str, all: &Members, other: &Members| {
            let of_a_thing = name.match_indices(['.', ':', '<', ' ']).any(|(end, _)| {
                let holder = &name[..end];
                all.get(holder).is_some_and(|(text, _)| !text.is_empty()) && !other.contains_key(holder)
            });
            let sets = |(holder, method): (&str, &str)| all.contains_key(&format!("{holder}.{method}"));
            of_a_thing || name.rsplit_once("::").is_some_and(sets)
        };
        for (name, (text, _)) in old.iter().filter(|(name, _)| !told(name, &old, &new)) {
            match new.get(name) {
                None => changes.breaking.push(format!("`{name}` is gone")),
                Some((now, _)) if breaks(text, now) => {
                    changes.breaking.push(format!("`{name}` was `{text}` and is `{now}` now"))
                }
                Some(_) => {}
            }
        }
        let fresh = new.iter().filter(|(name, _)| !old.contains_key(*name) && !told(name, &new, &old));
        for (name, (_, closed_in)) in fresh {
            // Who builds or takes apart a closed thing must name all that it has.
            if closed_in.as_ref().is_some_and(|holder| old.contains_key(holder)) {
                changes.breaking.push(format!("`{name}` is new, and callers must name all that is there"));
            } else {
                changes.compatible.push(format!("`{name}` is new"));
            }
        }
        Ok(changes)
    }

    pub(super) fn step(&self) -> SemverStep {
        match (self.breaking.is_empty(), self.compatible.is_empty()) {
            (false, _) => SemverStep::Major,
            (true, false) => SemverStep::Minor,
            (true, true) => SemverStep::None,
        }
    }
}

/// Says if a caller of the one is none of the other. Callers do not write the names of arguments, so another
/// name breaks nobody; but the same names in another order are values in another order.
fn breaks(was: &str, now: &str) -> bool {
    let call = |code: &str| {
        let mut function: ImplItemFn = syn::parse_str(&format!("{code} {{}}")).ok()?;
        let mut names = Vec::new();
        for argument in &mut function.sig.inputs {
            if let FnArg::Typed(typed) = argument {
                names.push(text(&typed.pat));
                typed.pat = parse_quote!(_);
            }
        }
        Some((text(&function), names))
    };
    let (Some((was, old)), Some((now, new))) = (call(was), call(now)) else { return was != now };
    let kept = |of: &[String], other: &[String]| -> Vec<String> {
        of.iter().filter(|name| other.contains(name)).cloned().collect()
    };
    was != now || kept(&old, &new) != kept(&new, &old)
}

/// All that has a name, with its text, and the closed thing that it is a part of, if it is.
type Members = BTreeMap<String, (String, Option<String>)>;

fn members(listing: &str) -> Result<Members> {
    let mut members = Members::new();
    let file = syn::parse_file(listing).context("the listing of the public API is not Rust")?;
    collect(&file.items, "", &mut members);
    Ok(members)
}

fn collect(items: &[Item], prefix: &str, members: &mut Members) {
    for item in items {
        match item {
            Item::Mod(module) => {
                let inner = module.content.as_ref().map(|(_, items)| items.as_slice()).unwrap_or_default();
                collect(inner, &format!("{prefix}{}::", module.ident), members);
            }
            Item::Struct(one) => {
                let holder = format!("{prefix}{}", one.ident);
                let is_closed = with_attributes(&holder, &one.attrs, members)
                    && !one
                        .fields
                        .iter()
                        .any(|field| field.ident.as_ref().is_some_and(|name| name == "_private"));
                members.insert(holder.clone(), (format!("struct {}", text(&one.generics)), None));
                fields(&one.fields, &holder, is_closed.then_some(&holder), members);
            }
            Item::Enum(one) => {
                let holder = format!("{prefix}{}", one.ident);
                let is_closed = with_attributes(&holder, &one.attrs, members);
                members.insert(holder.clone(), (format!("enum {}", text(&one.generics)), None));
                for variant in &one.variants {
                    let closed = is_closed.then(|| holder.clone());
                    members.insert(format!("{holder}::{}", variant.ident), (text(&variant.fields), closed));
                }
            }
            Item::Trait(one) => {
                let holder = format!("{prefix}{}", one.ident);
                members.insert(holder.clone(), (text(&one.supertraits), None));
                for part in &one.items {
                    if let TraitItem::Fn(function) = part {
                        let closed = function.default.is_none().then(|| holder.clone());
                        members.insert(
                            format!("{holder}::{}", function.sig.ident),
                            (text(&function.sig), closed),
                        );
                    }
                }
            }
            Item::Impl(one) => {
                let of = text(&one.self_ty);
                match &one.trait_ {
                    Some((path, _)) => {
                        let parts: Vec<String> = one.items.iter().map(text).collect();
                        members.insert(format!("{prefix}{of}: {}", text(path)), (parts.join(" "), None));
                    }
                    None => {
                        for part in &one.items {
                            let name = match part {
                                syn::ImplItem::Fn(one) => one.sig.ident.to_string(),
                                syn::ImplItem::Const(one) => one.ident.to_string(),
                                _ => continue,
                            };
                            members.insert(format!("{prefix}{of}::{name}"), (text(part), None));
                        }
                    }
                }
            }
            other => {
                let text = text(other);
                members.insert(format!("{prefix}{text}"), (String::new(), None));
            }
        }
    }
}

/// Records what the attributes promise. Says if callers may build the thing and take it apart.
fn with_attributes(holder: &str, attributes: &[Attribute], members: &mut Members) -> bool {
    let mut is_closed = true;
    for attribute in attributes {
        if attribute.path().is_ident("non_exhaustive") {
            is_closed = false;
        } else if attribute.path().is_ident("derive") {
            let _ = attribute.parse_nested_meta(|derived| {
                members.insert(format!("{holder}: {}", text(&derived.path)), (String::new(), None));
                Ok(())
            });
        } else {
            members.insert(format!("{holder} {}", text(attribute)), (String::new(), None));
        }
    }
    is_closed
}

fn fields(fields: &Fields, holder: &str, closed: Option<&String>, members: &mut Members) {
    for (number, field) in fields.iter().enumerate() {
        let name = field.ident.as_ref().map_or(number.to_string(), ToString::to_string);
        if name != "_private" {
            members.insert(format!("{holder}.{name}"), (text(&field.ty), closed.cloned()));
        }
    }
}

/// Tokens without the spaces and paths that nobody writes.
fn text(tokens: &impl ToTokens) -> String {
    let text = tokens.to_token_stream().to_string();
    let tight = [
        (" :: ", "::"),
        (":: ", "::"),
        (" < ", "<"),
        (" <", "<"),
        (" >", ">"),
        (" ,", ","),
        (",>", ">"),
        (",)", ")"),
        ("& ", "&"),
        (" (", "("),
        (" :", ":"),
        (" {}", ""),
        (" { }", ""),
    ];
    let text = tight.iter().fold(text, |text, (wide, tight)| text.replace(wide, tight));
    let paths = [
        "::std::option::",
        "::std::convert::",
        "::std::string::",
        "::std::vec::",
        "::std::collections::",
        "::uuid::",
    ];
    paths.iter().fold(text, |text, path| text.replace(&format!("impl{path}"), "impl ").replace(path, ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(old: &str, new: &str) -> SemverStep {
        RustChanges::new(old, new).unwrap().step()
    }

    #[test]
    fn a_new_field_breaks_who_must_name_all_of_them() {
        let (open, more) = (
            "#[non_exhaustive] pub struct A { pub a: u8 }",
            "#[non_exhaustive] pub struct A { pub a: u8, pub b: u8 }",
        );
        assert_eq!(steps(open, more), SemverStep::Minor);
        assert_eq!(steps(&open[17..], &more[17..]), SemverStep::Major);
        assert_eq!(
            steps(
                "pub struct A { pub a: u8, _private: _ }",
                "pub struct A { pub a: u8, pub b: u8, _private: _ }"
            ),
            SemverStep::Minor
        );
        assert_eq!(steps("pub enum A { B }", "pub enum A { B, C }"), SemverStep::Major);
        assert_eq!(steps("pub enum A { B }", "pub enum A { B } pub enum D { E }"), SemverStep::Minor);
    }

    #[test]
    fn what_is_gone_or_another_type_breaks() {
        let old = "pub mod types { #[derive(Clone)] #[non_exhaustive] pub struct A { pub a: Option<u8> } impl A { pub fn f(self) {} } }";
        assert_eq!(steps(old, old), SemverStep::None);
        for (part, other) in [
            ("Option<u8>", "u8"),
            ("#[derive(Clone)]", ""),
            ("pub fn f(self) {}", ""),
            ("f(self)", "f(self, more: u8)"),
        ] {
            let changes = RustChanges::new(old, &old.replace(part, other)).unwrap();
            assert_eq!((changes.breaking.len(), changes.compatible.len()), (1, 0), "{changes:?}");
        }
        let changes = RustChanges::new(old, &old.replace("Option<u8>", "u8")).unwrap();
        assert_eq!(changes.breaking, ["`types::A.a` was `Option<u8>` and is `u8` now"]);
    }

    #[test]
    fn another_name_of_an_argument_breaks_nobody_and_another_order_does() {
        let of =
            |arguments: &str| format!("pub struct A {{}} impl A {{ pub fn f(&self, {arguments}) {{}} }}");
        let step = |new: &str| steps(&of("a: impl Into<String>, b: impl Into<String>"), &of(new));
        assert_eq!(step("a: impl Into<String>, c: impl Into<String>"), SemverStep::None);
        assert_eq!(step("b: impl Into<String>, a: impl Into<String>"), SemverStep::Major);
        assert_eq!(step("a: impl Into<String>, b: impl Into<u8>"), SemverStep::Major);
        assert_eq!(step("a: impl Into<String>"), SemverStep::Major);
    }

    #[test]
    fn a_type_that_comes_or_goes_is_told_in_a_line() {
        let one =
            "#[derive(Clone)] pub struct A { pub a: u8 } impl A { pub fn a(self) {} pub fn b(self) {} }";
        let all = format!("{one} #[derive(Clone)] pub enum B {{ C }} impl Copy for B {{}}");
        let told = |old: &str, new: &str| {
            let changes = RustChanges::new(old, new).unwrap();
            [changes.breaking, changes.compatible].concat()
        };
        assert_eq!(told(&all, one), ["`B` is gone"]);
        assert_eq!(told(one, &all), ["`B` is new"]);
    }
}
