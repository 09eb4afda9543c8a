//! The 14 steps, in the walk-through's order. Each one checks its effect by reading.

use std::sync::Arc;

use mlspace_registry::{BulkReport, Client, Clock, Error, RotationConsent, Secret, Uuid};
use mlspace_registry_simulator::Simulator;
use mlspace_registry_transfer as transfer;

use super::recorder::{Exchange, Recorder};
use super::steps::STEPS;
use super::{Step, layout};
use crate::failure::Failure;

/// The operation of the registry that names an image.
const PUT: &str = "oci_manifest_put";
const REPOSITORY: &str = "walk/through";
const TAG: &str = "v1";
const NEW_TAG: &str = "v1-tested";
const COLOR: &str = "#2f81f7";
const NEW_COLOR: &str = "#2ea043";
const LABEL: &str = "walkthrough";

pub(super) struct Walk<'a> {
    client: Client,
    simulator: &'a Simulator,
    recorder: Arc<Recorder>,
    repository: Uuid,
    image: Uuid,
    tag: Uuid,
    password: Option<Secret>,
    /// The image that the simulator holds from the start, as a person would name it.
    held: String,
    digest: String,
    clock: Arc<dyn Clock>,
    pushing: f64,
}

impl<'a> Walk<'a> {
    pub(super) fn new(
        client: Client,
        simulator: &'a Simulator,
        recorder: Arc<Recorder>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let (repository, image, tag) = Default::default();
        let (password, held, digest, pushing) = Default::default();
        Self { client, simulator, recorder, repository, image, tag, password, held, digest, clock, pushing }
    }

    /// Does one step.
    pub(super) async fn step(&mut self, number: usize) -> (Step, Result<(), Failure>) {
        let title = &STEPS[number - 1];
        // Signing in is no step of its own, and the first one should not be longer for it.
        let result = match self.client.api().await {
            Ok(_) => {
                self.recorder.take();
                self.act(number).await
            }
            Err(error) => Err(error.into()),
        };
        let mut exchanges = self.recorder.take();
        exchanges.extend(title.operation.is_none().then(|| self.pushed()).flatten());
        let wanted = title.operation.unwrap_or(PUT);
        let exchange = exchanges.into_iter().rfind(|exchange| exchange.operation == wanted);
        let none =
            || Exchange { operation: wanted, method: "-".into(), path: "-".into(), status: None, ms: 0.0 };
        let exchange = exchange.unwrap_or_else(none);
        let step = Step {
            step: number,
            title: title.english,
            command: title.command.replace("IMAGE", &self.held),
            result: result.as_ref().ok().cloned(),
            method: exchange.method,
            path: exchange.path,
            status: exchange.status,
            ok: result.is_ok(),
            ms: (exchange.ms * 1000.0).round() / 1000.0,
        };
        (step, result.map(drop))
    }

    /// The last request of the push, which names the image, and how long all of them took.
    fn pushed(&self) -> Option<Exchange> {
        let journal = self.simulator.journal();
        let put = journal.into_iter().rfind(|request| request.operation == Some(PUT))?;
        let (method, path, status) = (put.method, put.path, put.status);
        Some(Exchange { operation: PUT, method, path, status, ms: self.pushing })
    }

    /// Does it, and tells what came of it.
    async fn act(&mut self, number: usize) -> Result<String, Failure> {
        match number {
            1 => self.get_password().await,
            2 => self.tag_an_image().await,
            3 => self.push_an_image().await,
            4 => self.list_repositories().await,
            5 => self.mark_as_favorite().await,
            6 => self.list_images().await,
            7 => self.change_repository().await,
            8 => self.read_image().await,
            9 => self.list_tags().await,
            10 => self.create_tag().await,
            11 => self.change_color().await,
            12 => self.delete_tag().await,
            13 => self.delete_image().await,
            _ => self.delete_repository().await,
        }
    }

