//! One list, one write and one delete for each way in which the service may write its answers.

use mlspace_registry::{Completeness, Error, Image, Outcome, Tag};
use mlspace_registry_simulator::{NewImage, Seed};

use crate::World;

/// Answers that say what the document means in other words.
const READ_AS_IF_PLAIN: [&str; 17] = [
    "commands=empty",
    "commands=null",
    "commands=absent",
    "extra-attrs=absent-if-empty",
    "extra-attrs=absent",
    "extra-attrs=null",
    "empty-lists=null",
    "unknown-fields=on",
    "token-type=unknown",
    "whole-floats=on",
    "stamps=long",
    "stamps=maximum",
    "stamps=zero",
    "never-pulled=zero",
    "never-pulled=empty",
    "naive-timestamps=on",
    "strict=off",
];

/// Three images in one repository, the last without a tag.
async fn world() -> World {
    let world = World::new(Seed::Empty).await;
    for tags in [&["v0"][..], &["v1"], &[]] {
        world.simulator.push_image(NewImage::new("train/base", tags.iter().copied()));
    }
    world
}

async fn images(world: &World) -> mlspace_registry::List<Image> {
    let repository = world.simulator.repositories()[0].id;
    world.client.images().list(repository).collect_all().await.unwrap()
}

#[tokio::test]
async fn lists_writes_and_deletes_work_whatever_the_service_writes() {
    for quirk in READ_AS_IF_PLAIN {
        let world = world().await;
        world.quirk(quirk);
        let repositories = world.client.repositories().list().collect_all().await.unwrap();
        assert_eq!(
            (repositories.items.len(), repositories.completeness),
            (1, Completeness::Complete),
            "{quirk}"
        );
        let listed = images(&world).await;
        assert_eq!((listed.items.len(), listed.completeness), (3, Completeness::Complete), "{quirk}");
        let tags = world.client.tags().list(listed.items[0].id).collect_all().await.unwrap();
        assert_eq!(tags.items.iter().map(|tag| tag.name.as_str()).collect::<Vec<_>>(), ["v0"], "{quirk}");

        let update = world.client.repositories().update(repositories.items[0].id).add_label("prod");
        let changed = update.send().await.unwrap_or_else(|error| panic!("{quirk}: {error:?}"));
        assert_eq!(changed.labels.unwrap(), ["prod"], "{quirk}");
        world.client.tags().create(listed.items[2].id, "v2").send().await.unwrap();

        let doomed = listed.items[1].id;
        let report = world.client.images().delete_many([doomed]).send().await;
        assert!(matches!(report.outcomes()[0].1, Outcome::Deleted), "{quirk}: {report:?}");
        assert_eq!(images(&world).await.items.len(), 2, "{quirk}");
    }
}

#[tokio::test]
async fn what_the_document_does_not_name_is_handed_on() {
    let world = world().await;
    world.quirk("unknown-fields=on");
    let image = images(&world).await.items.remove(0);
    assert!(!image.unknown_fields.is_empty() && !image.tags[0].unknown_fields.is_empty());
    let passed: Image = serde_json::from_value(serde_json::to_value(&image).unwrap()).unwrap();
    assert_eq!(passed, image);
}

#[tokio::test]
async fn a_moment_that_is_not_known_is_none() {
    let world = world().await;
    world.quirk("never-pulled=zero");
    assert!(images(&world).await.items.iter().all(|image| image.pull_time.is_none()));
    world.quirk("never-pulled=empty");
    assert!(images(&world).await.items.iter().all(|image| image.pull_time.is_none()));
    world.quirk("stamps=zero");
    let image = images(&world).await.items.remove(0);
    assert_eq!((image.push_time, image.tags[0].push_time), (None, None));
    world.quirk("stamps=maximum");
    let far = images(&world).await.items[0].push_time.unwrap();
    assert!(far.to_string().starts_with("9999-12-31T23:59:59"), "{far}");
    world.quirk("stamps=plain");
    assert!(images(&world).await.items[0].push_time.unwrap().has_offset());
    world.quirk("naive-timestamps=on");
    assert!(!images(&world).await.items[0].push_time.unwrap().has_offset());
}

#[tokio::test]
async fn a_row_that_cannot_be_read_is_named_and_the_others_are_given() {
    let world = world().await;
    world.quirk("odd-row=2");
    let listed = images(&world).await;
    assert_eq!(listed.completeness, Completeness::Short { missing: 1 });
    assert_eq!(listed.items.len(), 2);
    let said = listed.unreadable[0].to_string();
    assert!(said.starts_with("item 2 (sha256:"), "{said}");
    assert!(said.ends_with(").tags: invalid type: string …, expected a sequence"), "{said}");
    assert_eq!(listed.unreadable[0].field, "tags");

    world.quirk("odd-row=1");
    let repositories = world.client.repositories().list().collect_all().await.unwrap();
    assert_eq!(
        (repositories.items.len(), repositories.completeness),
        (0, Completeness::Short { missing: 1 })
    );
    let said = repositories.unreadable[0].to_string();
    assert!(said.starts_with("item 1 (train/base).tags: "), "{said}");

    // The number counts through all pages.
    let (world, ids) = World::with_repositories(5).await;
    world.quirk("nameless-row=2");
    let size = std::num::NonZeroU32::new(2).unwrap();
    let listed = world.client.repositories().list().page_size(size).collect_all().await.unwrap();
    let rows: Vec<_> = listed.unreadable.iter().map(|row| (row.number, row.name.clone(), row.id)).collect();
    assert_eq!(rows, [(2, None, Some(ids[1])), (4, None, Some(ids[3]))]);
    assert_eq!((listed.items.len(), listed.completeness), (3, Completeness::Short { missing: 2 }));
}

/// What a row that cannot be read may hide is not taken for gone.
#[tokio::test]
async fn nothing_is_concluded_from_rows_that_cannot_be_read() {
    let world = world().await;
    let image = images(&world).await.items.remove(0);
    let tag: Tag = image.tags[0].clone();
    world.quirk("odd-row=1");

    // The answer is lost, and the row that would settle it cannot be read.
    world.fail("tag_delete", mlspace_registry_simulator::Fault::lost_before());
    let report = world.client.tags().delete_many([tag.id]).send().await;
    assert!(matches!(report.outcomes()[0].1, Outcome::Unknown { .. }), "{report:?}");

    world.fail("tag_create", mlspace_registry_simulator::Fault::lost_before());
    let error = world.client.tags().create(image.id, "v9").send().await.unwrap_err();
    assert!(matches!(error, Error::Unconfirmed { .. }), "{error:?}");
}
