use mlspace_registry::{ClientBuilder, Error, Sent, Uuid, Verify};
use mlspace_registry_simulator::{Fault, Seed};

use crate::World;

#[tokio::test]
async fn labels_are_added_and_removed_and_read_back() {
    let (world, ids) = World::with_repositories(1).await;
    let repositories = world.client.repositories();
    repositories.update(ids[0]).add_label("prod").add_label("old").send().await.unwrap();
    let changed = repositories.update(ids[0]).description("d").remove_label("old").send().await.unwrap();
    assert_eq!(changed.labels.unwrap(), ["prod"]);
    assert_eq!(changed.description.unwrap(), "d");
    assert_eq!(world.simulator.requests("repository_get"), 2);
}

#[tokio::test]
async fn a_label_that_does_not_stick_is_unknown_and_not_success() {
    let (world, ids) = World::with_repositories(1).await;
    world.fail("repository_update", Fault::labels_do_not_stick());
    let error = world.client.repositories().update(ids[0]).add_label("prod").send().await.unwrap_err();
    assert!(matches!(error, Error::Unconfirmed { source: None, .. }), "{error:?}");
    assert_eq!(error.was_sent(), Sent::Maybe);
}

#[tokio::test]
async fn a_description_costs_one_request_unless_it_is_to_be_verified() {
    let (world, ids) = World::with_repositories(1).await;
    let update = || world.client.repositories().update(ids[0]).description("d");
    update().send().await.unwrap();
    assert_eq!(world.simulator.requests("repository_get"), 0);
    update().verify(true).send().await.unwrap();
    assert_eq!(world.simulator.requests("repository_get"), 1);
}

#[tokio::test]
async fn a_lost_answer_is_settled_by_reading() {
    let (world, ids) = World::with_repositories(1).await;
    let favorite = |wanted| world.client.repositories().set_favorite(ids[0], wanted);
    world.fail("repository_favorite", Fault::lost_after());
    assert!(favorite(true).await.unwrap().favorite);
    world.simulator.clear_faults();
    world.fail("repository_favorite", Fault::lost_before());
    let error = favorite(false).await.unwrap_err();
    assert!(matches!(error, Error::NotApplied { .. }), "{error:?}");
    world.fail("repository_get", Fault::status(500));
    assert!(favorite(false).await.unwrap_err().is_outcome_unknown());
}

#[tokio::test]
async fn with_every_write_verified_a_favourite_that_does_not_stick_is_unknown() {
    let verify = |builder: ClientBuilder| builder.verify(Verify::Always);
    let world = World::with(crate::repositories(1), verify).await;
    let ids = [world.simulator.repositories()[0].id];
    world.fail("repository_favorite", Fault::favorites_do_not_stick());
    assert!(world.client.repositories().set_favorite(ids[0], true).await.unwrap_err().is_outcome_unknown());
}

#[tokio::test]
async fn a_tag_whose_answer_is_lost_is_found_or_reported() {
    let (world, images) = World::with_images(1).await;
    let create = |name: &str| world.client.tags().create(images[0], name).color("#2f81f7").send();
    world.fail("tag_create", Fault::lost_after().times(1));
    assert_eq!(create("v8").await.unwrap().name, "v8");
    world.fail("tag_create", Fault::lost_before().times(1));
    assert_eq!(create("v9").await.unwrap().name, "v9");
    world.fail("tag_create", Fault::lost_before().times(2));
    assert!(matches!(create("v10").await.unwrap_err(), Error::NotApplied { .. }));
    world.fail("tag_create", Fault::lost_before().times(1));
    world.fail("tag_list", Fault::status(500));
    assert!(create("v10").await.unwrap_err().is_outcome_unknown());
}

#[tokio::test]
async fn a_colour_is_set_and_cleared() {
    let (world, images) = World::with_images(1).await;
    let tag = world.simulator.tags(images[0])[0].id;
    let set = |color| world.client.tags().set_color(tag, color);
    assert_eq!(set(Some("#f00")).await.unwrap().color.unwrap(), "#f00");
    assert_eq!(set(None).await.unwrap().color, None);
    world.fail("tag_update", Fault::lost_after());
    assert!(set(Some("#0f0")).await.unwrap_err().is_outcome_unknown());
}

#[tokio::test]
async fn with_every_write_verified_each_costs_one_more_request() {
    let verify = |builder: ClientBuilder| builder.verify(Verify::Always);
    let world = World::with(mlspace_registry_simulator::Seed::Empty, verify).await;
    let image = world.simulator.push_image(mlspace_registry_simulator::NewImage::new("n", ["v1"]));
    let tag = world.client.tags().create(image, "v2").color("#f00").send().await.unwrap();
    world.client.tags().set_color(tag.id, None).await.unwrap();
    assert_eq!(world.simulator.requests("tag_list"), 2);
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_before_anything_is_sent() {
    let world = World::new(Seed::Empty).await;
    let (repositories, tags, id) = (world.client.repositories(), world.client.tags(), Uuid::nil());
    let update = || repositories.update(id);
    let mut errors = vec![
        update().send().await.unwrap_err(),
        update().add_label(" ").send().await.unwrap_err(),
        update().add_label("x").remove_label("x").send().await.unwrap_err(),
        tags.set_color(id, Some("")).await.unwrap_err(),
        tags.set_color(id, Some("\u{1b}[31m")).await.unwrap_err(),
    ];
    for name in ["", "-v1", ".v1", "a/b", "a b", "a:b", "ü", &"x".repeat(129)] {
        errors.push(tags.create(id, name).send().await.unwrap_err());
    }
    for error in errors {
        assert!(matches!(error, Error::Invalid(_)), "{error:?}");
    }
    assert!(world.simulator.journal().is_empty());
}

#[tokio::test]
async fn what_is_not_there_is_none_where_that_is_asked_for() {
    let world = World::new(Seed::Empty).await;
    assert_eq!(world.client.repositories().get_opt(Uuid::nil()).await.unwrap(), None);
    assert_eq!(world.client.images().get_opt(Uuid::nil()).await.unwrap(), None);
    assert!(world.client.images().get(Uuid::nil()).await.unwrap_err().is_not_found());
    world.quirk("html-not-found");
    assert_eq!(world.client.images().get_opt(Uuid::nil()).await.unwrap(), None);
}
