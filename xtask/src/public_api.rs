//! `cargo xtask public-api`: what each library shows to its users, as Rust without bodies, docs and private
//! parts, in `docs/public-api`. A change there is a change for callers, and is seen in review.
//!
//! It is read from the sources, so that it needs no nightly compiler. What a macro makes is not seen: where
//! it is re-exported, its name is. Whether a type is `Send` is not seen either; the crates' tests say that.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result};
use syn::visit_mut::{self, VisitMut};
use syn::{
    Attribute, Block, Expr, Fields, Ident, ImplItem, Item, ItemImpl, ItemMod, ItemStruct, PatIdent, Receiver,
    Type, UseTree, Visibility, parse_quote, parse_str,
};

use crate::file;

/// A module's path from the crate's root.
type ModulePath = Vec<String>;
/// Where an item is declared, and its name.
type Key = (ModulePath, String);

/// How many re-exports in a row are followed: a name that leads to itself ends.
const DEPTH: usize = 16;
const ATTRIBUTES: [&str; 8] =
    ["cfg", "cfg_attr", "default", "deprecated", "derive", "must_use", "non_exhaustive", "repr"];

/// Writes the listings or compares them with what is committed.
pub(crate) fn run(root: &Path, check: bool) -> Result<ExitCode> {
    let crates = fs::read_dir(root.join("crates"))?.collect::<Result<Vec<_>, _>>()?;
    let mut outputs = BTreeMap::new();
    for folder in crates.iter().map(fs::DirEntry::path) {
        let source = folder.join("src");
        // A program is used through its command line.
        if !source.join("lib.rs").exists() || source.join("main.rs").exists() {
            continue;
        }
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let listing = Sources::read(&source, None)?.listing();
        outputs.insert(format!("docs/public-api/{name}.txt"), listing);
    }
    file::settle(root, outputs, check, "cargo xtask public-api")
}

/// The listing of the crate in `source` as it would be with `generated` for what is generated. What lies there
/// of that is not read: it may be damaged.
pub(crate) fn listing_with(source: &Path, generated: &str) -> Result<String> {
    Ok(Sources::read(source, Some(generated))?.listing())
}

/// The module that `cargo xtask codegen` writes.
const GENERATED: &str = "generated";

/// The modules of one crate.
#[derive(Default)]
struct Sources(BTreeMap<ModulePath, Vec<Item>>);

/// What a path leads to within the crate.
#[derive(Debug, PartialEq)]
enum Definition {
    Module(ModulePath),
    Item(Key),
}

impl Sources {
    /// Reads the crate in `folder`, with `generated` for what its generated file says.
    fn read(folder: &Path, generated: Option<&str>) -> Result<Self> {
        let mut sources = Self::default();
        if let Some(code) = generated {
            let items = syn::parse_file(code).context("the generated file is not Rust")?.items;
            sources.add(items, &folder.join(GENERATED), vec![GENERATED.into()])?;
        }
        sources.file(&folder.join("lib.rs"), folder, ModulePath::new())?;
        Ok(sources)
    }

    fn file(&mut self, path: &Path, folder: &Path, place: ModulePath) -> Result<()> {
        if self.0.contains_key(&place) {
            return Ok(());
        }
        let parsed = syn::parse_file(&file::read(path)?);
        let parsed = parsed.with_context(|| {
            let mend = if place == [GENERATED] { "; `cargo xtask codegen` writes it anew" } else { "" };
            format!("{} is not Rust{mend}", path.display())
        })?;
        self.add(parsed.items, folder, place)
    }

    /// Adds a module whose child modules are in `folder`.
    fn add(&mut self, items: Vec<Item>, folder: &Path, place: ModulePath) -> Result<()> {
        for item in &items {
            let Item::Mod(module) = item else { continue };
            if hidden(&module.attrs) {
                continue;
            }
            let name = module.ident.to_string();
            let (below, inner) = (child(&place, &name), folder.join(&name));
            match &module.content {
                Some((_, items)) => self.add(items.clone(), &inner, below)?,
                None => {
                    let flat = folder.join(format!("{name}.rs"));
                    let path = if flat.exists() { flat } else { inner.join("mod.rs") };
                    self.file(&path, &inner, below)?;
                }
            }
        }
        self.0.insert(place, items);
        Ok(())
    }

