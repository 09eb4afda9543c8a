//! Whatever the vendor may add breaks no program: fields, parameters and values, one at a time on the
//! syntax tree, and all at once with all that is built on the low-level crate.

use std::collections::BTreeSet;

use quote::{ToTokens, quote};
use serde_json::{Value, json};
use syn::{FnArg, GenericArgument, Ident, ImplItem, Item, Pat, PathArguments, Type, TypeParamBound};

use super::whole::platform;
use super::{Checkout, our_slice};
use crate::spec::escape;
use crate::{codegen, file};

/// The name of everything that is added.
const GROWN: &str = "grown";

fn resolved() -> Value {
    let path = file::workspace_root().join("openapi/resolved.json");
    file::parse(&file::read(&path).unwrap(), &path).unwrap()
}

fn code(document: Value) -> String {
    codegen::generate(document, &our_slice().adjustments).unwrap()
}

/// Every addition, as the pointer where it is made and what is added there.
fn additions(document: &Value) -> Vec<(String, Value)> {
    let mut found = Vec::new();
    for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
        let place = format!("/components/schemas/{}", escape(name));
        if schema.get("properties").is_some() {
            found.push((format!("{place}/properties/{GROWN}"), json!({"type": "string"})));
        }
        enums(schema, &place, &mut found);
    }
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let place = format!("/paths/{}/{method}/parameters", escape(path));
            let added = json!({"in": "query", "name": GROWN, "schema": {"type": "string"}});
            found.push((place.clone(), added));
            enums(operation, &format!("/paths/{}/{method}", escape(path)), &mut found);
        }
    }
    found
}

fn enums(value: &Value, place: &str, found: &mut Vec<(String, Value)>) {
    match value {
        Value::Object(map) => {
            for (key, child) in map {
                let place = format!("{place}/{}", escape(key));
                if key == "enum" && child[0].is_string() {
                    found.push((place, json!(GROWN)));
                } else {
                    enums(child, &place, found);
                }
            }
        }
        Value::Array(items) => {
            for (index, child) in items.iter().enumerate() {
                enums(child, &format!("{place}/{index}"), found);
            }
        }
        _ => {}
    }
}

fn add(document: &mut Value, place: &str, added: &Value) {
    let (parent, last) = place.rsplit_once('/').unwrap();
    let parent = document.pointer_mut(parent).unwrap();
    match parent.as_object_mut().unwrap().entry(last).or_insert_with(|| match last {
        "parameters" => json!([]),
        _ => Value::Null,
    }) {
        Value::Array(items) => items.push(added.clone()),
        empty => *empty = added.clone(),
    }
}

/// All that a program can name: fields with their types, methods with their signatures, variants, traits.
fn promises(code: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut open: Vec<Item> = syn::parse_file(code).unwrap().items;
    while let Some(item) = open.pop() {
        match item {
            Item::Mod(module) => open.extend(module.content.into_iter().flat_map(|(_, items)| items)),
            Item::Struct(model) => {
                let name = &model.ident;
                found.insert(format!("struct {name} {}", attributes(&model.attrs)));
                for field in &model.fields {
                    let (ident, of) = (field.ident.to_token_stream(), field.ty.to_token_stream());
                    found.insert(format!("{name}.{ident}: {of} {}", attributes(&field.attrs)));
                }
            }
            Item::Enum(choice) => {
                let name = &choice.ident;
                found.insert(format!("enum {name} {}", attributes(&choice.attrs)));
                found.extend(choice.variants.iter().map(|one| format!("{name}::{}", one.to_token_stream())));
            }
            Item::Impl(block) => {
                let of = block.self_ty.to_token_stream();
                let of_trait = block.trait_.as_ref().map(|(path, _)| path.to_token_stream().to_string());
                found.insert(format!("impl {of_trait:?} for {of}"));
                found.extend(block.items.iter().filter_map(|item| match item {
                    ImplItem::Fn(method) => Some(format!("{of} {}", method.sig.to_token_stream())),
                    _ => None,
                }));
            }
            _ => {}
        }
    }
    found
}

fn attributes(all: &[syn::Attribute]) -> String {
    let kept = all.iter().filter(|one| !one.path().is_ident("doc"));
    kept.map(|one| one.to_token_stream().to_string()).collect()
}

#[test]
fn every_single_addition_leaves_all_that_programs_can_name() {
    // Ours has no enums; the other has all there is.
    for document in [resolved(), platform()] {
        grows(&document);
    }
}

fn grows(document: &Value) {
    let code = |document| codegen::generate(document, &[]).unwrap();
    let before = promises(&code(document.clone()));
    let additions = additions(document);
    for (place, added) in &additions {
        let mut grown = document.clone();
        add(&mut grown, place, added);
        let after = code(grown);
        let after = promises(&after);
        let lost: Vec<&String> = before.difference(&after).collect();
        assert!(lost.is_empty(), "{place}: {lost:#?}");
    }
    let count = |what: &dyn Fn(&str) -> bool| additions.iter().filter(|(place, _)| what(place)).count();
    let (fields, parameters) =
        (count(&|place| place.ends_with(GROWN)), count(&|place| place.ends_with("/parameters")));
    let values = additions.len() - fields - parameters;
    assert!(fields >= 5 && parameters >= 5, "{fields} {parameters} {values}");
    println!("{fields} schemas, {parameters} operations and {values} enums grew");
}

