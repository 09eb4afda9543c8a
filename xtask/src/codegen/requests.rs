//! Requests as builders: what is required is handed to the operation's method, in the order of the
//! document, and the rest has a setter. The generator's own methods take all of it in alphabetical order,
//! so that two texts are easily swapped and a new optional parameter breaks every caller.

mod statements;

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use quote::{format_ident, quote};
use serde_json::Value;
use syn::visit_mut::VisitMut;
use syn::{
    Attribute, Expr, FnArg, GenericArgument, Ident, ImplItem, ImplItemFn, Item, ItemMod, Pat, PathArguments,
    ReturnType, Type, TypeReference, parse_quote,
};

use crate::adjust::MULTIPART;
use statements::{AsForm, OfClient, statements};

/// What the generator does not say of an operation, by its id.
pub(super) type Facts = BTreeMap<String, Fact>;

#[derive(Default)]
pub(super) struct Fact {
    /// Names of parameters, in the order of the path and then of the document.
    order: Vec<String>,
    /// True where the body is a form of several parts.
    is_multipart: bool,
}

/// Reads it from a document.
pub(super) fn facts(document: &Value) -> Facts {
    let mut facts = Facts::new();
    for (path, item) in document["paths"].as_object().into_iter().flatten() {
        for operation in item.as_object().into_iter().flat_map(serde_json::Map::values) {
            let Some(id) = operation["operationId"].as_str() else { continue };
            let in_path = path.split('{').skip(1).filter_map(|rest| rest.split_once('}'));
            let parameters = operation["parameters"].as_array().into_iter().flatten();
            let named = parameters.filter_map(|parameter| parameter["name"].as_str());
            let order = in_path.map(|(name, _)| name).chain(named).map(plain).collect();
            let is_multipart = operation.get(MULTIPART).is_some();
            facts.insert(plain(id), Fact { order, is_multipart });
        }
    }
    facts
}

/// A name without what its spelling in Rust may change.
fn plain(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
}

