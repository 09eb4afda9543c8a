//! The last look at generated code, on its syntax: what would not compile, or would refuse an answer that
//! the service may give, is refused here, before anything is written.

use std::collections::BTreeSet;

use anyhow::{Result, ensure};
use quote::ToTokens;
use syn::visit::{self, Visit};
use syn::{Field, Fields, FnArg, ImplItem, Item, ItemEnum, ItemImpl, Pat, Path, Type, Visibility};

use super::models::{is_flattened, type_name, values_of};

/// Crates that the low-level crate has.
const CRATES: [&str; 6] = ["std", "serde", "serde_json", "serde_with", "uuid", "reqwest"];

/// Refuses code that must not be written, with every place and what to do about it.
pub(super) fn check(code: &syn::File) -> Result<()> {
    let mut gate = Gate { structs: BTreeSet::new(), problems: Vec::new() };
    each_type(&code.items, &mut |item| {
        if let Item::Struct(model) = item
            && let Fields::Named(_) = model.fields
        {
            gate.structs.insert(model.ident.to_string());
        }
    });
    gate.visit_file(code);
    ensure!(
        gate.problems.is_empty(),
        "what would be generated is not good:\n  {}",
        gate.problems.join("\n  ")
    );
    Ok(())
}

fn each_type<'a>(items: &'a [Item], found: &mut dyn FnMut(&'a Item)) {
    for item in items {
        found(item);
        if let Item::Mod(module) = item
            && let Some((_, items)) = &module.content
        {
            each_type(items, found);
        }
    }
}

struct Gate {
    /// Structs with named fields: what may be flattened besides maps.
    structs: BTreeSet<String>,
    problems: Vec<String>,
}

impl Gate {
    fn say(&mut self, problem: String) {
        self.problems.push(problem);
    }

    /// What `#[serde(flatten)]` puts among the fields around it must be made of fields itself.
    fn flattens(&mut self, of: &str, field: &Field) {
        let name = type_name(&field.ty).unwrap_or_default();
        let good = ["UnknownFields", "Map", "BTreeMap"].contains(&&*name) || self.structs.contains(&name);
        if is_flattened(field) && !good {
            let field = field.ident.to_token_stream();
            self.say(format!(
                "`{of}.{field}` is flattened and no object: say in openapi/overlay.yaml what the schema is, instead of \
                 the union or merge that it is now"
            ));
        }
    }

    fn unique<'a>(&mut self, of: &str, what: &str, names: impl Iterator<Item = &'a syn::Ident>) {
        let mut seen = BTreeSet::new();
        for name in names {
            if !seen.insert(name.to_string()) {
                self.say(format!(
                    "`{of}` has two {what} called `{name}`: take one out in openapi/overlay.yaml, or rename its schema"
                ));
            }
        }
    }

    fn strict(&mut self, of: &str, why: &str) {
        self.say(format!("`{of}` would refuse answers: {why}; drop that keyword in xtask/src/adjust.rs"));
    }

    fn fields(&mut self, of: &str, fields: &Fields) {
        self.unique(of, "fields", fields.iter().filter_map(|field| field.ident.as_ref()));
        for field in fields {
            self.flattens(of, field);
        }
    }
}

impl<'ast> Visit<'ast> for Gate {
    fn visit_item_struct(&mut self, model: &'ast syn::ItemStruct) {
        let name = model.ident.to_string();
        self.fields(&name, &model.fields);
        if values_of(&model.attrs).iter().any(|(key, _)| key == "deny_unknown_fields") {
            self.strict(&name, "no field may be added");
        }
        if let Fields::Unnamed(fields) = &model.fields
            && fields.unnamed.iter().any(|field| !matches!(field.vis, Visibility::Public(_)))
        {
            self.strict(&name, "its values are checked");
        }
        visit::visit_item_struct(self, model);
    }

    fn visit_item_enum(&mut self, choice: &'ast ItemEnum) {
        let name = choice.ident.to_string();
        self.unique(&name, "variants", choice.variants.iter().map(|variant| &variant.ident));
        for variant in &choice.variants {
            self.fields(&format!("{name}::{}", variant.ident), &variant.fields);
        }
        visit::visit_item_enum(self, choice);
    }

    fn visit_item_impl(&mut self, block: &'ast ItemImpl) {
        let of = type_name(&block.self_ty).unwrap_or_default();
        let methods = || {
            block.items.iter().filter_map(|item| match item {
                ImplItem::Fn(method) => Some(method),
                _ => None,
            })
        };
        self.unique(&of, "methods", methods().map(|method| &method.sig.ident));
        for method in methods() {
            let arguments = method.sig.inputs.iter().filter_map(|argument| match argument {
                FnArg::Typed(typed) => match &*typed.pat {
                    Pat::Ident(pattern) => Some(&pattern.ident),
                    _ => None,
                },
                FnArg::Receiver(_) => None,
            });
            self.unique(&format!("{of}::{}", method.sig.ident), "arguments", arguments);
        }
        visit::visit_item_impl(self, block);
    }

    fn visit_path(&mut self, path: &'ast Path) {
        let first = path.segments.first().map(|segment| segment.ident.to_string()).unwrap_or_default();
        if path.leading_colon.is_some() && !CRATES.contains(&&*first) && first != "schemars" {
            let path = path.to_token_stream().to_string().replace(' ', "");
            self.say(format!(
                "`{path}` is of a crate that the low-level crate does not have: take the `format` or keyword that asks \
                 for it out in xtask/src/adjust.rs"
            ));
        }
        visit::visit_path(self, path);
    }

    fn visit_type(&mut self, of: &'ast Type) {
        if let Some(name) = type_name(of).filter(|name| name.starts_with("NonZero")) {
            self.strict(&name, "zero is none of its values");
        }
        visit::visit_type(self, of);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_not_compile_or_not_read_is_refused_with_what_to_do() {
        for (code, problem) in [
            ("struct A { #[serde(flatten)] b: Option<String> }", "`A.b` is flattened and no object"),
            ("struct A { #[serde(flatten)] b: Choice }", "`A.b` is flattened"),
            ("struct A { a: i64, a: i64 }", "`A` has two fields called `a`"),
            ("enum A { B, B }", "`A` has two variants called `B`"),
            ("struct A; impl A { fn a(b: i64, b: i64) {} }", "`A::a` has two arguments called `b`"),
            ("struct A { b: ::chrono::NaiveDate }", "`::chrono::NaiveDate` is of a crate"),
            ("struct A { b: ::std::num::NonZeroU64 }", "`NonZeroU64` would refuse answers"),
            ("#[serde(deny_unknown_fields)] struct A {}", "`A` would refuse answers"),
            ("pub struct A(String);", "`A` would refuse answers"),
        ] {
            let error = check(&syn::parse_file(code).unwrap()).unwrap_err().to_string();
            assert!(error.contains(problem), "{code}: {error}");
        }
        let good = "struct A { #[serde(flatten)] b: B, #[serde(flatten)] c: crate::UnknownFields } struct B { d: i64 }";
        check(&syn::parse_file(good).unwrap()).unwrap();
    }
}
