use super::*;

fn listing(source: &str) -> String {
    let mut sources = Sources::default();
    sources.add(syn::parse_file(source).unwrap().items, Path::new(""), ModulePath::new()).unwrap();
    let listing = sources.listing();
    listing.split_once("\n\n").unwrap().1.to_owned()
}

#[test]
fn what_is_committed_is_what_is_public() {
    assert_eq!(run(&file::workspace_root(), true).unwrap(), ExitCode::SUCCESS);
}

#[test]
fn only_what_callers_reach_is_listed() {
    let text = listing(
        "mod inner { pub struct Shown { pub a: u8, b: u8 } pub struct Unreachable; pub(crate) fn own() {}
             impl Shown { pub fn new(mut a: u8) -> Self { Self { a, b: a } } fn private(&self) {} }
             impl Unreachable { pub fn f() {} } }
         /// Docs.
         pub use inner::Shown;
         #[cfg(test)] pub fn for_tests() {}
         #[doc(hidden)] pub fn for_macros() {}
         fn private() {}",
    );
    let expected = "pub struct Shown {\n    pub a: u8,\n    _private: _,\n}\nimpl Shown {\n    \
                    pub fn new(a: u8) -> Self {}\n}\n";
    assert_eq!(text, expected);
}

#[test]
fn re_exports_are_followed_to_what_they_name() {
    let text = listing(
        "mod a { pub mod b { pub enum Kind { One(u8), Two { x: u8 } } } pub use self::b::Kind as Sort; }
         mod c { pub fn free() {} pub const N: u8 = 3; }
         pub use a::{Sort as Renamed, b}; pub use c::*; pub use uuid::Uuid; pub use uuid as ids;",
    );
    for line in [
        "pub use Kind as Renamed;",
        "pub enum Kind {",
        "pub mod b {",
        "    pub enum Kind {",
        "pub fn free() {}",
    ] {
        assert!(text.lines().any(|one| one == line), "{line} is not in\n{text}");
    }
    assert!(text.contains("pub const N: u8 = 3;") && text.contains("pub use uuid::Uuid;"), "{text}");
    assert!(text.contains("pub use uuid as ids;"), "{text}");
}

#[test]
fn impls_stand_by_their_type_wherever_they_are_written() {
    let text = listing(
        "mod a { pub struct Shown<T>(pub T, u8); trait Private {} impl<T> Private for Shown<T> {} }
         mod d { use super::a::Shown as S; impl<T> Iterator for S<T> { type Item = T; fn next(&mut self)
             -> Option<T> { None } } impl From<S<u8>> for u8 { fn from(_: S<u8>) -> u8 { 0 } } }
         pub use a::Shown;",
    );
    let expected = "pub struct Shown<T>(pub T, _);\nimpl<T> Iterator for S<T> {\n    type Item = T;\n}\n\
                    impl From<S<u8>> for u8 {}\n";
    assert_eq!(text, expected);
}

#[test]
fn a_method_that_must_be_implemented_differs_from_one_with_a_default() {
    let text = listing("pub trait Shape: Send { fn area(&self) -> f64; fn name(&self) -> u8 { 1 } }");
    assert!(text.contains("fn area(&self) -> f64;") && text.contains("fn name(&self) -> u8 {}"), "{text}");
}

#[test]
fn a_name_that_leads_to_itself_ends() {
    assert_eq!(
        listing(
            "pub use serde_json; mod a { pub use super::b::X; } mod b { pub use super::a::X; } \
        pub use a::X;"
        ),
        "pub use a::X;\npub use serde_json;\n"
    );
}
