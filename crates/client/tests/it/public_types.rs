//! Public types may go to another thread. A type that stops being so fails to compile here.

use mlspace_registry::{
    ApiError, Body, BulkEvent, BulkEvents, BulkReport, CallSettings, Client, ClientBuilder, Clock,
    Completeness, DeleteMany, Error, FieldError, Filter, FilterError, FilterWord, Found, Image, ImageLists,
    ImageSearch, ImageStream, Images, ImagesIn, List, Lookup, ManualClock, Moved, Name, NameError,
    NameProblem, Operation, Outcome, Page, Pager, Pages, Password, Reference, Registry, RegistryAddress,
    Repeat, Repositories, Repository, RepositoryUpdate, RetryPolicy, RotationConsent, Secret, Sent,
    SystemClock, Tag, TagCreation, Tags, Timestamp, Token, TokenSource, Transport, TransportError,
    TransportKind, Verify, Wait, WaitReason, Workspace, Workspaces,
};

/// Asserts that the types are what comes first, and returns their names.
macro_rules! are {
    ($first:ident $(+ $other:ident)*: $($name:ident $(<$($argument:tt),+>)?),* $(,)?) => {{
        fn is<T: $first $(+ $other)* + ?Sized>() {}
        $(is::<$name $(<$($argument),+>)?>();)*
        [$(stringify!($name)),*]
    }};
}

#[test]
fn every_public_type_can_be_sent_and_all_but_pagers_shared() {
    type AnyClock = dyn Clock;
    type AnySource = dyn TokenSource;
    type AnyTransport = dyn Transport;
    let shared = are!(Send + Sync:
        AnyClock,
        AnySource,
        AnyTransport,
        ApiError,
        BulkEvent,
        BulkEvents,
        BulkReport,
        CallSettings,
        Client,
        ClientBuilder,
        Completeness,
        DeleteMany,
        Error,
        FieldError,
        Filter<Image>,
        FilterError,
        FilterWord,
        Found,
        Image,
        ImageSearch,
        ImagesIn,
        Images,
        List<Image>,
        ManualClock,
        Moved,
        Name,
        NameError,
        NameProblem,
        Operation,
        Outcome,
        Page<Image>,
        Password,
        Reference,
        Registry,
        RegistryAddress,
        Repeat,
        Repositories,
        Repository,
        RepositoryUpdate,
        RetryPolicy,
        RotationConsent,
        Secret,
        Sent,
        SystemClock,
        Tag,
        TagCreation,
        Tags,
        Timestamp,
        Token,
        TransportError,
        TransportKind,
        Verify,
        Wait,
        WaitReason,
        Workspace,
        Workspaces,
    );
    // They hold a request under way, and every step of theirs takes `&mut self`.
    let sent = are!(Send: Body, ImageLists, ImageStream, Lookup, Pager<Image>, Pages<Image>);
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/public-api/client.txt");
    let listing = std::fs::read_to_string(path).unwrap();
    let public = listing.lines().filter_map(|line| {
        let after = ["pub struct ", "pub enum "].iter().find_map(|start| line.strip_prefix(start))?;
        after.split(|c: char| !c.is_alphanumeric()).next()
    });
    let missing: Vec<_> = public.filter(|name| !shared.contains(name) && !sent.contains(name)).collect();
    assert_eq!(missing, [""; 0], "public types that this test does not hold to it");
}

#[test]
fn calls_can_be_spawned() {
    fn is_send<T: Send>(_: impl FnOnce(Client, Pager<Image>) -> T) {}
    is_send(|client, mut pager| async move {
        let id = mlspace_registry::Uuid::nil();
        let _ = (client.registry().await, client.sign_in().await, client.api().await);
        let _ = client.workspaces().list().await;
        let _ = client.repositories().update(id).description("d").send().await;
        let _ = client.images().delete_many([id]).send().await;
        let _ = client.tags().create(id, "v1").send().await;
        let _ = client.tags().set_color(id, None).await;
        let _ = (client.find("a").await, client.find_many(["a"]).await, client.full_name("a", "b").await);
        let _ = client.tags().move_to(id, "v1", id).await;
        let _ = client.images().search().stream().next().await;
        let _ = client.password().rotate(RotationConsent::OldPasswordStopsWorkingEverywhere).await;
        let _ = (pager.next().await, pager.collect_all().await);
    });
}

#[tokio::test]
async fn futures_of_one_call_own_what_they_need() {
    let world = crate::World::new(mlspace_registry_simulator::Seed::Demo).await;
    let (client, id) = (&world.client, world.simulator.repository_ids()[0]);
    let read = tokio::spawn(client.repositories().get(id));
    let found = tokio::spawn(client.images().find("train/resnet:latest"));
    assert_eq!(read.await.unwrap().unwrap().id, id);
    found.await.unwrap().unwrap();
}