#[test]
fn everything_compiles_with_all_additions_at_once() {
    let document = resolved();
    let mut grown = document.clone();
    for (place, added) in additions(&document) {
        add(&mut grown, &place, &added);
    }
    let checkout = Checkout::of_everything();
    checkout.write("crates/api/src/generated.rs", &code(grown));
    checkout.write("crates/api/tests/program.rs", &program(&code(document)));
    checkout.cargo(&["check", "--quiet", "--package", "mlspace-registry-api", "--tests"]);
    checkout.cargo(&["check", "--quiet", "--workspace"]);
}

/// A program that uses every constructor, setter, request and pattern of generated code.
fn program(code: &str) -> String {
    let mut uses = Vec::new();
    let mut open: Vec<Item> = syn::parse_file(code).unwrap().items;
    while let Some(item) = open.pop() {
        match item {
            Item::Mod(module) => open.extend(module.content.into_iter().flat_map(|(_, items)| items)),
            Item::Struct(model) => {
                let name = &model.ident;
                let fields: Vec<&Ident> = model
                    .fields
                    .iter()
                    .filter(|field| matches!(field.vis, syn::Visibility::Public(_)))
                    .filter_map(|field| field.ident.as_ref())
                    .collect();
                if !fields.is_empty() {
                    uses.push(quote! { let types::#name { #(#fields: _,)* .. } = any::<types::#name>(); });
                }
            }
            Item::Enum(choice) => {
                let name = &choice.ident;
                let patterns = choice.variants.iter().map(|variant| {
                    let ident = &variant.ident;
                    match variant.fields {
                        syn::Fields::Unit => quote!(types::#name::#ident => {}),
                        _ => quote!(types::#name::#ident(..) => {}),
                    }
                });
                uses.push(quote! { match any::<types::#name>() { #(#patterns)* _ => {} } });
            }
            Item::Impl(block) if block.trait_.is_none() => {
                let Type::Path(path) = &*block.self_ty else { continue };
                for item in &block.items {
                    let ImplItem::Fn(method) = item else { continue };
                    uses.push(call(path.path.segments.last().unwrap(), method));
                }
            }
            _ => {}
        }
    }
    let body =
        uses.iter().map(|one| format!("    {one}\n")).collect::<String>().replace("crate ::", "api ::");
    format!(
        "#![allow(warnings)]\nuse mlspace_registry_api::{{self as api, types::{{self, *}}, requests, Client}};\n\
         fn any<T>() -> T {{ unimplemented!() }}\nasync fn all() {{\n{body}}}\n"
    )
}

fn call(segment: &syn::PathSegment, method: &syn::ImplItemFn) -> proc_macro2::TokenStream {
    let name = &segment.ident;
    let ident = &method.sig.ident;
    let arguments = method.sig.inputs.iter().filter_map(|argument| match argument {
        FnArg::Typed(typed) => match &*typed.pat {
            Pat::Ident(_) => Some(into(&typed.ty)),
            _ => None,
        },
        FnArg::Receiver(_) => None,
    });
    let arguments: Vec<Type> = arguments.collect();
    let is_request = !matches!(segment.arguments, PathArguments::None);
    let of = match name.to_string().as_str() {
        "Client" => quote!(Client),
        _ if is_request => quote!(requests::#name<'static>),
        _ => quote!(types::#name),
    };
    let awaited = method.sig.asyncness.map(|_| quote!(.await));
    if method.sig.receiver().is_none() {
        return quote! { let _: #of = <#of>::#ident(#(any::<#arguments>()),*); };
    }
    quote! { { let receiver = any::<#of>(); let _ = receiver.#ident(#(any::<#arguments>()),*)#awaited; } }
}

/// The type in `impl Into<T>`, or the type itself.
fn into(of: &Type) -> Type {
    let Type::ImplTrait(one) = of else { return of.clone() };
    let Some(TypeParamBound::Trait(bound)) = one.bounds.first() else { return of.clone() };
    let PathArguments::AngleBracketed(list) = &bound.path.segments.last().unwrap().arguments else {
        return of.clone();
    };
    match list.args.first() {
        Some(GenericArgument::Type(inner)) => inner.clone(),
        _ => of.clone(),
    }
}

#[test]
fn a_promise_that_is_lost_is_seen() {
    let closed = promises("pub struct A { pub b: i64 } impl A { pub fn new(b: i64) {} }");
    for changed in [
        "pub struct A { pub b: String } impl A { pub fn new(b: i64) {} }",
        "pub struct A { pub b: i64 } impl A { pub fn new(a: i64, b: i64) {} }",
        "pub struct A { pub b: i64 }",
    ] {
        assert!(closed.difference(&promises(changed)).next().is_some(), "{changed}");
    }
}
