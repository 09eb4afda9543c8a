//! What is kept of the generator's methods: the statements that put a request together.

use anyhow::{Context, Result};
use quote::{ToTokens, format_ident};
use syn::visit::Visit;
use syn::visit_mut::{self, VisitMut};
use syn::{Expr, ImplItemFn, LitStr, Pat, Stmt, parse_quote};

/// Keeps what puts the request together. The rest is the same for every operation, and in `Client`.
pub(super) fn statements(method: &ImplItemFn, of_rows: bool) -> Result<Vec<Stmt>> {
    let all = &method.block.stmts;
    let says = |statement: &Stmt, word: &str| statement.to_token_stream().to_string().contains(word);
    let info =
        all.iter().position(|statement| says(statement, "OperationInfo")).context("it sends nothing")?;
    // The generator sends the document's version, of which the service knows nothing.
    let mut kept: Vec<Stmt> =
        all[..info].iter().filter(|statement| !says(statement, "\"api-version\"")).cloned().collect();
    if kept.iter().filter(|statement| says(statement, "header_map")).count() == 2 {
        kept.retain(|statement| !says(statement, "let mut header_map"));
        for statement in &mut kept {
            WithoutHeaders.visit_stmt_mut(statement);
        }
    }
    let mut id = Id(None);
    id.visit_stmt(&all[info]);
    let id = id.0.context("it has no id")?;
    let tail =
        all[info..].iter().map(|statement| statement.to_token_stream().to_string()).collect::<String>();
    let read = [("from_response", "read"), ("empty", "read_nothing"), ("stream", "read_bytes")]
        .into_iter()
        .find(|(word, _)| tail.contains(&format!(":: {word}")))
        .with_context(|| format!("how `{id}` answers is not supported"))?
        .1;
    let read = format_ident!("{}", if of_rows { "read_rows" } else { read });
    // A parameter may be called `request`; the generator's own is called something else then.
    let request = kept.last().and_then(|statement| match statement {
        Stmt::Local(local) => match &local.pat {
            Pat::Ident(pattern) => Some(pattern.ident.clone()),
            _ => None,
        },
        _ => None,
    });
    let request = request.with_context(|| format!("how `{id}` is put together is not supported"))?;
    kept.push(Stmt::Expr(parse_quote!(this_client.#read(#request, #id).await), None));
    Ok(kept)
}

/// Takes `.headers(header_map)` out of a chain of calls.
struct WithoutHeaders;

impl VisitMut for WithoutHeaders {
    fn visit_expr_mut(&mut self, expression: &mut Expr) {
        visit_mut::visit_expr_mut(self, expression);
        if let Expr::MethodCall(call) = expression
            && call.method == "headers"
        {
            *expression = (*call.receiver).clone();
        }
    }
}

/// Sends a form of several parts, which names its own media type, instead of bytes.
pub(super) struct AsForm;

impl VisitMut for AsForm {
    fn visit_expr_mut(&mut self, expression: &mut Expr) {
        visit_mut::visit_expr_mut(self, expression);
        if let Expr::MethodCall(call) = expression
            && call.method == "body"
            && let Expr::MethodCall(header) = &*call.receiver
        {
            let before = &header.receiver;
            *expression = parse_quote!(#before.multipart(body));
        }
    }
}

/// The first text.
struct Id(Option<String>);

impl<'ast> Visit<'ast> for Id {
    fn visit_lit_str(&mut self, text: &'ast LitStr) {
        self.0.get_or_insert_with(|| text.value());
    }
}

/// Says `this_client` instead of `self`; a parameter may be called `client`.
pub(super) struct OfClient;

impl VisitMut for OfClient {
    fn visit_path_mut(&mut self, path: &mut syn::Path) {
        visit_mut::visit_path_mut(self, path);
        if path.is_ident("self") {
            *path = parse_quote!(this_client);
        }
    }

    fn visit_macro_mut(&mut self, makro: &mut syn::Macro) {
        let tokens = std::mem::take(&mut makro.tokens);
        makro.tokens = tokens
            .into_iter()
            .map(|token| match token {
                proc_macro2::TokenTree::Ident(ident) if ident == "self" => {
                    proc_macro2::Ident::new("this_client", ident.span()).into()
                }
                other => other,
            })
            .collect();
    }
}
