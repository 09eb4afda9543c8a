#![doc = include_str!("../README.md")]

mod api_error;
mod builder;
mod bulk;
mod call;
mod client;
mod core;
mod environment;
mod error;
mod filter;
mod images;
mod limiter;
mod moving;
mod names;
mod operation;
mod pager;
mod password;
mod repositories;
mod retry;
mod search;
mod sign_in;
mod tags;
mod verify;
mod workspaces;

/// The low-level client and the seam below it.
pub use mlspace_registry_api as api;
pub use mlspace_registry_api::types::{Image, Registry, Repository, Tag, Workspace};
pub use mlspace_registry_api::{Secret, Timestamp, UnknownFields, UnreadableRow};
#[doc(inline)]
pub use mlspace_registry_net::{Clock, ManualClock, RetryPolicy, SystemClock};
#[doc(inline)]
pub use mlspace_registry_retention::{Pattern, PatternError, Patterns};
pub use uuid::Uuid;

pub use api_error::{ApiError, FieldError};
pub use builder::{ClientBuilder, DEFAULT_BASE_URL, DEFAULT_DEADLINE, DEFAULT_RATE, DEFAULT_TIMEOUT};
pub use bulk::{
    BulkEvent, BulkEvents, BulkReport, DEFAULT_CHUNK_SIZE, DEFAULT_CONCURRENCY, DeleteMany, MAX_CHUNK_SIZE,
    MAX_CONCURRENCY, Outcome,
};
pub use call::{Wait, WaitReason};
pub use client::Client;
pub use error::{Error, Result, Sent, TransportKind};
pub use filter::{Filter, FilterError, FilterWord, Filtered};
pub use images::{ImageLists, Images, ImagesIn};
pub use moving::Moved;
pub use names::{Found, Lookup, Name, NameError, NameProblem, Reference, RegistryAddress};
pub use operation::{OPERATIONS, Operation, Repeat};
pub use pager::{Completeness, DEFAULT_PAGE_SIZE, List, Page, Pager, Pages};
pub use password::{Password, RotationConsent};
pub use repositories::{Repositories, RepositoryUpdate};
pub use search::{ImageSearch, ImageStream};
pub use tags::{TagCreation, Tags};
pub use verify::Verify;
pub use workspaces::Workspaces;

/// The first page of the repository, compiled.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct ReadMe;
