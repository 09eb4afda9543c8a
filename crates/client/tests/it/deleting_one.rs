use mlspace_registry::Error;
use mlspace_registry_simulator::Fault;

use crate::World;

#[tokio::test]
async fn one_thing_is_deleted_was_not_there_or_says_why_not() {
    let (world, images) = World::with_images(4).await;
    let client = &world.client;
    assert!(client.images().delete(images[0]).await.unwrap());
    assert!(!client.images().delete(images[0]).await.unwrap());
    let tag = world.simulator.tags(images[1])[0].id;
    assert!(client.tags().delete(tag).await.unwrap());
    assert!(!world.simulator.contains_tag(tag));

    world.fail("image_delete", Fault::reject_id(images[1]));
    assert_eq!(client.images().delete(images[1]).await.unwrap_err().status(), Some(422));
    world.simulator.clear_faults();
    world.fail("image_delete", Fault::status(403));
    assert!(client.images().delete(images[1]).await.unwrap_err().is_forbidden());
    world.simulator.clear_faults();
    world.fail("image_delete", Fault::lost_after().times(1));
    assert!(client.images().delete(images[2]).await.unwrap(), "a lost answer is settled by reading");
    world.simulator.clear_faults();
    world.fail("image_delete", Fault::json(200, &serde_json::json!([])));
    let kept = client.images().delete(images[3]).await.unwrap_err();
    assert!(matches!(kept, Error::NotApplied { .. }), "{kept:?}");
    world.fail("image_get", Fault::status(500));
    let unknown = client.images().delete(images[3]).await.unwrap_err();
    assert!(unknown.is_outcome_unknown(), "{unknown:?}");
    world.simulator.clear_faults();
    assert!(client.repositories().delete(world.simulator.repository_ids()[0]).await.unwrap());
    assert!(world.simulator.repositories().is_empty());
}
