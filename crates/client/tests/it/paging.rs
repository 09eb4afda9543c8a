use std::collections::HashSet;
use std::num::NonZeroU32;

use mlspace_registry::{Completeness, Error, List, Repository, Uuid};
use mlspace_registry_simulator::{Fault, NewImage};

use crate::World;

fn size(size: u32) -> NonZeroU32 {
    NonZeroU32::new(size).unwrap()
}

async fn listed(world: &World, page_size: u32) -> List<Repository> {
    world.client.repositories().list().page_size(size(page_size)).collect_verified().await.unwrap()
}

fn ids(list: &List<Repository>) -> Vec<Uuid> {
    list.items.iter().map(|repository| repository.id).collect()
}

#[tokio::test]
async fn lists_of_every_length_are_complete_and_in_order() {
    for count in [0, 1, 9, 10, 11, 20, 25] {
        let (world, all) = World::with_repositories(count).await;
        let list = listed(&world, 10).await;
        assert_eq!(ids(&list), all);
        assert_eq!(list.completeness, Completeness::Complete);
    }
}

#[tokio::test]
async fn a_list_costs_its_pages_and_a_count_before_and_after() {
    for (page_size, [pages, counts], verdict) in
        [(26, [1, 1], Completeness::Complete), (10, [3, 2], Completeness::Unknown)]
    {
        let (world, _) = World::with_repositories(25).await;
        let list = world.client.repositories().list().page_size(size(page_size)).collect_all().await.unwrap();
        assert_eq!(world.simulator.requests("repository_list"), pages);
        assert_eq!(world.simulator.requests("registry_get"), counts);
        assert_eq!(list.completeness, verdict);
    }
}

#[tokio::test]
async fn a_list_that_is_not_long_is_asked_for_in_one_answer() {
    let (world, all) = World::with_repositories(250).await;
    let list = world.client.repositories().list().collect_all().await.unwrap();
    assert_eq!((ids(&list), list.completeness), (all, Completeness::Complete));
    assert_eq!(world.simulator.requests("repository_list"), 1);
}

/// A list cut to nothing while the registry counts five.
#[tokio::test]
async fn no_usual_way_of_reading_takes_a_cut_list_for_the_whole() {
    use futures_util::TryStreamExt;
    let (world, _) = World::with_repositories(5).await;
    world.fail("repository_list", Fault::bytes(200, "application/json", "[]"));
    let list = || world.client.repositories().list();
    let lacks_five = |error: &Error| matches!(error, Error::Incomplete { missing: Some(5), .. });
    assert!(lacks_five(&list().try_collect::<Vec<_>>().await.unwrap_err()));
    assert!(lacks_five(&list().collect_complete().await.unwrap_err()));
    let mut pager = list();
    assert!(lacks_five(&pager.next().await.unwrap().unwrap_err()));
    assert!(pager.next().await.is_none(), "it is told once");
    assert_eq!(pager.completeness(), Some(Completeness::Short { missing: 5 }));
    let told = list().collect_all().await.unwrap();
    assert_eq!((told.items.len(), told.completeness), (0, Completeness::Short { missing: 5 }));
}

#[tokio::test]
async fn a_list_that_may_lack_something_is_not_given_as_complete() {
    let (world, all) = World::with_repositories(15).await;
    assert_eq!(world.client.repositories().list().collect_complete().await.unwrap().len(), all.len());
    world.fail("registry_get", Fault::status(500));
    let error = world.client.repositories().list().collect_complete().await.unwrap_err();
    assert!(matches!(error, Error::Incomplete { missing: None, .. }), "{error:?}");
    assert_eq!(error.to_string(), "repository_list: the list is not known to be complete");
}

#[tokio::test]
async fn a_limited_list_asks_for_what_it_gives() {
    use Completeness::Complete;
    // Items there are, the limit; rows that are asked for, requests for the count, the verdict.
    for (there, limit, asked, counts, verdict) in [
        (250, 1, vec!["1"], 0, None),
        (250, 250, vec!["250"], 0, None),
        (3, 5, vec!["5"], 1, Some(Complete)),
        (0, 5, vec!["5"], 1, Some(Complete)),
        (1_200, 1_001, vec!["100"; 11], 1, None),
    ] {
        let (world, all) = World::with_repositories(there).await;
        let mut pager = world.client.repositories().list().limit(size(limit));
        let mut got = Vec::new();
        while let Some(repository) = pager.next().await {
            got.push(repository.unwrap().id);
        }
        assert_eq!(got, all[..there.min(limit as usize)]);
        let journal = world.simulator.journal().into_iter();
        let pages = journal.filter(|one| one.operation == Some("repository_list"));
        let size_of = |query: Vec<(String, String)>| query.into_iter().find(|(name, _)| name == "page_size");
        let sizes: Vec<String> = pages.filter_map(|page| Some(size_of(page.query)?.1)).collect();
        assert_eq!(sizes, asked, "{there} {limit}");
        assert_eq!(world.simulator.requests("registry_get"), counts, "{there} {limit}");
        assert_eq!(pager.completeness(), verdict, "{there} {limit}");
    }
}

