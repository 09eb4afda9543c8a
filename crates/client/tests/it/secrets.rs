use mlspace_registry::{Client, Outcome, RotationConsent};
use mlspace_registry_simulator::{Fault, Seed};

use crate::{World, builder};

#[tokio::test]
async fn debug_of_everything_hides_every_secret() {
    let world = World::new(Seed::Demo).await;
    let key = world.simulator.personal();
    let settings = builder(&world.simulator).credentials(key.client_id.clone(), key.client_secret.clone());
    let mut shown = format!("{settings:?}");
    let client: Client = settings.build().unwrap();
    let answer = client.sign_in().await.unwrap();
    let token = answer.token.access_token.clone();
    let consent = RotationConsent::OldPasswordStopsWorkingEverywhere;
    let password = client.password().rotate(consent).await.unwrap();
    let image = world.simulator.repositories()[0].recent_image.clone().unwrap().id;
    let low_level = client.api().await.unwrap();
    world.fail("image_delete", Fault::status(500));
    let mut deletion = client.images().delete_many([image]);
    let events = deletion.events();
    shown += &format!("{client:?} {answer:?} {password:?} {low_level:?} {deletion:?} {events:?}");
    let report = deletion.send().await;
    assert!(matches!(report.outcomes()[0].1, Outcome::Rejected(_)));
    world.fail("service_auth", Fault::status(401));
    world.simulator.expire_tokens();
    shown += &format!("{report:?} {:?}", client.registry().await.unwrap_err());
    shown += &format!("{:?} {:?}", client.repositories().list(), client.repositories().update(image));
    shown += &format!("{:?}", client.tags().create(image, "x"));
    let secrets = [key.client_secret, world.simulator.api_key(), token, password];
    for secret in secrets {
        assert!(!shown.contains(secret.expose()), "{} in {shown}", secret.expose());
    }
}
