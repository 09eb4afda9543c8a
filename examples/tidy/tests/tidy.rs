//! How a program that is built on the SDK tests itself: every image here is a real one, in a registry.

use std::sync::Arc;
use std::time::Duration;

use mlspace_registry::{Client, ManualClock, Uuid};
use mlspace_registry_simulator::{Fault, Seed, Simulator};
use mlspace_registry_transfer::{self as transfer, Digest};
use tidy::Tidied;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const IMAGE: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";

struct World {
    simulator: Simulator,
    client: Client,
    registry: transfer::Client,
    repository: String,
}

/// What a manifest is called by, and how long it is.
struct Pushed {
    digest: String,
    size: usize,
}

impl World {
    async fn new() -> Self {
        let simulator = Simulator::builder()
            .seed(Seed::Empty)
            .quirk("registry-auth=open".parse().unwrap())
            .quirk("index-children=listed".parse().unwrap())
            .start()
            .await
            .unwrap();
        let key = simulator.service_account();
        let client = Client::builder()
            .base_url(simulator.base_url())
            .credentials(key.client_id, key.client_secret)
            .clock(Arc::new(ManualClock::new()))
            .build()
            .unwrap();
        let registry = transfer::Client::builder().clock(Arc::new(ManualClock::new())).build().unwrap();
        let repository = format!("{}/base", simulator.registry().id);
        Self { simulator, client, registry, repository }
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}/v2/{}/{path}", self.simulator.registry_address(), self.repository)
    }

    /// Pushes a manifest, under a tag if it is given one. Its configuration says what it is, so that no two
    /// are the same.
    async fn push(&self, what: &str, tag: Option<&str>, subject: Option<&Pushed>) -> Pushed {
        let config = format!("{{\"architecture\":\"amd64\",\"os\":\"linux\",\"what\":\"{what}\"}}");
        let digest = Digest::of(config.as_bytes());
        let http = reqwest::Client::new();
        let answer = http.post(self.url(&format!("blobs/uploads/?digest={digest}"))).body(config.clone());
        assert_eq!(answer.send().await.unwrap().status(), 201);
        let subject = subject.map(|of| format!("\"subject\":{},", descriptor(IMAGE, &of.digest, of.size)));
        let config = descriptor("application/vnd.oci.image.config.v1+json", digest.as_str(), config.len());
        let subject = subject.unwrap_or_default();
        let manifest = format!(
            "{{\"schemaVersion\":2,\"mediaType\":\"{IMAGE}\",{subject}\"config\":{config},\"layers\":[]}}"
        );
        self.put(IMAGE, manifest, tag).await
    }

    async fn push_index(&self, tag: Option<&str>, child: &Pushed) -> Pushed {
        let child = descriptor(IMAGE, &child.digest, child.size);
        let index = format!("{{\"schemaVersion\":2,\"mediaType\":\"{INDEX}\",\"manifests\":[{child}]}}");
        self.put(INDEX, index, tag).await
    }

    async fn put(&self, media_type: &str, manifest: String, tag: Option<&str>) -> Pushed {
        let (digest, size) = (Digest::of(manifest.as_bytes()).to_string(), manifest.len());
        let url = self.url(&format!("manifests/{}", tag.unwrap_or(&digest)));
        let request = reqwest::Client::new().put(url).header("content-type", media_type).body(manifest);
        assert_eq!(request.send().await.unwrap().status(), 201);
        Pushed { digest, size }
    }

    fn id(&self, pushed: &Pushed) -> Uuid {
        let images = self.simulator.repository_ids().into_iter().flat_map(|id| self.simulator.images(id));
        let mut ids = images.filter(|image| image.digest == pushed.digest).map(|image| image.id);
        ids.next().unwrap()
    }

    async fn tidy(&self) -> Tidied {
        tidy::tidy(&self.client, &self.registry, self.simulator.now()).await.unwrap()
    }
}

fn descriptor(media_type: &str, digest: &str, size: usize) -> String {
    format!("{{\"mediaType\":\"{media_type}\",\"digest\":\"{digest}\",\"size\":{size}}}")
}

/// Of two old images without a tag, one of which is `kept` for some reason, only the other goes.
async fn only_the_other_goes(world: &World, kept: &[&Pushed]) {
    let other = world.push("other", None, None).await;
    let (kept, other) = (kept.iter().map(|kept| world.id(kept)).collect::<Vec<_>>(), world.id(&other));
    world.simulator.advance(2 * DAY);
    assert_eq!(world.tidy().await, Tidied { deleted: vec![other], ..Tidied::default() });
    assert!(kept.into_iter().all(|id| world.simulator.contains_image(id)));
}

#[tokio::test]
async fn what_has_a_tag_stays() {
    let world = World::new().await;
    let tagged = world.push("tagged", Some("v1"), None).await;
    only_the_other_goes(&world, &[&tagged]).await;
}

#[tokio::test]
async fn what_refers_stays_and_so_does_what_it_refers_to() {
    let world = World::new().await;
    let signed = world.push("signed", None, None).await;
    let signature = world.push("signature", None, Some(&signed)).await;
    only_the_other_goes(&world, &[&signed, &signature]).await;
}

#[tokio::test]
async fn what_the_name_of_a_tag_refers_to_stays() {
    let world = World::new().await;
    let signed = world.push("signed", None, None).await;
    let tag = signed.digest.replace(':', "-") + ".sig";
    let signature = world.push("signature", Some(&tag), None).await;
    only_the_other_goes(&world, &[&signed, &signature]).await;
}

#[tokio::test]
async fn the_images_of_an_index_stay_and_so_does_the_index() {
    let world = World::new().await;
    let child = world.push("child", None, None).await;
    let index = world.push_index(Some("v1"), &child).await;
    let untagged = world.push_index(None, &world.push("another child", None, None).await).await;
    only_the_other_goes(&world, &[&child, &index, &untagged]).await;
}

#[tokio::test]
async fn what_is_younger_than_a_day_stays_and_costs_no_look_at_a_manifest() {
    let world = World::new().await;
    let young = world.push("young", None, None).await;
    world.simulator.advance(DAY - Duration::from_secs(60));
    assert_eq!(world.tidy().await, Tidied::default());
    assert!(world.simulator.contains_image(world.id(&young)));
    assert_eq!(world.simulator.requests("oci_manifest_get"), 0);
}

#[tokio::test]
async fn an_image_that_the_service_refuses_is_reported() {
    let world = World::new().await;
    let image = world.id(&world.push("old", None, None).await);
    world.simulator.advance(2 * DAY);
    world.simulator.fail("image_delete", Fault::reject_id(image)).unwrap();
    assert_eq!(world.tidy().await, Tidied { left: vec![image], ..Tidied::default() });
}

#[tokio::test]
async fn a_repository_about_which_something_is_in_doubt_is_left_alone() {
    let world = World::new().await;
    world.push("old", None, None).await;
    world.simulator.advance(2 * DAY);
    world.simulator.fail("image_list", Fault::bytes(200, "application/json", "[]").times(2)).unwrap();
    let [(_, why)] = &world.tidy().await.skipped[..] else { panic!("not skipped") };
    assert_eq!(why, "the list of its images is not complete");
    world.simulator.clear_faults();
    world.simulator.fail("oci_manifest_get", Fault::status(404)).unwrap();
    let [(_, why)] = &world.tidy().await.skipped[..] else { panic!("not skipped") };
    assert!(why.contains("404"), "{why}");
    assert_eq!(world.simulator.requests("image_delete"), 0);
}