    async fn get_password(&mut self) -> Result<String, Failure> {
        let consent = RotationConsent::OldPasswordStopsWorkingEverywhere;
        let password = self.client.password().rotate(consent).await?;
        let valid = self.simulator.registry_password();
        let right = valid.is_some_and(|valid| valid == password);
        self.password = Some(password);
        check(right, "the password is not the one that is valid")?;
        Ok("a new one; it is not shown".into())
    }

    /// The image is one that the simulator holds from the start.
    async fn tag_an_image(&mut self) -> Result<String, Failure> {
        let image;
        let repositories = self.simulator.repositories();
        let tagged = repositories.iter().find_map(|one| Some((&one.name, one.tags.first()?)));
        let Some((repository, first)) = tagged else {
            return Err(Failure::other("the simulator holds no image with a tag"));
        };
        (self.held, image) = (format!("{repository}:{}", first.name), first.image_id);
        let tag = self.client.tags().create(image, TAG_OF_SEED).color(COLOR).send().await?;
        let tags = self.client.tags().list(image).collect_all().await?.items;
        let found = tags.iter().find(|one| one.id == tag.id);
        let right = found.is_some_and(|one| one.name == TAG_OF_SEED && one.color.as_deref() == Some(COLOR));
        check(right, "the image does not have the tag")?;
        Ok(format!("{} has it, too", self.held))
    }

    /// Pushes an image that is made here, with the password of the first step, and pulls it back.
    async fn push_an_image(&mut self) -> Result<String, Failure> {
        let failed = |error: std::io::Error| Failure::other(format!("the image cannot be made: {error}"));
        let folder = tempfile::tempdir().map_err(failed)?;
        let (made, back) = (folder.path().join("made"), folder.path().join("back"));
        self.digest = layout::write(&made).map_err(failed)?;
        let host = self.simulator.registry_address();
        let name = format!("{host}/{}/{REPOSITORY}:{TAG}", self.client.registry().await?.id);
        let name: transfer::Reference = name.parse()?;
        let password = self.password.as_ref().map(|password| password.expose().to_owned());
        let user = self.simulator.personal_email();
        let credentials = transfer::Credentials::password(user, password.unwrap_or_default());
        let registry = transfer::Client::builder().credentials(host, credentials).build()?;
        let source = transfer::Source::open(&made).await?;
        let start = self.clock.now();
        let report = registry.push([(source.image(None)?.clone(), name.clone())]).send().await?;
        self.pushing = self.clock.now().duration_since(start).as_secs_f64() * 1000.0;
        if let Some(error) = report.images.iter().find_map(|image| image.result.as_ref().err()) {
            return Err(error.into());
        }
        registry.pull([name], transfer::Target::layout(&back)).send().await?;
        check(layout::same(&made, &back).map_err(failed)?, "what was pulled is not what was pushed")?;
        let repositories = self.client.repositories().list().collect_all().await?.items;
        let mut tags = repositories.iter().filter(|one| one.name == REPOSITORY).flat_map(|one| &one.tags);
        let Some(tag) = tags.find(|tag| tag.name == TAG) else {
            return Err(Failure::other("the image that was pushed is not in the list"));
        };
        let image = self.client.images().get(tag.image_id).await?;
        (self.image, self.repository) = (image.id, image.repository_id);
        check(image.digest == self.digest, "the image has another digest than the one that was pushed")?;
        Ok("the same bytes".into())
    }

    async fn list_repositories(&self) -> Result<String, Failure> {
        let list = self.client.repositories().list().collect_all().await?;
        let all = list.completeness == mlspace_registry::Completeness::Complete;
        check(all, "the list of repositories is not complete")?;
        let found = list.items.iter().any(|one| one.id == self.repository && one.name == REPOSITORY);
        check(found, "the repository is not in the list")?;
        Ok(format!("{} of them", list.items.len()))
    }

    async fn mark_as_favorite(&self) -> Result<String, Failure> {
        self.client.repositories().set_favorite(self.repository, true).await?;
        let repository = self.client.repositories().get(self.repository).await?;
        check(repository.favorite, "the repository is no favourite")?;
        Ok("it is one".into())
    }

