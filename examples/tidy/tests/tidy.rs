//! How a program that is built on the SDK tests itself.

use std::sync::Arc;

use mlspace_registry::{Client, ManualClock};
use mlspace_registry_simulator::{Fault, NewImage, Seed, Simulator};

async fn world() -> (Simulator, Client) {
    let simulator = Simulator::builder().seed(Seed::Empty).start().await.unwrap();
    let key = simulator.service_account();
    let client = Client::builder()
        .base_url(simulator.base_url())
        .credentials(key.client_id, key.client_secret)
        .clock(Arc::new(ManualClock::new()))
        .build()
        .unwrap();
    (simulator, client)
}

#[tokio::test]
async fn only_untagged_images_go() {
    let (simulator, client) = world().await;
    let tagged = simulator.push_image(NewImage::new("base", ["v1"]));
    let untagged = simulator.push_image(NewImage::new("base", [""; 0]));
    let tidied = tidy::tidy(&client).await.unwrap();
    assert_eq!(tidied.deleted, [untagged]);
    assert!(simulator.contains_image(tagged) && !simulator.contains_image(untagged));
}

#[tokio::test]
async fn an_image_that_the_service_refuses_is_reported() {
    let (simulator, client) = world().await;
    let image = simulator.push_image(NewImage::new("base", [""; 0]));
    simulator.fail("image_delete", Fault::reject_id(image)).unwrap();
    let tidied = tidy::tidy(&client).await.unwrap();
    assert_eq!((tidied.deleted, tidied.left), (vec![], vec![image]));
}

#[tokio::test]
async fn a_repository_whose_images_are_not_all_listed_is_left_alone() {
    let (simulator, client) = world().await;
    simulator.push_image(NewImage::new("base", [""; 0]));
    simulator.fail("image_list", Fault::bytes(200, "application/json", "[]")).unwrap();
    let tidied = tidy::tidy(&client).await.unwrap();
    assert_eq!(tidied.skipped, ["base"]);
    assert_eq!(simulator.requests("image_delete"), 0);
}
