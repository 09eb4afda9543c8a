//! Models that can grow: nobody can write one out in full or match on all of it, so that a field or a
//! value that the vendor adds breaks no program.

use std::collections::BTreeSet;

use quote::{format_ident, quote};
use syn::punctuated::Punctuated;
use syn::{
    Attribute, Expr, Field, Fields, Ident, Item, ItemEnum, ItemImpl, ItemStruct, LitStr, Meta, Token, Type,
    Variant, parse_quote,
};

use super::reading;

/// Where a model keeps the fields that the document does not name.
pub(super) const UNKNOWN_FIELDS: &str = "unknown_fields";
/// The variant of an enum that holds what the document does not name.
const UNKNOWN_VALUE: &str = "UnknownValue";

/// The types that travel in each direction.
pub(super) struct Directions {
    /// In the bodies of requests.
    pub(super) sent: BTreeSet<String>,
    /// In answers.
    pub(super) read: BTreeSet<String>,
}

/// Opens every model and enum.
pub(super) fn open(types: &mut Vec<Item>, directions: &Directions) {
    let schema: Attribute = parse_quote!(#[cfg_attr(feature = "schemars", derive(::schemars::JsonSchema))]);
    let mut written = Vec::new();
    for item in types.iter_mut() {
        match item {
            Item::Struct(model) => {
                model.attrs.push(schema.clone());
                let name = model.ident.to_string();
                let read = directions.read.contains(&name);
                if read {
                    model.fields.iter_mut().for_each(reading::may_be_unknown);
                }
                if let Fields::Named(_) = &model.fields {
                    written.extend(open_struct(model, directions.sent.contains(&name), read));
                }
                if read {
                    model.fields.iter_mut().for_each(reading::loosen);
                }
            }
            Item::Enum(choice) => {
                choice.attrs.push(schema.clone());
                for variant in &mut choice.variants {
                    variant.fields.iter_mut().filter(|field| field.ident.is_some()).for_each(reading::loosen);
                }
                written.extend(open_enum(choice));
            }
            _ => {}
        }
    }
    let names: BTreeSet<String> = types.iter().filter_map(defined).map(Ident::to_string).collect();
    types.retain_mut(|item| match item {
        Item::Impl(block) => keep(block, &names),
        _ => true,
    });
    types.extend(written);
}

/// The name of a type that an item defines.
pub(super) fn defined(item: &Item) -> Option<&Ident> {
    match item {
        Item::Struct(model) => Some(&model.ident),
        Item::Enum(choice) => Some(&choice.ident),
        _ => None,
    }
}

/// What the generator implements for closed types and [`open`] writes anew is dropped.
fn keep(block: &mut ItemImpl, names: &BTreeSet<String>) -> bool {
    let Some((path, _)) = &block.trait_ else { return true };
    let name = path.segments.last().map(|segment| segment.ident.to_string()).unwrap_or_default();
    let of = type_name(&block.self_ty).unwrap_or_default();
    !(names.contains(&of) && ["Default", "Display", "FromStr", "TryFrom"].contains(&name.as_str()))
}

/// The last word of a path.
pub(super) fn type_name(of: &Type) -> Option<String> {
    let Type::Path(path) = of else { return None };
    path.path.segments.last().map(|segment| segment.ident.to_string())
}

fn open_struct(model: &mut ItemStruct, sent: bool, read: bool) -> Vec<Item> {
    drop_derive(&mut model.attrs, "Default");
    model.attrs.push(parse_quote!(#[non_exhaustive]));
    let Fields::Named(fields) = &mut model.fields else { return Vec::new() };
    let known: Vec<Field> = fields.named.iter().cloned().collect();
    let takes_all = known.iter().any(is_flattened);
    let unknown = format_ident!("{UNKNOWN_FIELDS}");
    if !takes_all {
        fields.named.push(parse_quote! {
            ///Fields that the document does not name, as they came.
            #[serde(flatten)]
            pub #unknown: crate::UnknownFields
        });
    }
    let name = &model.ident;
    let idents: Vec<&Ident> = known.iter().filter_map(|field| field.ident.as_ref()).collect();
    let rest = (!takes_all).then(|| quote!(#unknown: ::std::default::Default::default(),));
    let presets: Vec<Expr> = known.iter().map(preset).collect();
    let setters = known.iter().filter_map(setter);
    let required: Vec<&Field> = known.iter().filter(|field| sent && is_required(field)).collect();
    let (given, given_types): (Vec<_>, Vec<_>) =
        required.iter().filter_map(|field| field.ident.as_ref().map(|name| (name, &field.ty))).unzip();
    let values = known.iter().zip(&presets).filter_map(|(field, preset)| {
        let ident = field.ident.as_ref()?;
        Some(if given.contains(&ident) { quote!(#ident: #ident.into()) } else { quote!(#ident: #preset) })
    });
    let constructor = sent.then(|| {
        quote! {
            ///With what is required, and the rest left out.
            pub fn new(#(#given: impl ::std::convert::Into<#given_types>),*) -> Self {
                Self { #(#values,)* #rest }
            }
        }
    });
    let default = (read || required.is_empty()).then(|| {
        parse_quote! {
            impl ::std::default::Default for #name {
                fn default() -> Self {
                    Self { #(#idents: #presets,)* #rest }
                }
            }
        }
    });
    let methods = parse_quote! {
        impl #name {
            #constructor
            #(#setters)*
        }
    };
    std::iter::once(methods).chain(default).collect()
}

fn setter(field: &Field) -> Option<proc_macro2::TokenStream> {
    let (name, of) = (field.ident.as_ref()?, &field.ty);
    let words = format!("Sets `{name}`.");
    // A field of that name is set as a field.
    (name != "new").then(|| {
        quote! {
            #[doc = #words]
            pub fn #name(mut self, #name: impl ::std::convert::Into<#of>) -> Self {
                self.#name = #name.into();
                self
            }
        }
    })
}

/// The value of a field that nobody gave.
fn preset(field: &Field) -> Expr {
    let named = serde_values(field).into_iter().find_map(|(key, value)| value.filter(|_| key == "default"));
    match named.and_then(|path| path.parse::<syn::Path>().ok()) {
        Some(path) => parse_quote!(#path()),
        None => parse_quote!(::std::default::Default::default()),
    }
}

fn is_required(field: &Field) -> bool {
    let values = serde_values(field);
    !values.iter().any(|(key, _)| key == "default" || key == "skip_serializing_if" || key == "flatten")
}

pub(super) fn is_flattened(field: &Field) -> bool {
    serde_values(field).iter().any(|(key, _)| key == "flatten")
}

/// What `#[serde(…)]` says of a field.
pub(super) fn serde_values(field: &Field) -> Vec<(String, Option<LitStr>)> {
    values_of(&field.attrs)
}

/// What `#[serde(…)]` says.
pub(super) fn values_of(attributes: &[Attribute]) -> Vec<(String, Option<LitStr>)> {
    let mut found = Vec::new();
    for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("serde")) {
        let _ = attribute.parse_nested_meta(|meta| {
            let key = meta.path.get_ident().map(Ident::to_string).unwrap_or_default();
            let value = if meta.input.peek(Token![=]) { Some(meta.value()?.parse()?) } else { None };
            found.push((key, value));
            Ok(())
        });
    }
    found
}

/// Takes one trait out of `#[derive(…)]`.
fn drop_derive(attributes: &mut [Attribute], name: &str) {
    for attribute in attributes.iter_mut().filter(|attribute| attribute.path().is_ident("derive")) {
        let Ok(traits) = attribute.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated) else {
            continue;
        };
        let kept = traits
            .iter()
            .filter(|one| one.path().segments.last().is_none_or(|segment| segment.ident != name));
        *attribute = parse_quote!(#[derive(#(#kept),*)]);
    }
}

/// Adds the variant for what the document does not name: text where all values are text, and otherwise
/// whatever came.
fn open_enum(choice: &mut ItemEnum) -> Vec<Item> {
    let (name, unknown) = (choice.ident.clone(), format_ident!("{UNKNOWN_VALUE}"));
    let words = values_of(&choice.attrs).is_empty()
        && choice.variants.iter().all(|variant| matches!(variant.fields, Fields::Unit));
    choice.attrs.push(parse_quote!(#[non_exhaustive]));
    drop_derive(&mut choice.attrs, "Copy");
    if !words {
        choice.variants.push(parse_quote! {
            ///What none of the others reads, as it came.
            #[serde(untagged)]
            #unknown(::serde_json::Value)
        });
        return vec![parse_quote! {
            impl ::std::default::Default for #name {
                fn default() -> Self {
                    Self::#unknown(::serde_json::Value::Null)
                }
            }
        }];
    }
    let (idents, texts): (Vec<Ident>, Vec<String>) =
        choice.variants.iter().map(|variant| (variant.ident.clone(), text_of(variant))).unzip();
    choice.variants.push(parse_quote! {
        ///A value that the document does not name, as it came.
        #[serde(untagged)]
        #unknown(::std::string::String)
    });
    vec![
        parse_quote! {
            impl #name {
                ///The value as it travels.
                pub fn as_str(&self) -> &str {
                    match self {
                        #(Self::#idents => #texts,)*
                        Self::#unknown(text) => text,
                    }
                }
            }
        },
        parse_quote! {
            impl ::std::fmt::Display for #name {
                fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                    f.write_str(self.as_str())
                }
            }
        },
        parse_quote! {
            impl ::std::convert::From<&str> for #name {
                fn from(text: &str) -> Self {
                    match text {
                        #(#texts => Self::#idents,)*
                        _ => Self::#unknown(text.into()),
                    }
                }
            }
        },
        parse_quote! {
            impl ::std::default::Default for #name {
                fn default() -> Self {
                    Self::#unknown(::std::string::String::new())
                }
            }
        },
    ]
}

/// The value of a variant without fields.
fn text_of(variant: &Variant) -> String {
    let renamed = values_of(&variant.attrs).into_iter().find(|(key, _)| key == "rename");
    renamed.and_then(|(_, value)| value).map_or_else(|| variant.ident.to_string(), |text| text.value())
}