/// Turns the methods that send into methods that begin a request.
pub(super) fn build(items: &mut Vec<Item>, facts: &Facts) -> Result<()> {
    let mut builders = Vec::new();
    for item in items.iter_mut() {
        let Item::Impl(block) = item else { continue };
        if block.trait_.is_some()
            || !matches!(&*block.self_ty, Type::Path(path) if path.path.is_ident("Client"))
        {
            continue;
        }
        block.attrs = vec![parse_quote!(#[cfg(feature = "client")])];
        for method in block.items.iter_mut() {
            if let ImplItem::Fn(method) = method
                && method.sig.asyncness.is_some()
            {
                let none = Fact::default();
                let fact = facts.get(&plain(&method.sig.ident.to_string())).unwrap_or(&none);
                let builder = builder(method, fact).with_context(|| method.sig.ident.to_string())?;
                builders.extend(builder);
            }
        }
    }
    let module: ItemMod = parse_quote! {
        /// One type for each operation: a request that is being put together.
        #[cfg(feature = "client")]
        pub mod requests {
            use super::types;
            #[allow(unused_imports)]
            use crate::{Answer, ByteStream, Client};
            #[allow(unused_imports)]
            use progenitor_client::{encode_path, RequestBuilderExt};
            #(#builders)*
        }
    };
    items.push(parse_quote!(
        #[cfg(feature = "client")]
        use crate::Client;
    ));
    items.push(Item::Mod(module));
    Ok(())
}

/// One thing that a request takes.
struct Argument {
    name: Ident,
    /// Its type, owned.
    of: Type,
    /// How the generated code wants it.
    lent: Option<Expr>,
    optional: bool,
}

impl Argument {
    fn new(argument: &FnArg) -> Result<Option<Self>> {
        let FnArg::Typed(typed) = argument else { return Ok(None) };
        let Pat::Ident(pattern) = &*typed.pat else { bail!("an argument without a name") };
        let name = pattern.ident.clone();
        let text = |of: &Type| matches!(of, Type::Path(path) if path.path.is_ident("str"));
        let (of, lent, optional): (Type, Option<Expr>, bool) = match &*typed.ty {
            Type::Reference(TypeReference { elem, .. }) if text(elem) => {
                (parse_quote!(::std::string::String), Some(parse_quote!(#name.as_str())), false)
            }
            Type::Reference(TypeReference { elem, .. }) => {
                ((**elem).clone(), Some(parse_quote!(&#name)), false)
            }
            // A body of any kind: the method is generic over what becomes one.
            Type::Path(path) if path.path.is_ident("B") => (parse_quote!(::reqwest::Body), None, false),
            other => match inner(other, "Option") {
                Some(Type::Reference(TypeReference { elem, .. })) if text(elem) => (
                    parse_quote!(::std::option::Option<::std::string::String>),
                    Some(parse_quote!(#name.as_deref())),
                    true,
                ),
                Some(Type::Reference(TypeReference { elem, .. })) => {
                    (parse_quote!(::std::option::Option<#elem>), Some(parse_quote!(#name.as_ref())), true)
                }
                Some(_) => (other.clone(), None, true),
                None => (other.clone(), None, false),
            },
        };
        Ok(Some(Self { name, of, lent, optional }))
    }
}

/// The first type that a generic type of that name is about.
fn inner<'a>(of: &'a Type, name: &str) -> Option<&'a Type> {
    let Type::Path(path) = of else { return None };
    let last = path.path.segments.last().filter(|segment| segment.ident == name)?;
    let PathArguments::AngleBracketed(arguments) = &last.arguments else { return None };
    match arguments.args.first()? {
        GenericArgument::Type(inner) => Some(inner),
        _ => None,
    }
}

fn builder(method: &mut ImplItemFn, fact: &Fact) -> Result<Vec<Item>> {
    let name = format_ident!("{}", pascal(&method.sig.ident.to_string()));
    let ReturnType::Type(_, answer) = &method.sig.output else { bail!("it returns nothing") };
    let answer = inner(answer, "Result").and_then(|of| inner(of, "ResponseValue"));
    let answer = answer.context("what it answers with is not supported")?;
    // The rows of a list are read one by one; an answer of bare ids is one thing.
    let row = inner(answer, "Vec")
        .filter(|row| matches!(row, Type::Path(path) if path.path.segments[0].ident == "types"));
    let answer: Type = row.map_or_else(|| answer.clone(), |row| parse_quote!(crate::Rows<#row>));
    let mut arguments = Vec::new();
    for argument in &method.sig.inputs {
        arguments.extend(Argument::new(argument)?);
    }
    for argument in arguments.iter_mut().filter(|argument| fact.is_multipart && argument.name == "body") {
        argument.of = parse_quote!(::reqwest::multipart::Form);
    }
    // The body stands last, as it is in no list of parameters.
    let place =
        |argument: &Argument| fact.order.iter().position(|name| *name == plain(&argument.name.to_string()));
    arguments.sort_by_key(|argument| place(argument).unwrap_or(usize::MAX));
    let (names, types): (Vec<&Ident>, Vec<&Type>) =
        arguments.iter().map(|argument| (&argument.name, &argument.of)).unzip();
    let lent = arguments.iter().filter_map(|argument| {
        let (name, lent) = (&argument.name, argument.lent.as_ref()?);
        Some(quote!(let #name = #lent;))
    });
    let setters = arguments.iter().filter(|argument| argument.optional).map(|argument| {
        let (name, of) = (&argument.name, &argument.of);
        let words = format!("Sets `{name}`.");
        quote! {
            #[doc = #words]
            pub fn #name(mut self, #name: impl ::std::convert::Into<#of>) -> Self {
                self.#name = #name.into();
                self
            }
        }
    });
    let mut statements = statements(method, row.is_some())?;
    for statement in &mut statements {
        OfClient.visit_stmt_mut(statement);
        if fact.is_multipart {
            AsForm.visit_stmt_mut(statement);
        }
    }
    let cfg: Option<Attribute> = fact.is_multipart.then(|| parse_quote!(#[cfg(feature = "multipart")]));
    method.attrs.extend(cfg.clone());
    let words = format!(
        "A request of [`Client::{}`]; nothing is sent before [`send`](Self::send).",
        method.sig.ident
    );
    let items = vec![
        parse_quote! {
            #cfg
            #[doc = #words]
            #[derive(Debug)]
            #[must_use = "nothing is sent before `send`"]
            pub struct #name<'a> {
                pub(super) this_client: &'a Client,
                #(pub(super) #names: #types,)*
            }
        },
        parse_quote! {
            #cfg
            impl #name<'_> {
                #(#setters)*
                ///Sends it. One request.
                pub async fn send(self) -> Answer<#answer> {
                    let Self { this_client, #(#names),* } = self;
                    #(#lent)*
                    #(#statements)*
                }
            }
        },
    ];
    begin(method, &name, &arguments);
    Ok(items)
}

/// Makes of a method that sends one that begins.
fn begin(method: &mut ImplItemFn, name: &Ident, arguments: &[Argument]) {
    let given = arguments.iter().filter(|argument| !argument.optional).map(|argument| {
        let (name, of) = (&argument.name, &argument.of);
        quote!(#name: impl ::std::convert::Into<#of>)
    });
    let values = arguments.iter().map(|argument| {
        let name = &argument.name;
        if argument.optional {
            quote!(#name: ::std::option::Option::None)
        } else {
            quote!(#name: #name.into())
        }
    });
    let (ident, docs): (_, Vec<Attribute>) = (&method.sig.ident, method.attrs.clone());
    *method = parse_quote! {
        #(#docs)*
        pub fn #ident(&self, #(#given),*) -> requests::#name<'_> {
            requests::#name { this_client: self, #(#values),* }
        }
    };
}

/// The name of a type for an operation.
fn pascal(name: &str) -> String {
    let words = name.split('_').filter(|word| !word.is_empty());
    words.map(|word| word[..1].to_ascii_uppercase() + &word[1..]).collect()
}
