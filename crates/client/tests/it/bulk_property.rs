//! Whatever goes wrong, the report agrees with what is really there.

use std::collections::HashSet;
use std::sync::OnceLock;

use mlspace_registry::{Outcome, Uuid};
use mlspace_registry_simulator::{Fault, NewImage, Seed};
use proptest::prelude::*;
use tokio::runtime::Runtime;

use crate::World;

fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap())
}

/// What can go wrong with any request.
fn any_fault() -> impl Strategy<Value = Fault> {
    prop_oneof![
        Just(Fault::status(503)),
        Just(Fault::status(500)),
        Just(Fault::status(504)),
        Just(Fault::status(422)),
        Just(Fault::status(429)),
        Just(Fault::status(401)),
        Just(Fault::status(403)),
        Just(Fault::lost_before()),
        Just(Fault::lost_after()),
        Just(Fault::truncated()),
        Just(Fault::html()),
    ]
}

/// What can go wrong with a delete only.
fn delete_fault() -> impl Strategy<Value = Fault> {
    prop_oneof![
        any_fault(),
        Just(Fault::partial_delete()),
        Just(Fault::partial_answer()),
        Just(Fault::delete_not_done()),
        Just(Fault::wrong_ids()),
    ]
}

fn some_time(kind: impl Strategy<Value = Fault>) -> impl Strategy<Value = Fault> {
    (kind, 0..6_u64, 1..4_u64).prop_map(|(fault, after, times)| fault.after(after).times(times))
}

fn says_what_is_not_so(fault: &Fault) -> bool {
    format!("{fault:?}").contains("DeleteNotDone")
}

#[derive(Debug)]
struct Plan {
    images: usize,
    unknown: usize,
    chunk: usize,
    concurrency: usize,
    verify: bool,
    deletes: Vec<Fault>,
    reads: Vec<Fault>,
    poison: Vec<usize>,
}

fn plan() -> impl Strategy<Value = Plan> {
    let deletes = prop::collection::vec(some_time(delete_fault()), 0..5);
    let reads = prop::collection::vec(some_time(any_fault()), 0..2);
    let sizes = (0..40_usize, 0..4_usize, 1..12_usize, 1..5_usize, any::<bool>());
    (sizes, deletes, reads, prop::collection::vec(0..40_usize, 0..4)).prop_map(
        |((images, unknown, chunk, concurrency, verify), deletes, reads, poison)| Plan {
            images,
            unknown,
            chunk,
            concurrency,
            verify,
            deletes,
            reads,
            poison,
        },
    )
}

async fn check(plan: Plan) -> Result<(), TestCaseError> {
    let world = World::new(Seed::Empty).await;
    let push = |n| world.simulator.push_image(NewImage::new("n", [format!("v{n}")]));
    let images: Vec<Uuid> = (0..plan.images).map(push).collect();
    let mut ids = images.clone();
    ids.extend((0..plan.unknown).map(|n| Uuid::from_u128(n as u128)));
    // Each id a second time: it must be reported once.
    ids.extend(images.iter().rev().copied());
    let poison: HashSet<Uuid> = plan.poison.iter().filter_map(|place| images.get(*place)).copied().collect();
    if !poison.is_empty() {
        world.fail("image_delete", Fault::reject_ids(poison.iter().copied()));
    }
    // A service that says it deleted what it did not is found out only by verifying.
    let believed = plan.deletes.into_iter().filter(|fault| plan.verify || !says_what_is_not_so(fault));
    believed.for_each(|fault| world.fail("image_delete", fault));
    plan.reads.into_iter().for_each(|fault| world.fail("image_get", fault));
    let deletion = world.client.images().delete_many(ids.clone()).verify(plan.verify);
    let report = deletion.chunk_size(plan.chunk).concurrency(plan.concurrency).send().await;

    let mut distinct = Vec::new();
    ids.into_iter().for_each(|id| {
        if !distinct.contains(&id) {
            distinct.push(id);
        }
    });
    let reported: Vec<Uuid> = report.outcomes().iter().map(|(id, _)| *id).collect();
    prop_assert_eq!(reported, distinct);
    for (id, outcome) in report.outcomes() {
        let there = world.simulator.contains_image(*id);
        let existed = images.contains(id);
        match outcome {
            Outcome::Deleted | Outcome::NotFound => prop_assert!(!there, "{} is there: {:?}", id, outcome),
            Outcome::Unknown(_) => {}
            untouched => prop_assert!(there || !existed, "{} is gone: {:?}", id, untouched),
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_report_agrees_with_what_is_there(plan in plan()) {
        runtime().block_on(check(plan))?;
    }
}
