//! `/public/v2/docker_registry/v2/images/`

use uuid::Uuid;

use super::call::Call;
use super::deletes;
use super::reply::{Answer, Problems, Reply};
use super::request::path_uuid;
use super::views::{ImageView, Viewer};
use crate::quirks::UnknownParent;
use crate::service::Service;
use crate::state::Repository;

pub(crate) fn list(call: &mut Call<'_>) -> Answer {
    let person = call.registry()?;
    let mut problems = Problems::default();
    let id = call.request.query_uuid("repository_id", &mut problems);
    let page = page(call, &mut problems);
    problems.check()?;

    let viewer = call.service.viewer(person);
    let Some(repository) = viewer.world.repository(id) else {
        return match viewer.quirks.unknown_parent {
            UnknownParent::NotFound => Err(call.not_found("Repository")),
            UnknownParent::Empty => Reply::ok(&[(); 0]),
        };
    };
    match page {
        Some((offset, limit)) => Reply::ok(&split(viewer, repository, offset, limit)),
        None => {
            let images = repository.images.iter().filter_map(|id| viewer.world.image(id));
            Reply::ok(&images.map(|image| viewer.image(image)).collect::<Vec<_>>())
        }
    }
}

/// The offset and length that `page` and `page_size` ask for on images and tags; 50 a page if only `page` is there.
pub(crate) fn page(call: &Call<'_>, problems: &mut Problems) -> Option<(usize, usize)> {
    let page = call.request.query_number("page", problems);
    let size = call.request.query_number("page_size", problems);
    if !call.service.quirks.split_images || (page.is_none() && size.is_none()) {
        return None;
    }
    let size = size.unwrap_or(50);
    Some(((page.unwrap_or(1) - 1).saturating_mul(size), size))
}

/// Pages as the service makes them: it counts an image once for each of its tags, and shows it on each page that
/// has one of them, with those tags only.
fn split<'a>(viewer: Viewer<'a>, repository: &Repository, offset: usize, limit: usize) -> Vec<ImageView<'a>> {
    let mut shown = Vec::new();
    let mut row = 0;
    let end = offset.saturating_add(limit);
    for image in repository.images.iter().filter_map(|id| viewer.world.image(id)) {
        let rows = row..row + image.tags.len().max(1);
        row = rows.end;
        let (from, to) = (offset.max(rows.start), end.min(rows.end));
        if from < to {
            shown.push(viewer.image_with(image, image.tags.page(from - rows.start, to - from)));
        }
        if row >= end {
            break;
        }
    }
    shown
}

pub(crate) fn get(call: &mut Call<'_>) -> Answer {
    let person = call.registry()?;
    let mut problems = Problems::default();
    let id: Uuid = path_uuid(call.part, "image_id", &mut problems);
    problems.check()?;
    let viewer = call.service.viewer(person);
    let image = viewer.world.image(id).ok_or_else(|| call.not_found("Image"))?;
    Reply::ok(&viewer.image(image))
}

pub(crate) fn delete(call: &mut Call<'_>) -> Answer {
    deletes::delete(call, "image_ids", Service::holds_immutable, |service, id| service.delete_image(id))
}
