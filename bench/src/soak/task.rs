//! What one task does: choose, call, compare.

use std::collections::HashSet;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::{Duration, Instant};

use fastrand::Rng;
use mlspace_registry::{Client, Completeness, Error, Image, Outcome, Sent, Uuid};
use mlspace_registry_simulator::{NewImage, Simulator};
use tokio::time::timeout;

use super::account::Account;

/// Small, so that a list takes several pages.
const PAGE: NonZeroU32 = match NonZeroU32::new(50) {
    Some(size) => size,
    None => NonZeroU32::MIN,
};

pub(super) struct Task {
    simulator: Arc<Simulator>,
    client: Client,
    account: Arc<Account>,
    random: Rng,
    /// Its own repository, and one for what is given up.
    names: [String; 2],
    own: Uuid,
    /// Numbers what it makes.
    made: usize,
}

impl Task {
    pub(super) fn new(
        number: usize,
        seed: u64,
        simulator: Arc<Simulator>,
        client: Client,
        account: Arc<Account>,
    ) -> Self {
        let names = [format!("soak/{number}"), format!("soak/{number}-given-up")];
        let image = simulator.push_image(NewImage::new(&names[0], ["v0"]));
        simulator.push_image(NewImage::new(&names[1], ["v0"]));
        let own = simulator.repositories().into_iter().find(|one| one.name == names[0]);
        let own = own.map(|one| one.id).unwrap_or(image);
        let random = Rng::with_seed(seed.wrapping_mul(1_000_003).wrapping_add(number as u64));
        Self { simulator, client, account, random, names, own, made: 0 }
    }

    pub(super) async fn run(mut self, end: Instant) {
        while Instant::now() < end {
            let start = Instant::now();
            let what = match self.random.u8(..12) {
                0 => self.read_the_registry().await,
                1 => self.read_the_repository().await,
                2 => self.list_images().await,
                3 => self.list_repositories().await,
                4 => self.describe().await,
                5 => self.favor().await,
                6 => self.tag().await,
                7 => self.delete_tags().await,
                8 => self.delete_images().await,
                9 => self.delete_a_repository().await,
                10 => self.give_up_reading().await,
                _ => self.give_up_deleting().await,
            };
            self.account.took(what, start.elapsed());
        }
    }

    fn pushed(&mut self, place: usize, tags: usize) -> Uuid {
        let tags: Vec<String> = (0..tags).map(|_| self.name()).collect();
        self.simulator.push_image(NewImage::new(&self.names[place], tags))
    }

    fn name(&mut self) -> String {
        self.made += 1;
        format!("v{}", self.made)
    }

    /// An image of its own repository.
    fn image(&mut self) -> Image {
        let mut images = self.simulator.images(self.own);
        if images.is_empty() {
            self.pushed(0, 2);
            images = self.simulator.images(self.own);
        }
        images.swap_remove(self.random.usize(..images.len()))
    }

    fn holds(&self, right: bool, what: impl FnOnce() -> String) {
        if !right {
            self.account.wrong(what());
        }
    }

    /// A write that is said to be done is, and one that is said not to be is not.
    fn settled<T>(&self, what: &'static str, result: &Result<T, Error>, done: bool) -> &'static str {
        match result {
            Ok(_) => self.holds(done, || format!("{what} is said to be done")),
            Err(error) => {
                self.account.failed(what, error);
                let not_done = error.was_sent() == Sent::No;
                self.holds(!(not_done && done), || format!("{what} is said not to be done: {error}"));
            }
        }
        what
    }

    async fn read_the_registry(&mut self) -> &'static str {
        let what = "registry";
        if let Err(error) = self.client.registry().await {
            self.account.failed(what, &error);
        }
        what
    }