#[tokio::test]
async fn a_limited_list_of_a_service_with_smaller_pages_is_as_long() {
    let (world, all) = World::with_repositories(25).await;
    world.quirk("max-page-size=4");
    let list = world.client.repositories().list().limit(size(10)).collect_all().await.unwrap();
    assert_eq!(ids(&list), all[..10]);
}

#[tokio::test]
async fn a_service_that_refuses_large_pages_is_asked_for_small_ones() {
    let (world, all) = World::with_repositories(250).await;
    world.fail("repository_list", Fault::status(422).times(1));
    let list = world.client.repositories().list().collect_verified().await.unwrap();
    assert_eq!((ids(&list), list.completeness), (all, Completeness::Complete));
    let pages = world.simulator.journal().into_iter().filter(|one| one.operation == Some("repository_list"));
    let sizes: Vec<String> = pages.map(|page| format!("{:?}", page.query)).collect();
    assert!(sizes[0].contains("251") && sizes[1..].iter().all(|query| query.contains("100")), "{sizes:?}");
}

#[tokio::test]
async fn what_is_deleted_between_two_pages_is_no_complete_list() {
    let (world, all) = World::with_repositories(250).await;
    world.quirk("max-page-size=100");
    let mut pages = world.client.repositories().list();
    let mut seen = HashSet::new();
    while let Some(repository) = pages.next().await {
        if seen.insert(repository.unwrap().id) && seen.len() == 1 {
            let gone = world.client.repositories().delete_many(all[..40].iter().copied()).send().await;
            assert!(gone.all_gone());
        }
    }
    assert!(!seen.contains(&all[100]));
    assert_eq!((pages.completeness(), pages.changed()), (Some(Completeness::Unknown), true));
}

#[tokio::test]
async fn nothing_is_sent_before_the_first_item_is_asked_for() {
    let (world, _) = World::with_repositories(3).await;
    let pager = world.client.repositories().list();
    assert_eq!(pager.completeness(), None);
    drop(pager);
    assert!(world.simulator.journal().is_empty());
}

#[tokio::test]
async fn the_verdict_waits_for_the_last_item() {
    let (world, _) = World::with_repositories(2).await;
    let mut pager = world.client.repositories().list();
    pager.next().await.unwrap().unwrap();
    assert_eq!(pager.completeness(), None);
    pager.next().await.unwrap().unwrap();
    assert!(pager.next().await.is_none());
    assert_eq!(pager.completeness(), Some(Completeness::Complete));
}

#[tokio::test]
async fn a_service_with_smaller_pages_than_asked_for_is_read_to_the_end() {
    let (world, all) = World::with_repositories(25).await;
    world.quirk("max-page-size=4");
    let list = listed(&world, 10).await;
    assert_eq!(ids(&list), all);
    assert_eq!(list.completeness, Completeness::Complete);
}

#[tokio::test]
async fn an_empty_page_in_the_middle_is_not_the_end() {
    let (world, all) = World::with_repositories(25).await;
    let empty = Fault::bytes(200, "application/json", "[]").after(1).times(1);
    world.fail("repository_list", empty);
    let list = listed(&world, 10).await;
    // What would have been on that page is missing, and the verdict says so.
    assert_eq!(ids(&list), [&all[..10], &all[20..]].concat());
    assert_eq!(list.completeness, Completeness::Short { missing: 10 });
}

#[tokio::test]
async fn a_server_that_ignores_page_ends_the_list() {
    let (world, all) = World::with_repositories(25).await;
    world.quirk("ignores-page");
    world.quirk("max-page-size=10");
    let list = listed(&world, 10).await;
    assert_eq!(ids(&list), all[..10]);
    assert_eq!(list.completeness, Completeness::Short { missing: 15 });
    assert!(world.simulator.requests("repository_list") <= 4);
}

#[tokio::test]
async fn a_server_that_ignores_page_and_gives_everything_is_complete() {
    let (world, all) = World::with_repositories(25).await;
    world.quirk("ignores-page");
    let list = listed(&world, 100).await;
    assert_eq!(ids(&list), all);
    assert_eq!(list.completeness, Completeness::Complete);
}