    async fn list_images(&self) -> Result<String, Failure> {
        let images = self.client.images().list(self.repository).collect_all().await?.items;
        check(images.len() == 1 && images[0].id == self.image, "the image is not in the list")?;
        Ok("the one that was pushed".into())
    }

    async fn change_repository(&self) -> Result<String, Failure> {
        let text = "Made by the walk-through";
        let update = self.client.repositories().update(self.repository).description(text).add_label(LABEL);
        update.send().await?;
        let repository = self.client.repositories().get(self.repository).await?;
        let labelled = repository.labels.unwrap_or_default().iter().any(|label| label == LABEL);
        check(labelled && repository.description.as_deref() == Some(text), "the change is not there")?;
        Ok("both are there".into())
    }

    async fn read_image(&self) -> Result<String, Failure> {
        let image = self.client.images().get(self.image).await?;
        check(image.id == self.image && image.digest == self.digest, "it is not the image that was pushed")?;
        Ok(self.digest.chars().take("sha256:".len() + 12).collect())
    }

    async fn list_tags(&self) -> Result<String, Failure> {
        let tags = self.tags().await?;
        check(tags.iter().any(|(_, name, _)| name == TAG), "the tag is not in the list")?;
        Ok(TAG.into())
    }

    async fn create_tag(&mut self) -> Result<String, Failure> {
        self.tag = self.client.tags().create(self.image, NEW_TAG).color(COLOR).send().await?.id;
        self.check_tag(Some(COLOR)).await?;
        Ok("both tags are on it".into())
    }

    async fn change_color(&self) -> Result<String, Failure> {
        self.client.tags().set_color(self.tag, Some(NEW_COLOR)).await?;
        self.check_tag(Some(NEW_COLOR)).await?;
        Ok("it is green".into())
    }

    async fn delete_tag(&self) -> Result<String, Failure> {
        deleted(self.client.tags().delete_many([self.tag]).send().await)?;
        let tags = self.tags().await?;
        check(tags.iter().all(|(id, _, _)| *id != self.tag), "the tag is still there")?;
        Ok("gone; the image is there".into())
    }

    async fn delete_image(&self) -> Result<String, Failure> {
        deleted(self.client.images().delete_many([self.image]).send().await)?;
        check(self.client.images().get_opt(self.image).await?.is_none(), "the image is still there")?;
        Ok("gone".into())
    }

    async fn delete_repository(&self) -> Result<String, Failure> {
        deleted(self.client.repositories().delete_many([self.repository]).send().await)?;
        let gone = self.client.repositories().get_opt(self.repository).await?.is_none();
        check(gone, "the repository is still there")?;
        Ok("gone".into())
    }

    async fn check_tag(&self, color: Option<&str>) -> Result<(), Failure> {
        let tags = self.tags().await?;
        let found = tags.iter().find(|(id, _, _)| *id == self.tag);
        let right = found.is_some_and(|(_, name, own)| name == NEW_TAG && own.as_deref() == color);
        check(right, "the tag is not there as it should be")
    }

    async fn tags(&self) -> Result<Vec<(Uuid, String, Option<String>)>, Error> {
        let tags = self.client.tags().list(self.image).collect_all().await?.items;
        Ok(tags.into_iter().map(|tag| (tag.id, tag.name, tag.color)).collect())
    }
}

const TAG_OF_SEED: &str = "walkthrough";

fn check(right: bool, problem: &str) -> Result<(), Failure> {
    if right { Ok(()) } else { Err(Failure::other(problem)) }
}

fn deleted(report: BulkReport) -> Result<(), Failure> {
    if let Some(error) = report.stopped_by() {
        return Err(error.into());
    }
    let done = report.outcomes().iter().all(|(_, one)| matches!(one, mlspace_registry::Outcome::Deleted));
    check(done, "the report does not say that it was deleted")
}
