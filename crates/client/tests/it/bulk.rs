use std::collections::HashMap;

use mlspace_registry::{BulkReport, Outcome, Uuid};
use mlspace_registry_simulator::Fault;

use crate::World;

fn kinds(report: &BulkReport) -> Vec<&'static str> {
    report.outcomes().iter().map(|(_, outcome)| kind(outcome)).collect()
}

fn kind(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Deleted => "deleted",
        Outcome::NotFound => "not found",
        Outcome::Kept => "kept",
        Outcome::Rejected(_) => "rejected",
        Outcome::Unknown(_) => "unknown",
        Outcome::NotAttempted => "not attempted",
        _ => "new",
    }
}

#[tokio::test]
async fn each_distinct_id_is_reported_once_in_the_callers_order() {
    let (world, ids) = World::with_images(5).await;
    let asked = [ids[3], ids[1], ids[3], Uuid::nil(), ids[4], ids[1]];
    let report = world.client.images().delete_many(asked).send().await;
    let order: Vec<_> = report.outcomes().iter().map(|(id, _)| *id).collect();
    assert_eq!(order, [ids[3], ids[1], Uuid::nil(), ids[4]]);
    assert_eq!(kinds(&report), ["deleted", "deleted", "not found", "deleted"]);
    assert!(report.all_gone() && world.simulator.contains_image(ids[0]));
}

#[tokio::test]
async fn nothing_to_delete_sends_nothing() {
    let (world, _) = World::with_images(1).await;
    let report = world.client.images().delete_many([]).send().await;
    assert!(report.outcomes().is_empty() && report.all_gone());
    assert!(world.simulator.journal().is_empty());
}

#[tokio::test]
async fn a_clean_run_costs_one_request_a_chunk() {
    let (world, ids) = World::with_images(25).await;
    let report = world.client.images().delete_many(ids).chunk_size(10).send().await;
    assert!(report.all_gone());
    assert_eq!(world.simulator.requests("image_delete"), 3);
    assert_eq!(world.simulator.requests("image_get"), 0);
}

#[tokio::test]
async fn a_hundred_thousand_ids_are_all_accounted_for() {
    let world = World::new(crate::repositories(100_000)).await;
    let ids = world.simulator.repository_ids();
    let twice = ids.iter().chain(ids.iter().rev()).copied();
    let report = world.client.repositories().delete_many(twice).send().await;
    assert_eq!(report.count(|outcome| matches!(outcome, Outcome::Deleted)), 100_000);
    assert_eq!(report.outcomes().len(), 100_000);
    assert_eq!(world.simulator.requests("repository_delete"), 1_000);
}

#[tokio::test]
async fn an_id_that_the_service_refuses_is_found_among_the_others() {
    let (world, ids) = World::with_images(32).await;
    world.fail("image_delete", Fault::reject_ids([ids[5], ids[20]]));
    let report = world.client.images().delete_many(ids.clone()).send().await;
    assert_eq!(report.count(|outcome| matches!(outcome, Outcome::Deleted)), 30);
    for (id, outcome) in report.outcomes() {
        assert_eq!(matches!(outcome, Outcome::Rejected(_)), [ids[5], ids[20]].contains(id));
    }
}

#[tokio::test]
async fn a_maximum_of_ids_that_nobody_told_us_is_found_by_splitting() {
    let (world, ids) = World::with_images(40).await;
    world.quirk("max-ids-per-delete=7");
    assert!(world.client.images().delete_many(ids).send().await.all_gone());
}

#[tokio::test]
async fn an_id_that_the_answer_leaves_out_is_read_before_it_is_called_not_found() {
    let (world, ids) = World::with_images(4).await;
    // The service deletes only some of each request and says so.
    world.fail("image_delete", Fault::partial_delete());
    let report = world.client.images().delete_many(ids.clone()).send().await;
    for (id, outcome) in report.outcomes() {
        assert_eq!(outcome.is_gone(), !world.simulator.contains_image(*id), "{id}: {outcome:?}");
    }
    world.simulator.clear_faults();
    let (world, ids) = World::with_images(4).await;
    world.fail("image_delete", Fault::delete_not_done());
    let report = world.client.images().delete_many(ids).send().await;
    assert!(report.outcomes().iter().all(|(_, outcome)| !matches!(outcome, Outcome::NotFound)), "{report:?}");
}

#[tokio::test]
async fn a_lost_answer_is_settled_by_reading_before_anything_is_sent_again() {
    let (world, ids) = World::with_images(6).await;
    world.fail("image_delete", Fault::lost_after().times(1));
    let report = world.client.images().delete_many(ids).send().await;
    assert_eq!(kinds(&report), ["deleted"; 6]);
    assert_eq!(world.simulator.requests("image_delete"), 1);
    assert_eq!(world.simulator.requests("image_get"), 6);
}