    fn listing(&self) -> String {
        // The first round finds out which items are shown: an impl of a trait that is not is no one's affair.
        let mut shown = BTreeSet::new();
        self.list(&ModulePath::new(), &BTreeSet::new(), &mut shown);
        let mut items = self.list(&ModulePath::new(), &shown, &mut BTreeSet::new());
        items.extend(self.impls(None, &shown));
        let code =
            prettyplease::unparse(&syn::File { shebang: None, frontmatter: None, attrs: Vec::new(), items });
        format!("// Written by `cargo xtask public-api`; `_` stands for what callers do not see.\n\n{code}")
    }

    /// The public items of a module by name, each with its impls.
    fn list(&self, place: &ModulePath, shown: &BTreeSet<Key>, seen: &mut BTreeSet<Key>) -> Vec<Item> {
        let mut found: Vec<(String, Vec<Item>)> = Vec::new();
        for item in self.0.get(place).into_iter().flatten() {
            match item {
                Item::Use(one) if is_public(&one.vis) && !hidden(&one.attrs) => {
                    for Leaf { path, name } in leaves(&one.tree) {
                        let items = match self.resolve(place, &path, DEPTH) {
                            Some(Definition::Module(target)) if name == "*" => {
                                self.list(&target, shown, seen)
                            }
                            Some(Definition::Module(target)) => {
                                module(&name, self.list(&target, shown, seen)).into_iter().collect()
                            }
                            Some(Definition::Item(key)) => self.item(key, &name, shown, seen),
                            None => parse_str(&re_export(&path, &name)).into_iter().collect(),
                        };
                        found.push((name, items));
                    }
                }
                Item::Mod(one) if is_public(&one.vis) && !hidden(&one.attrs) => {
                    let name = one.ident.to_string();
                    let items = self.list(&child(place, &name), shown, seen);
                    found.push((name.clone(), module(&name, items).into_iter().collect()));
                }
                _ => {
                    if let Some((ident, Visibility::Public(_), attributes)) = head(item)
                        && !hidden(attributes)
                    {
                        let name = ident.to_string();
                        let items = self.item((place.clone(), name.clone()), &name, shown, seen);
                        found.push((name, items));
                    }
                }
            }
        }
        found.sort_by(|one, other| one.0.cmp(&other.0));
        found.into_iter().flat_map(|(_, items)| items).collect()
    }

    /// An item, the name by which it is shown if that is another, and its impls.
    fn item(&self, key: Key, name: &str, shown: &BTreeSet<Key>, seen: &mut BTreeSet<Key>) -> Vec<Item> {
        let own = self.0.get(&key.0).into_iter().flatten();
        let own = own.filter(|item| head(item).is_some_and(|(ident, ..)| *ident == key.1));
        let mut items: Vec<Item> = own.cloned().collect();
        items.iter_mut().for_each(|item| Bare.visit_item_mut(item));
        if key.1 != name {
            items.extend(parse_str(&re_export(std::slice::from_ref(&key.1), name)));
        }
        items.extend(self.impls(Some(&key), shown));
        seen.insert(key);
        items
    }

    /// The impls for an item, or for what is not of this crate.
    fn impls(&self, of: Option<&Key>, shown: &BTreeSet<Key>) -> Vec<Item> {
        let mut found = Vec::new();
        for (place, items) in &self.0 {
            for item in items {
                let Item::Impl(one) = item else { continue };
                let is_its = match self.resolve(place, &type_path(&one.self_ty), DEPTH) {
                    Some(Definition::Item(key)) => of == Some(&key),
                    _ => of.is_none(),
                };
                let names = one.trait_.as_ref().map(|(path, _)| names(path)).unwrap_or_default();
                let is_shown = match self.resolve(place, &names, DEPTH) {
                    Some(Definition::Item(key)) => shown.contains(&key),
                    _ => true,
                };
                if is_its && is_shown && !hidden(&one.attrs) {
                    let mut one = one.clone();
                    Bare.visit_item_impl_mut(&mut one);
                    found.extend((one.trait_.is_some() || !one.items.is_empty()).then_some(Item::Impl(one)));
                }
            }
        }
        found
    }

