//! `/public/v2/docker_registry/v2/repositories/`

use uuid::Uuid;

use super::call::Call;
use super::deletes;
use super::reply::{Answer, Problems, Reply};
use super::request::{Fields, path_uuid};
use crate::faults::Effect;
use crate::quirks::OverMaximum;
use crate::service::Service;
use crate::state::Person;

pub(crate) fn list(call: &mut Call<'_>) -> Answer {
    let person = call.registry()?;
    let mut problems = Problems::default();
    let page = call.request.query_number("page", &mut problems);
    let size = call.request.query_number("page_size", &mut problems);
    let quirks = &call.service.quirks;
    if let (Some(size), Some(most), OverMaximum::Refused) =
        (size, quirks.max_page_size, quirks.page_size_over_maximum)
        && size > most
    {
        let message = format!("Input should be less than or equal to {most}");
        problems.add(&["query".into(), "page_size".into()], "less_than_equal", &message);
    }
    problems.check()?;

    let size = size.or(quirks.default_page_size).unwrap_or(usize::MAX);
    let size = size.min(quirks.max_page_size.unwrap_or(usize::MAX));
    let page = if quirks.ignores_page { 0 } else { page.unwrap_or(1) - 1 };
    let mut offset = page.saturating_mul(size);
    let mut limit = size;
    if quirks.overlapping_pages && page > 0 {
        offset = offset.saturating_sub(1);
        limit = limit.saturating_add(1);
    }
    let viewer = call.service.viewer(person);
    let shown = viewer.world.repositories().page(offset, limit);
    let shown: Vec<_> =
        shown.filter_map(|id| viewer.world.repository(id)).map(|one| viewer.repository(one)).collect();
    Reply::ok(&shown)
}

pub(crate) fn get(call: &mut Call<'_>) -> Answer {
    let person = call.registry()?;
    let id = id(call)?;
    show(call, person, id)
}

pub(crate) fn update(call: &mut Call<'_>) -> Answer {
    let person = call.registry()?;
    let mut problems = Problems::default();
    let id = path_uuid(call.part, "repository_id", &mut problems);
    let fields = call.request.fields()?;
    let description = fields.optional_text("description", &mut problems);
    let add = fields.optional_texts("labels", &mut problems);
    let remove = fields.optional_texts("labels_to_delete", &mut problems);
    problems.check()?;

    let world = &mut call.service.world;
    let before = world.repository(id).map(|repository| repository.labels.clone());
    world.update_repository(id, description, add, &remove);
    let answer = show(call, person, id);
    if let (Some(Effect::LabelsDoNotStick), Some(labels)) = (call.effect, before) {
        call.service.world.edit_repository(id, |repository| repository.labels = labels);
    }
    answer
}

pub(crate) fn favorite(call: &mut Call<'_>) -> Answer {
    let person = call.registry()?;
    let mut problems = Problems::default();
    let id = path_uuid(call.part, "repository_id", &mut problems);
    let favorite = call.request.fields()?.boolean("favorite", &mut problems);
    problems.check()?;

    let before = call.service.world.repository(id).map(|repository| repository.favorite_of.clone());
    call.service.world.edit_repository(id, |repository| {
        if favorite {
            repository.favorite_of.insert(person);
        } else {
            repository.favorite_of.remove(&person);
        }
    });
    let answer = show(call, person, id);
    if let (Some(Effect::FavoritesDoNotStick), Some(marks)) = (call.effect, before) {
        call.service.world.edit_repository(id, |repository| repository.favorite_of = marks);
    }
    answer
}

pub(crate) fn delete(call: &mut Call<'_>) -> Answer {
    deletes::delete(call, "repository_ids", Service::has_immutable, |service, id| {
        service.delete_repository(id)
    })
}

fn id(call: &Call<'_>) -> Result<Uuid, Reply> {
    let mut problems = Problems::default();
    let id = path_uuid(call.part, "repository_id", &mut problems);
    problems.check()?;
    Ok(id)
}

fn show(call: &Call<'_>, person: Person, id: Uuid) -> Answer {
    let viewer = call.service.viewer(person);
    let repository = viewer.world.repository(id).ok_or_else(|| call.not_found("Repository"))?;
    Reply::ok(&viewer.repository(repository))
}
