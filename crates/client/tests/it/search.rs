use futures_util::TryStreamExt;
use mlspace_registry::Error;
use mlspace_registry_simulator::{Fault, Seed};

use crate::World;

fn counts() -> Seed {
    "repos=20,images=3,tags=1".parse().unwrap()
}

#[tokio::test]
async fn the_images_of_all_repositories_come_in_their_order() {
    let world = World::new(counts()).await;
    let all: Vec<_> = world.client.images().search().concurrency(7).stream().try_collect().await.unwrap();
    let expected = world.simulator.repository_ids().into_iter().flat_map(|id| world.simulator.images(id));
    let ids: Vec<_> = expected.map(|image| image.id).collect();
    assert_eq!(all.iter().map(|(_, image)| image.id).collect::<Vec<_>>(), ids);
    assert!(all.iter().all(|(repository, image)| image.repository_id == repository.id));
    assert_eq!(world.simulator.requests("image_list"), 20);
}

#[tokio::test]
async fn repositories_that_are_left_out_cost_nothing() {
    let world = World::new(counts()).await;
    let one = world.simulator.repository_ids()[4];
    let found = world.client.images().search().in_repositories(move |repository| repository.id == one);
    assert_eq!(found.stream().try_collect::<Vec<_>>().await.unwrap().len(), 3);
    assert_eq!(world.simulator.requests("image_list"), 1);
}

#[tokio::test]
async fn what_is_missing_is_told_at_the_end_and_a_failure_at_once() {
    let world = World::new(counts()).await;
    let empty = Fault::json(200, &serde_json::json!([]));
    // The list, the same again, and its second page.
    world.fail("image_list", empty.after(3).times(3));
    let mut images = world.client.images().search().concurrency(1).stream();
    let (mut seen, mut end) = (0, None);
    while let Some(item) = images.next().await {
        match item {
            Ok(_) => seen += 1,
            Err(error) => end = Some(error),
        }
    }
    assert_eq!(seen, 57);
    assert!(matches!(end, Some(Error::Incomplete { missing: Some(3), .. })), "{end:?}");

    world.simulator.clear_faults();
    world.fail("image_list", Fault::status(403).after(3));
    let mut images = world.client.images().search().concurrency(1).stream();
    for _ in 0..9 {
        images.next().await.unwrap().unwrap();
    }
    assert!(images.next().await.unwrap().unwrap_err().is_forbidden());
    assert!(images.next().await.is_none());
}