    async fn read_the_repository(&mut self) -> &'static str {
        let what = "get";
        match self.client.repositories().get(self.own).await {
            Ok(read) => self.holds(read.name == self.names[0], || format!("{} is {}", self.own, read.name)),
            Err(error) => self.account.failed(what, &error),
        }
        what
    }

    async fn list_images(&mut self) -> &'static str {
        let what = "list of images";
        match self.client.images().list(self.own).collect_verified().await {
            Ok(list) => {
                let there: HashSet<Uuid> = self.simulator.images(self.own).iter().map(|one| one.id).collect();
                let read: HashSet<Uuid> = list.items.iter().map(|one| one.id).collect();
                self.holds(list.completeness != Completeness::Complete || read == there, || {
                    format!("{} of {} images are called complete", read.len(), there.len())
                });
                self.account.unknown(what, list.completeness != Completeness::Complete);
            }
            Err(error) => self.account.failed(what, &error),
        }
        what
    }

    async fn list_repositories(&mut self) -> &'static str {
        let what = "list of repositories";
        let before: HashSet<Uuid> = self.simulator.repository_ids().into_iter().collect();
        let list = self.client.repositories().list().page_size(PAGE).collect_verified().await;
        match list {
            Ok(list) => {
                let read: HashSet<Uuid> = list.items.iter().map(|one| one.id).collect();
                let after = self.simulator.repository_ids();
                let missed = after.iter().filter(|id| before.contains(id) && !read.contains(id)).count();
                self.holds(list.completeness != Completeness::Complete || missed == 0, || {
                    format!("a list that lacks {missed} repositories is called complete")
                });
                self.account.unknown(what, list.completeness != Completeness::Complete);
            }
            Err(error) => self.account.failed(what, &error),
        }
        what
    }

    async fn describe(&mut self) -> &'static str {
        let text = self.name();
        let result = self.client.repositories().update(self.own).description(&text).send().await;
        let now = self.simulator.repository(self.own).and_then(|one| one.description);
        self.settled("description", &result, now == Some(text))
    }

    async fn favor(&mut self) -> &'static str {
        let favorite = |task: &Self| task.simulator.repository(task.own).is_some_and(|one| one.favorite);
        let wanted = !favorite(self);
        let result = self.client.repositories().set_favorite(self.own, wanted).await;
        self.settled("favourite mark", &result, favorite(self) == wanted)
    }

    async fn tag(&mut self) -> &'static str {
        let (image, name) = (self.image().id, self.name());
        let result = self.client.tags().create(image, &name).send().await;
        let done = self.simulator.tags(image).iter().any(|tag| tag.name == name);
        self.settled("tag", &result, done)
    }

    async fn delete_tags(&mut self) -> &'static str {
        let image = self.image().id;
        let ids: Vec<Uuid> = self.simulator.tags(image).iter().map(|tag| tag.id).collect();
        let report = self.client.tags().delete_many(ids).send().await;
        self.accounted("deletion of tags", report.outcomes(), |id| self.simulator.contains_tag(id))
    }

    async fn delete_images(&mut self) -> &'static str {
        let number = self.random.usize(1..300);
        let ids: Vec<Uuid> = (0..number).map(|_| self.pushed(0, 0)).collect();
        let report = self.client.images().delete_many(ids).chunk_size(20).send().await;
        self.accounted("deletion of images", report.outcomes(), |id| self.simulator.contains_image(id))
    }

    async fn delete_a_repository(&mut self) -> &'static str {
        let number = self.name();
        let name = format!("{}-{number}", self.names[0]);
        let image = self.simulator.push_image(NewImage::new(&name, ["v"]));
        let found = self.client.images().get(image).await;
        let what = "deletion of a repository";
        let Ok(found) = found else { return what };
        let report = self.client.repositories().delete_many([found.repository_id]).send().await;
        self.accounted(what, report.outcomes(), |id| self.simulator.contains_repository(id))
    }

    /// Calls that are dropped wherever they stand.
    async fn give_up_reading(&mut self) -> &'static str {
        let moment = Duration::from_micros(self.random.u64(..80_000));
        let client = &self.client;
        let reading = async {
            let _ = client.repositories().list().page_size(PAGE).collect_all().await;
            let _ = client.images().list(self.own).collect_all().await;
            client.repositories().get(self.own).await.is_ok()
        };
        let dropped = timeout(moment, reading).await.is_err();
        self.account.dropped(dropped);
        "reading, given up"
    }

    /// A bulk delete that is dropped wherever it stands tells of each id once, and the truth.
    async fn give_up_deleting(&mut self) -> &'static str {
        let what = "deletion, given up";
        let ids: Vec<Uuid> = (0..self.random.usize(1..200)).map(|_| self.pushed(1, 0)).collect();
        let mut work = self.client.images().delete_many(ids.iter().copied()).chunk_size(10);
        let mut events = work.events();
        let moment = Duration::from_micros(self.random.u64(..80_000));
        self.account.dropped(timeout(moment, work.send()).await.is_err());
        let mut outcomes = Vec::new();
        while let Some(event) = events.next().await {
            outcomes.push((event.id, event.outcome));
        }
        let distinct: HashSet<Uuid> = outcomes.iter().map(|(id, _)| *id).collect();
        self.holds(outcomes.len() == ids.len() && distinct.len() == ids.len(), || {
            format!("{} ids were given, and {} accounted for", ids.len(), outcomes.len())
        });
        self.accounted(what, &outcomes, |id| self.simulator.contains_image(id))
    }

    fn accounted(
        &self,
        what: &'static str,
        outcomes: &[(Uuid, Outcome)],
        there: impl Fn(Uuid) -> bool,
    ) -> &'static str {
        for (id, outcome) in outcomes {
            let right = match outcome {
                Outcome::Unknown(_) => None,
                gone if gone.is_gone() => Some(!there(*id)),
                _ => Some(there(*id)),
            };
            self.holds(right != Some(false), || format!("{what}: {id} is said to be {outcome:?}"));
            self.account.outcome(outcome);
        }
        what
    }
}