    fn resolve(&self, place: &ModulePath, path: &[String], depth: usize) -> Option<Definition> {
        let (first, rest) = path.split_first()?;
        let target = match first.as_str() {
            "*" => return Some(Definition::Module(place.clone())),
            "crate" => Definition::Module(ModulePath::new()),
            "self" => Definition::Module(place.clone()),
            "super" => Definition::Module(place.split_last()?.1.to_vec()),
            name => self.find(place, name, depth)?,
        };
        match target {
            Definition::Module(inner) if !rest.is_empty() => self.resolve(&inner, rest, depth),
            target => rest.is_empty().then_some(target),
        }
    }

    fn find(&self, place: &ModulePath, name: &str, depth: usize) -> Option<Definition> {
        let (depth, below, items) = (depth.checked_sub(1)?, child(place, name), self.0.get(place)?);
        if self.0.contains_key(&below) {
            return Some(Definition::Module(below));
        }
        if items.iter().any(|item| head(item).is_some_and(|(ident, ..)| ident == name)) {
            return Some(Definition::Item((place.clone(), name.to_owned())));
        }
        let uses = items.iter().filter_map(|item| if let Item::Use(one) = item { Some(one) } else { None });
        let leaves = uses.flat_map(|one| leaves(&one.tree));
        let mut leaves = leaves.filter(|leaf| leaf.name == name || leaf.name == "*");
        leaves.find_map(|leaf| match self.resolve(place, &leaf.path, depth)? {
            Definition::Module(inner) if leaf.name == "*" => self.find(&inner, name, depth),
            target => Some(target),
        })
    }
}

/// One name that a `use` brings.
struct Leaf {
    path: Vec<String>,
    name: String,
}

fn leaves(tree: &UseTree) -> Vec<Leaf> {
    let leaf = |ident: &Ident, name: &Ident| Leaf { path: vec![ident.to_string()], name: name.to_string() };
    match tree {
        UseTree::Name(one) => vec![leaf(&one.ident, &one.ident)],
        UseTree::Rename(one) => vec![leaf(&one.ident, &one.rename)],
        UseTree::Glob(_) => vec![Leaf { path: vec!["*".into()], name: "*".into() }],
        UseTree::Group(group) => group.items.iter().flat_map(leaves).collect(),
        UseTree::Path(one) => {
            let first = one.ident.to_string();
            let mut inner = leaves(&one.tree);
            for Leaf { path, name } in &mut inner {
                // `a::{self}` is `a`.
                if path[0] == "self" {
                    path.clear();
                    *name = if name == "self" { first.clone() } else { name.clone() };
                }
                path.insert(0, first.clone());
            }
            inner
        }
    }
}

fn re_export(path: &[String], name: &str) -> String {
    let renamed = path.last().is_some_and(|last| last != name);
    format!("pub use {}{};", path.join("::"), if renamed { format!(" as {name}") } else { String::new() })
}

fn child(place: &ModulePath, name: &str) -> ModulePath {
    place.iter().cloned().chain([name.to_owned()]).collect()
}

fn module(name: &str, items: Vec<Item>) -> Option<Item> {
    let mut module: ItemMod = parse_str(&format!("pub mod {name} {{}}")).ok()?;
    module.content = Some((Default::default(), items));
    Some(Item::Mod(module))
}

fn names(path: &syn::Path) -> Vec<String> {
    path.segments.iter().map(|segment| segment.ident.to_string()).collect()
}

fn type_path(of: &Type) -> Vec<String> {
    match of {
        Type::Path(path) => names(&path.path),
        Type::Reference(reference) => type_path(&reference.elem),
        _ => Vec::new(),
    }
}