/// Several repositories with several images, the images' ids.
async fn world_of(repositories: usize, images: usize) -> (World, Vec<Uuid>) {
    let world = World::new(format!("repos={repositories},images={images},tags=1").parse().unwrap()).await;
    let repositories = world.simulator.repositories();
    let ids = repositories.iter().flat_map(|one| world.simulator.images(one.id)).map(|one| one.id).collect();
    (world, ids)
}

#[tokio::test]
async fn many_ids_that_are_gone_cost_the_lists_and_not_a_request_each() {
    let (world, ids) = world_of(5, 20).await;
    let (gone, kept) = ids.split_at(60);
    assert!(world.client.images().delete_many(gone.iter().copied()).send().await.all_gone());
    world.simulator.clear_journal();
    let report = world.client.images().delete_many(gone.iter().copied()).send().await;
    assert_eq!(kinds(&report), ["not found"; 60]);
    for (operation, requests) in
        [("registry_get", 1), ("repository_list", 1), ("image_list", 5), ("image_get", 0)]
    {
        assert_eq!(world.simulator.requests(operation), requests, "{operation}");
    }
    assert_eq!(world.simulator.requests("repository_get"), 0);

    // The lists do not agree with their counts: what they lack is read one by one.
    world.fail("image_list", Fault::bytes(200, "application/json", "[]"));
    world.fail("image_delete", Fault::lost_before());
    let report = world.client.images().delete_many(kept.iter().copied()).send().await;
    assert!(report.outcomes().iter().all(|(_, outcome)| !outcome.is_gone()), "{report:?}");

    let (world, _) = world_of(30, 0).await;
    let gone: Vec<Uuid> = world.simulator.repository_ids()[..20].to_vec();
    world.fail("repository_delete", Fault::lost_after().times(1));
    let report = world.client.repositories().delete_many(gone).send().await;
    assert_eq!(kinds(&report), ["deleted"; 20]);
    assert_eq!(world.simulator.requests("repository_get"), 0);
}

#[tokio::test]
async fn a_tag_whose_image_is_known_is_settled_by_the_image() {
    let (world, images) = World::with_images(3).await;
    let tags: Vec<_> = images.iter().map(|image| (world.simulator.tags(*image)[0].id, *image)).collect();
    let delete = |tags: &[(Uuid, Uuid)]| {
        let ids: Vec<Uuid> = tags.iter().map(|(tag, _)| *tag).collect();
        world.client.tags().delete_many(ids).images(tags.to_vec())
    };
    world.fail("tag_delete", Fault::lost_after().times(1));
    assert_eq!(kinds(&delete(&tags[..1]).send().await), ["deleted"]);
    world.fail("tag_delete", Fault::status(502));
    let report = delete(&tags[1..]).send().await;
    assert_eq!(kinds(&report), ["rejected"; 2]);
    // A list that lacks it is not enough.
    world.fail("tag_list", Fault::bytes(200, "application/json", "[]"));
    assert_eq!(kinds(&delete(&tags[1..]).send().await), ["rejected"; 2]);
    assert_eq!(world.simulator.requests("repository_list"), 0);
}

#[tokio::test]
async fn a_request_that_never_arrived_is_sent_again_after_reading() {
    let (world, ids) = World::with_images(6).await;
    world.fail("image_delete", Fault::lost_before().times(1));
    let report = world.client.images().delete_many(ids).send().await;
    assert_eq!(kinds(&report), ["deleted"; 6]);
    assert_eq!(world.simulator.requests("image_delete"), 2);
}

#[tokio::test]
async fn what_cannot_be_read_is_unknown() {
    let (world, ids) = World::with_images(2).await;
    world.fail("image_delete", Fault::lost_after().times(1));
    world.fail("image_get", Fault::status(500));
    let report = world.client.images().delete_many(ids).send().await;
    assert_eq!(kinds(&report), ["unknown", "unknown"]);
    assert!(report.has_unknown());
}

#[tokio::test]
async fn a_failure_due_to_one_id_is_pinned_to_it() {
    let (world, ids) = World::with_images(12).await;
    world.fail("image_delete", Fault::status(500).times(1));
    let report = world.client.images().delete_many(ids).send().await;
    assert_eq!(kinds(&report), ["deleted"; 12]);
    let (world, ids) = World::with_images(3).await;
    world.fail("image_delete", Fault::status(500));
    let report = world.client.images().delete_many(ids).send().await;
    assert_eq!(kinds(&report), ["rejected"; 3]);
}

