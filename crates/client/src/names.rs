//! Names: what people call a repository, an image or a tag, and how that is found.

mod address;
mod candidates;
mod find;
mod lookup;
mod problem;
mod reference;

pub use address::RegistryAddress;
pub use find::Found;
pub use lookup::Lookup;
pub use problem::{NameError, NameProblem};
pub use reference::{Name, Reference};
