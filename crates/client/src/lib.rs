#![doc = include_str!("../README.md")]
//!
//! ## Where to start
//!
//! - [`Client::from_env`] or [`Client::builder`] make a client; [`Client::with`] changes settings for some calls.
//! - [`Client::repositories`], [`images`](Client::images), [`tags`](Client::tags): what can be done with each. Each page
//!   begins with an example.
//! - [`Client::find`] takes what people call things; [`Client::full_name`] gives what docker calls them.
//! - [`Pager`] is how lists are read, and when one may be trusted to be whole.
//! - [`DeleteMany`] and [`BulkReport`]: deleting many, and what became of each.
//! - [`Error`]: what can go wrong, and what to do.
//! - [`Transport`]: seeing or answering requests, in programs and in tests.

mod api_error;
mod builder;
mod bulk;
mod call;
mod call_settings;
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
#[cfg(feature = "test-util")]
#[cfg_attr(docsrs, doc(cfg(feature = "test-util")))]
pub mod sample;
mod search;
mod sign_in;
mod tags;
mod token;
mod verify;
mod workspaces;

/// The low-level client. It shows names of `reqwest` and of the generator, and changes with them.
#[cfg(feature = "low-level")]
pub use mlspace_registry_api as api;
pub use mlspace_registry_api::types::{Image, Registry, Repository, Tag, Workspace};
#[doc(inline)]
pub use mlspace_registry_api::{ANSWER_CAP, Body, Sending, Transport, TransportError, TransportKind};
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
pub use call_settings::CallSettings;
pub use client::Client;
pub use error::{Error, Result, Sent};
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
pub use token::{FetchingToken, Token, TokenSource};
pub use verify::Verify;
pub use workspaces::Workspaces;

/// The first page of the repository, compiled.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct ReadMe;

/// The pages of the guide, whose programs are compiled and run.
#[cfg(doctest)]
mod guide {
    macro_rules! pages {
        ($($page:literal $name:ident),* $(,)?) => {
            $(#[doc = include_str!(concat!("../../../docs/guide/", $page))] struct $name;)*
        };
    }

    pages! {
        "README.md" Index,
        "first-program.md" FirstProgram,
        "lists.md" Lists,
        "deleting.md" Deleting,
        "errors.md" Errors,
        "retries.md" Retries,
        "workspaces.md" Workspaces,
        "pushing.md" Pushing,
        "testing.md" Testing,
        "network.md" Network,
        "spec-update.md" SpecUpdate,
    }
}
