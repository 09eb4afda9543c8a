//! What people call things, and moving the names that are tags.

use mlspace_registry::{Error, Found, Moved, NameProblem};
use mlspace_registry_simulator::{Fault, NewImage, Seed};

use crate::World;

#[tokio::test]
async fn every_form_of_name_finds_what_it_names() {
    let world = World::new(Seed::Demo).await;
    let repository =
        world.simulator.repositories().into_iter().find(|one| one.name == "train/resnet").unwrap();
    let tag = repository.tags.iter().find(|tag| tag.name == "latest").unwrap().clone();
    let image = world.simulator.images(repository.id).into_iter().find(|one| one.id == tag.image_id).unwrap();
    let tag_of = |id| Some((id, Some(tag.image_id)));
    let names = [
        ("train/resnet".to_owned(), Some((repository.id, None))),
        (repository.id.to_string(), Some((repository.id, None))),
        (repository.id.to_string()[..13].to_owned(), Some((repository.id, None))),
        (repository.full_name.clone(), Some((repository.id, None))),
        ("train/resnet:latest".into(), tag_of(tag.id)),
        (tag.full_name.clone(), tag_of(tag.id)),
        (tag.id.to_string(), tag_of(tag.id)),
        (image.id.to_string(), tag_of(image.id)),
        (format!("train/resnet@{}", &image.digest[..19]), tag_of(image.id)),
        ("train/nothing".into(), None),
        ("00000000-1111-4222-8333-444444444444".into(), None),
    ];
    for (name, found) in &names {
        let result = world.client.find(name).await;
        assert_eq!(result.is_err_and(|error| error.is_not_found()), found.is_none(), "{name}");
    }
    world.simulator.clear_journal();
    for ((name, result), (_, found)) in
        world.client.find_many(names.iter().map(|(name, _)| name)).await.into_iter().zip(&names)
    {
        let shown = result.as_ref().ok().map(|one| (one.id(), one.image_id()));
        assert_eq!(shown, *found, "{name}");
    }
    assert_eq!(world.simulator.requests("repository_list"), 1, "one list for many names");
}

#[tokio::test]
async fn a_name_of_several_things_is_an_error_that_carries_them() {
    let world = World::new(Seed::Empty).await;
    world.simulator.push_image(NewImage::new("app", ["v1"]));
    world.simulator.push_image(NewImage::new("app", ["v2"]));
    let error = world.client.images().find("app").await.unwrap_err();
    let Error::Name(name) = &error else { panic!("{error:?}") };
    assert_eq!((name.problem(), name.candidates().len()), (NameProblem::Ambiguous, 2));
    assert!(error.to_string().starts_with("app has 2 images ("), "{error}");
    let error = world.client.find("ap:v1").await.unwrap_err();
    assert_eq!(error.name().unwrap().candidates(), ["app"], "{error}");
    assert!(error.is_not_found());
    assert!(matches!(world.client.find("a/../b").await, Err(Error::Invalid(_))));
    assert!(
        matches!(world.client.repositories().find("app:v1").await.unwrap_err().name(), Some(name) if name.problem() == NameProblem::Unfit)
    );
}

#[tokio::test]
async fn full_names_are_those_that_docker_takes() {
    let world = World::new(Seed::Demo).await;
    let known = world.simulator.repositories().remove(0);
    let name = world.client.full_name(&known.name, "v9").await.unwrap();
    assert_eq!(name, format!("{}:v9", known.full_name));
    let requests = world.simulator.journal().len();
    world.client.full_name("nightly/app", "v1").await.unwrap();
    assert_eq!(world.simulator.journal().len(), requests, "learned once");
    let address = world.client.registry_address().await.unwrap();
    assert_eq!(address.host, world.simulator.registry_address());

    let empty = World::with(Seed::Empty, |builder| builder.registry_host("cr.example.com")).await;
    let registry = empty.simulator.registry().id;
    assert_eq!(empty.client.full_name("a", "b").await.unwrap(), format!("cr.example.com/{registry}/a:b"));
}

#[tokio::test]
async fn a_tag_is_created_moved_or_there_already() {
    let (world, images) = World::with_images(2).await;
    let repository = world.simulator.repository_ids()[0];
    let tags = world.client.tags();
    let created = tags.move_to(repository, "stable", images[0]).await.unwrap();
    assert!(matches!(created, Moved::Created(_)), "{created:?}");
    world.simulator.clear_journal();
    let already = tags.move_to(repository, "stable", images[0]).await.unwrap();
    assert!(matches!(already, Moved::Already(_)), "{already:?}");
    assert_eq!(world.simulator.journal().len(), 1);
    for quirk in ["existing-tag=moves", "existing-tag=refused"] {
        world.quirk(quirk);
        for (to, from) in [(images[1], images[0]), (images[0], images[1])] {
            tags.set_color(tags.find("train/base:stable").await.unwrap().id, Some("#2f81f7")).await.unwrap();
            let moved = tags.move_to(repository, "stable", to).await.unwrap();
            assert!(matches!(&moved, Moved::Moved { from: old, .. } if *old == from), "{quirk}: {moved:?}");
            assert_eq!(
                (moved.tag().image_id, moved.tag().color.as_deref()),
                (to, Some("#2f81f7")),
                "{quirk}"
            );
            assert!(world.simulator.tags(to).iter().any(|tag| tag.name == "stable"), "{quirk}");
        }
    }
}

#[tokio::test]
async fn a_tag_that_cannot_be_put_on_its_new_image_goes_back() {
    let (world, images) = World::with_images(2).await;
    let repository = world.simulator.repository_ids()[0];
    world.quirk("existing-tag=refused");
    world.fail("tag_create", Fault::status(403).after(1).times(1));
    let error = world.client.tags().move_to(repository, "v0", images[1]).await.unwrap_err();
    assert_eq!(error.status(), Some(403));
    assert!(world.simulator.tags(images[0]).iter().any(|tag| tag.name == "v0"));

    world.fail("tag_create", Fault::status(403).after(1));
    let error = world.client.tags().move_to(repository, "v0", images[1]).await.unwrap_err();
    assert!(error.is_outcome_unknown(), "{error:?}");
    assert!(error.to_string().contains(&format!("deleted from the image {}", images[0])), "{error}");
}

#[tokio::test]
async fn what_was_found_says_where_it_is() {
    let (world, images) = World::with_images(1).await;
    let found = world.client.find("train/base:v0").await.unwrap();
    let Found::Tag(tag) = &found else { panic!("{found:?}") };
    assert_eq!((tag.image_id, found.repository_id()), (images[0], world.simulator.repository_ids()[0]));
}