#[tokio::test]
async fn a_refused_sign_in_stops_the_rest() {
    for status in [401, 403] {
        let (world, ids) = World::with_images(30).await;
        world.fail("image_delete", Fault::status(status).after(1));
        let deletion = world.client.images().delete_many(ids).chunk_size(10).concurrency(1);
        let report = deletion.send().await;
        let expected = [["deleted"; 10], ["rejected"; 10], ["not attempted"; 10]].concat();
        assert_eq!(kinds(&report), expected, "{status}");
        assert_eq!(report.stopped_by().unwrap().status(), Some(status));
    }
}

#[tokio::test]
async fn a_rate_limit_that_does_not_let_up_stops_the_rest() {
    let (world, ids) = World::with_images(20).await;
    world.fail("image_delete", Fault::status(429));
    let report = world.client.images().delete_many(ids).chunk_size(10).concurrency(1).send().await;
    assert_eq!(kinds(&report), ["not attempted"; 20]);
    assert!(report.stopped_by().unwrap().is_rate_limited());
}

#[tokio::test]
async fn an_outage_ends_the_work_before_every_id_has_met_it() {
    let (world, ids) = World::with_images(100).await;
    world.fail("image_delete", Fault::status(503));
    world.fail("image_get", Fault::status(503));
    world.fail("repository_list", Fault::status(503));
    let report = world.client.images().delete_many(ids).chunk_size(5).concurrency(1).send().await;
    // Eight chunks met it, and may or may not be gone; nobody could look.
    assert_eq!(kinds(&report), [vec!["unknown"; 40], vec!["not attempted"; 60]].concat());
    assert_eq!(report.stopped_by().unwrap().status(), Some(503));
    assert_eq!(world.simulator.requests("image_delete"), 8);
    assert!(world.simulator.requests("image_get") <= 40);
}

#[tokio::test]
async fn repositories_and_tags_are_deleted_the_same_way() {
    let (world, images) = World::with_images(3).await;
    let tags: Vec<Uuid> =
        images.iter().flat_map(|image| world.simulator.tags(*image)).map(|tag| tag.id).collect();
    world.fail("tag_delete", Fault::lost_after().times(1));
    let report = world.client.tags().delete_many(tags.iter().copied().chain([Uuid::nil()])).send().await;
    assert_eq!(kinds(&report), ["deleted"; 4]);
    // Asked for again, they are not there any more, and no answer was lost.
    let report = world.client.tags().delete_many(tags).send().await;
    assert_eq!(kinds(&report), ["not found"; 3]);
    let repository = world.simulator.repositories()[0].id;
    let report = world.client.repositories().delete_many([repository]).send().await;
    assert_eq!(kinds(&report), ["deleted"]);
    assert!(world.simulator.repositories().is_empty());
}

#[tokio::test]
async fn events_tell_of_every_id_once() {
    let (world, ids) = World::with_images(25).await;
    world.fail("image_delete", Fault::reject_id(ids[3]));
    let mut deletion = world.client.images().delete_many(ids).chunk_size(10);
    let mut events = deletion.events();
    let report = deletion.send().await;
    let mut told = HashMap::new();
    while let Some(event) = events.next().await {
        assert!(told.insert(event.id, kind(&event.outcome)).is_none());
    }
    let reported: HashMap<_, _> =
        report.outcomes().iter().map(|(id, outcome)| (*id, kind(outcome))).collect();
    assert_eq!(told, reported);
}

#[tokio::test]
async fn dropped_half_way_it_still_tells_of_every_id() {
    let (world, ids) = World::with_images(30).await;
    world.fail("image_delete", Fault::hang().after(1));
    let mut deletion = world.client.images().delete_many(ids.clone()).chunk_size(10).concurrency(1);
    let mut events = deletion.events();
    let mut told = HashMap::new();
    {
        let mut work = Box::pin(deletion.send());
        while told.len() < 10 || world.simulator.requests("image_delete") < 2 {
            tokio::select! {
                _ = &mut work => panic!("the second request hangs"),
                Some(event) = events.next(), if told.len() < 10 => {
                    told.insert(event.id, kind(&event.outcome));
                }
                () = tokio::task::yield_now(), if told.len() == 10 => {}
            }
        }
    }
    while let Some(event) = events.next().await {
        assert!(told.insert(event.id, kind(&event.outcome)).is_none());
    }
    let by_order: Vec<_> = ids.iter().map(|id| told[id]).collect();
    let expected = [["deleted"; 10], ["unknown"; 10], ["not attempted"; 10]].concat();
    assert_eq!(by_order, expected);
}
