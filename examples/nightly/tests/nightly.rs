//! How such a program tests itself: against the simulator, and without a socket.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use mlspace_registry::{
    Body, Client, Completeness, ManualClock, Outcome, Repository, Sending, Timestamp, Token, Transport, Uuid,
    sample,
};
use mlspace_registry_simulator::{ExistingTag, Fault, NewImage, Quirk, Seed, Simulator};
use nightly::{Policy, run, victims};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn policy() -> Policy {
    Policy {
        older_than: 30 * DAY,
        keep_newest: 1,
        keep_tags: vec!["stable".into()],
        keep_labels: vec!["keep".into()],
    }
}

async fn world() -> (Simulator, Client) {
    let simulator = Simulator::builder().seed(Seed::Empty).start().await.unwrap();
    let key = simulator.service_account();
    let builder =
        Client::builder().base_url(simulator.base_url()).credentials(key.client_id, key.client_secret);
    let client = builder.clock(Arc::new(ManualClock::new())).user_agent("nightly/0.1").build().unwrap();
    (simulator, client)
}

#[tokio::test]
async fn a_night_goes_well() {
    let (simulator, client) = world().await;
    let old = simulator.push_image(NewImage { size: 100, ..NewImage::new("app", ["v1"]) });
    let stable = simulator.push_image(NewImage { size: 10, ..NewImage::new("app", ["stable"]) });
    simulator.advance(90 * DAY);
    let new = simulator.push_image(NewImage { size: 1, ..NewImage::new("app", ["latest"]) });
    let report = run(&client, simulator.now(), &policy()).await.unwrap();
    assert!(matches!(&report.outcomes[..], [(id, Outcome::Deleted)] if *id == old), "{report:?}");
    assert!(simulator.contains_image(new) && simulator.contains_image(stable));
    assert_eq!(report.usage[0].bytes, 111);
    assert!(simulator.tags(new).iter().any(|tag| tag.name == "nightly"));
    let written = serde_json::to_value(&report).unwrap();
    assert_eq!(written["outcomes"][0][1]["outcome"], "deleted");
    // On the next day there is nothing to do.
    let again = run(&client, simulator.now(), &policy()).await.unwrap();
    assert!(again.outcomes.is_empty() && again.retagged == ["app"]);
}

#[tokio::test]
async fn a_night_with_faults_is_accounted_for() {
    let (simulator, client) = world().await;
    let lost = simulator.push_image(NewImage::new("app", ["v1", "nightly"]));
    let refused = simulator.push_image(NewImage::new("app", ["v2"]));
    simulator.advance(90 * DAY);
    let new = simulator.push_image(NewImage::new("app", ["latest"]));
    simulator.fail("image_delete", Fault::reject_id(refused)).unwrap();
    simulator.fail("image_delete", Fault::lost_after().times(1)).unwrap();
    simulator.fail("image_list", Fault::status(503).times(1)).unwrap();
    simulator.quirk(Quirk::ExistingTag(ExistingTag::Refused));
    let report = run(&client, simulator.now(), &policy()).await.unwrap();
    for (id, outcome) in report.outcomes {
        match outcome {
            Outcome::Deleted => assert_eq!(id, lost),
            Outcome::Rejected(why) => assert_eq!((id, why.status()), (refused, 422)),
            other => panic!("{id}: {other:?}"),
        }
    }
    assert!(simulator.tags(new).iter().any(|tag| tag.name == "nightly"), "it moved all the same");
}

#[test]
fn what_is_young_kept_or_of_unknown_age_stays() {
    let repository = sample::repository("app");
    let at = |text: &str| text.parse::<Timestamp>().ok();
    let old = sample::image(&repository, "v1").push_time(at("2026-01-01T00:00:00Z"));
    let images = [
        old.clone(),
        sample::image(&repository, "stable").push_time(at("2026-01-01T00:00:00Z")),
        sample::image(&repository, "unknown").push_time(None),
        sample::image(&repository, "new").push_time(at("2026-11-01T00:00:00Z")),
    ];
    let now = at("2026-11-02T00:00:00Z").unwrap();
    assert_eq!(victims(now, &policy(), &repository, &images), [old.id]);
    let kept = repository.labels(vec!["keep".to_owned()]);
    assert!(victims(now, &policy(), &kept, &images).is_empty());
}

/// A registry of one repository, whose list of images is cut, without a socket.
struct Cut(Repository);

impl Transport for Cut {
    fn send<'a>(&'a self, operation: &'static str, _: Request<Bytes>) -> Sending<'a> {
        let answer = match operation {
            "registry_get" => serde_json::to_string(&sample::registry().repositories_count(1)),
            "repository_list" => serde_json::to_string(&[&self.0]),
            "repository_get" => serde_json::to_string(&self.0),
            _ => serde_json::to_string(&[sample::image(&self.0, "v1")]),
        };
        Box::pin(async move { Ok(Response::new(Body::from(answer.unwrap()))) })
    }
}

#[tokio::test]
async fn of_a_list_in_doubt_nothing_is_deleted() {
    let cut = Cut(sample::repository("app").images_count(2));
    let client = Client::builder().token_source(Token::new("t")).workspace(Uuid::nil()).api_key("k");
    let client = client.transport(move |_network| cut).build().unwrap();
    let policy = Policy { keep_newest: 0, older_than: Duration::ZERO, ..policy() };
    let report = run(&client, "2030-01-01T00:00:00Z".parse().unwrap(), &policy).await.unwrap();
    assert_eq!(report.usage[0].completeness, Completeness::Short { missing: 1 });
    assert!(report.outcomes.is_empty());
}
