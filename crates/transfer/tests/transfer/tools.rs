//! Real registries and clients.