/// Name, visibility and attributes of an item that has a name and can be shown.
fn head(item: &Item) -> Option<(&Ident, &Visibility, &[Attribute])> {
    Some(match item {
        Item::Const(one) => (&one.ident, &one.vis, &one.attrs),
        Item::Enum(one) => (&one.ident, &one.vis, &one.attrs),
        Item::Fn(one) => (&one.sig.ident, &one.vis, &one.attrs),
        Item::Static(one) => (&one.ident, &one.vis, &one.attrs),
        Item::Struct(one) => (&one.ident, &one.vis, &one.attrs),
        Item::Trait(one) => (&one.ident, &one.vis, &one.attrs),
        Item::Type(one) => (&one.ident, &one.vis, &one.attrs),
        _ => return None,
    })
}

fn is_public(visibility: &Visibility) -> bool {
    matches!(visibility, Visibility::Public(_))
}

/// Whether it is for tests or kept out of the documentation.
fn hidden(attributes: &[Attribute]) -> bool {
    let has = |attribute: &Attribute, name: &str, values: &[&str]| {
        let value = attribute.parse_args::<Ident>();
        attribute.path().is_ident(name) && value.is_ok_and(|ident| values.iter().any(|value| ident == value))
    };
    attributes.iter().any(|one| has(one, "cfg", &["test", "doctest"]) || has(one, "doc", &["hidden"]))
}

/// Takes away what callers do not see: docs, bodies, private fields, values other than literals.
struct Bare;

impl VisitMut for Bare {
    fn visit_attributes_mut(&mut self, attributes: &mut Vec<Attribute>) {
        attributes.retain(|one| ATTRIBUTES.iter().any(|name| one.path().is_ident(name)));
    }

    // The body of a trait's function stays as `{}`: it is a default.
    fn visit_block_mut(&mut self, block: &mut Block) {
        block.stmts.clear();
    }

    fn visit_expr_mut(&mut self, value: &mut Expr) {
        if !matches!(value, Expr::Lit(_)) {
            *value = parse_quote!(_);
        }
    }

    // Whether a function changes what it was given is its own affair.
    fn visit_receiver_mut(&mut self, receiver: &mut Receiver) {
        receiver.mutability = None;
    }

    fn visit_pat_ident_mut(&mut self, argument: &mut PatIdent) {
        argument.mutability = None;
    }

    // The length of an array is a part of its type.
    fn visit_type_mut(&mut self, _: &mut Type) {}

    fn visit_item_struct_mut(&mut self, one: &mut ItemStruct) {
        let all = one.fields.len();
        match &mut one.fields {
            Fields::Named(named) => {
                let public: Vec<_> = named.named.iter().filter(|field| is_public(&field.vis)).collect();
                if public.len() < all {
                    *named = parse_quote!({ #(#public,)* _private: _ });
                }
            }
            Fields::Unnamed(unnamed) => {
                let private = unnamed.unnamed.iter_mut().filter(|field| !is_public(&field.vis));
                private.for_each(|field| field.ty = parse_quote!(_));
            }
            Fields::Unit => {}
        }
        visit_mut::visit_item_struct_mut(self, one);
    }

    fn visit_item_impl_mut(&mut self, one: &mut ItemImpl) {
        let of_trait = one.trait_.is_some();
        // The functions of a trait are the trait's.
        one.items.retain(|item| match item {
            ImplItem::Fn(one) => !of_trait && is_public(&one.vis) && !hidden(&one.attrs),
            ImplItem::Const(one) => (of_trait || is_public(&one.vis)) && !hidden(&one.attrs),
            ImplItem::Type(_) => true,
            _ => false,
        });
        one.items.sort_by_key(|item| match item {
            ImplItem::Fn(one) => one.sig.ident.to_string(),
            ImplItem::Const(one) => one.ident.to_string(),
            _ => String::new(),
        });
        visit_mut::visit_item_impl_mut(self, one);
    }
}

#[cfg(test)]
mod tests;
