#![doc = include_str!("../README.md")]

mod pattern;
pub use pattern::{Pattern, PatternError, Patterns};

#[cfg(feature = "plan")]
mod cases;
#[cfg(feature = "plan")]
pub mod framing;
#[cfg(feature = "plan")]
mod in_use;
#[cfg(feature = "plan")]
mod inventory;
#[cfg(feature = "plan")]
mod judge;
#[cfg(feature = "plan")]
mod plan;
#[cfg(feature = "plan")]
mod policy;
#[cfg(feature = "plan")]
mod reason;

#[cfg(feature = "plan")]
pub use cases::{Case, Cases, Expected, Failed, When};
#[cfg(feature = "plan")]
pub use in_use::{InUse, Mention, Scanner, Source};
#[cfg(feature = "plan")]
pub use inventory::{Inventory, InventoryBuilder, LeftOut, ListState, Manifest, SavedError};
#[cfg(feature = "plan")]
pub use plan::{
    Blocked, Explained, ExplainedRule, ExplainedTag, Line, LineTag, Plan, Refused, RepositoryName,
    RuleTotals, Totals, Unread, explain, plan, unread,
};
#[cfg(feature = "plan")]
pub use policy::{How, Indexes, Limits, Policy, PolicyError, Protect, Rule, Span, Zone};
#[cfg(feature = "plan")]
pub use reason::Reason;