#[tokio::test]
async fn repeated_items_are_dropped() {
    let (world, all) = World::with_repositories(25).await;
    world.quirk("overlapping-pages");
    let list = listed(&world, 10).await;
    assert_eq!(ids(&list).into_iter().collect::<HashSet<_>>(), all.iter().copied().collect());
    assert_eq!(list.items.len(), 25);
    assert_eq!(list.completeness, Completeness::Complete);
}

#[tokio::test]
async fn items_that_vanish_while_reading_leave_no_false_verdict() {
    let (world, all) = World::with_repositories(20).await;
    let mut pager = world.client.repositories().list().page_size(size(10));
    pager.next().await.unwrap().unwrap();
    let gone = world.client.repositories().delete_many(all[..5].iter().copied()).send().await;
    assert!(gone.all_gone());
    let mut seen = 1;
    while let Some(item) = pager.next().await {
        item.unwrap();
        seen += 1;
    }
    // Ten from the first page; the second began five further on than what was left.
    assert_eq!(seen, 15);
    assert_eq!((pager.completeness(), pager.changed()), (Some(Completeness::Unknown), true));
}

#[tokio::test]
async fn items_that_appear_while_reading_are_read_too() {
    let (world, _) = World::with_repositories(20).await;
    let mut pager = world.client.repositories().list().page_size(size(10));
    pager.next().await.unwrap().unwrap();
    world.simulator.push_image(NewImage::new("zz-late", ["v1"]));
    let mut seen = 1;
    while let Some(item) = pager.next().await {
        item.unwrap();
        seen += 1;
    }
    assert_eq!(seen, 21);
    assert_eq!((pager.completeness(), pager.changed()), (Some(Completeness::Unknown), true));
}

#[tokio::test]
async fn a_count_that_cannot_be_read_takes_the_verdict_and_not_the_list() {
    let (world, all) = World::with_repositories(15).await;
    world.fail("registry_get", Fault::status(500));
    let list = listed(&world, 10).await;
    assert_eq!(ids(&list), all);
    assert_eq!(list.completeness, Completeness::Unknown);
}

#[tokio::test]
async fn an_error_ends_the_stream_and_gives_no_verdict() {
    let (world, _) = World::with_repositories(25).await;
    world.fail("repository_list", Fault::status(500).after(1));
    let mut pager = world.client.repositories().list().page_size(size(10));
    for _ in 0..10 {
        pager.next().await.unwrap().unwrap();
    }
    assert_eq!(pager.next().await.unwrap().unwrap_err().status(), Some(500));
    assert!(pager.next().await.is_none());
    assert_eq!(pager.completeness(), None);
}

#[tokio::test]
async fn pages_hold_what_was_new_on_them() {
    let (world, all) = World::with_repositories(25).await;
    let mut pages = world.client.repositories().list().page_size(size(10)).into_pages();
    let mut lengths = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.unwrap();
        lengths.push((page.number, page.items.len()));
    }
    assert_eq!(lengths, [(1, 10), (2, 10), (3, 5)]);
    assert_eq!(pages.completeness(), Some(Completeness::Unknown));
    assert_eq!(all.len(), 25);
}

#[tokio::test]
async fn an_image_split_over_two_pages_is_one_row_with_all_its_tags() {
    let (world, images) = World::with_images(6).await;
    let image = images[2];
    for n in 0..7 {
        world.client.tags().create(image, format!("more{n}")).send().await.unwrap();
    }
    // The service pages by itself, and splits.
    world.quirk("default-page-size=4");
    let repository = world.simulator.repositories()[0].id;
    let list = world.client.images().list(repository).collect_all().await.unwrap();
    assert_eq!(list.completeness, Completeness::Complete);
    assert_eq!(list.items.len(), 6);
    let row = list.items.iter().find(|row| row.id == image).unwrap();
    assert_eq!(row.tags.len(), 8);
}

#[tokio::test]
async fn images_are_listed_without_asking_for_pages() {
    let (world, images) = World::with_images(3).await;
    let repository = world.simulator.repositories()[0].id;
    let list = world.client.images().list(repository).collect_all().await.unwrap();
    assert_eq!((list.items.len(), list.completeness), (images.len(), Completeness::Complete));
    let request =
        world.simulator.journal().into_iter().find(|request| request.operation == Some("image_list"));
    assert_eq!(request.unwrap().query.len(), 1);
}

#[tokio::test]
async fn a_pager_can_be_spawned() {
    let (world, _) = World::with_repositories(3).await;
    let list = tokio::spawn(world.client.repositories().list().collect_all()).await.unwrap().unwrap();
    assert_eq!(list.items.len(), 3);
}
