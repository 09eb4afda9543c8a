//! `/public/v2/docker_registry/v2/tags/`

use uuid::Uuid;

use super::call::Call;
use super::reply::{Answer, Problems, Reply};
use super::request::{Fields, path_uuid};
use super::{deletes, images};
use crate::names::is_tag_name;
use crate::quirks::{Colors, ExistingTag, TagNames, UnknownParent};
use crate::service::Service;
use crate::state::{Person, Tagged};

pub(crate) fn list(call: &mut Call<'_>) -> Answer {
    let person = call.registry()?;
    let mut problems = Problems::default();
    let id = call.request.query_uuid("image_id", &mut problems);
    let page = images::page(call, &mut problems);
    problems.check()?;

    let viewer = call.service.viewer(person);
    let Some(tags) = viewer.world.tags_of(id) else {
        return match viewer.quirks.unknown_parent {
            UnknownParent::NotFound => Err(call.not_found("Image")),
            UnknownParent::Empty => Reply::ok(&[(); 0]),
        };
    };
    let (offset, limit) = page.unwrap_or((0, usize::MAX));
    Reply::ok(&viewer.tags(tags.page(offset, limit)))
}

pub(crate) fn create(call: &mut Call<'_>) -> Answer {
    let person = call.registry()?;
    let mut problems = Problems::default();
    let fields = call.request.fields()?;
    let image = fields.uuid("image_id", &mut problems);
    let name = fields.text("name", &mut problems);
    let color = fields.optional_text("color", &mut problems);
    problems.check()?;
    let quirks = &call.service.quirks;
    if quirks.tag_names == TagNames::Docker && !is_tag_name(&name) {
        let message = "String should match pattern '^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$'";
        return Err(Problems::one(&["body".into(), "name".into()], "string_pattern_mismatch", message));
    }
    check_color(quirks.colors, color.as_deref())?;

    let known = call.service.tag_beside(image, &name);
    if known.is_some_and(|tag| call.service.is_immutable(tag)) {
        return Err(Reply::detail(412, "The tag is immutable"));
    }
    let quirks = &call.service.quirks;
    let may_move = quirks.existing_tag == ExistingTag::Moves;
    match call.service.world.set_tag(image, &name, color, may_move) {
        Tagged::Done(id) => show(call, person, id),
        Tagged::NoImage => Err(call.not_found("Image")),
        Tagged::Taken => Err(Reply::detail(409, "Another image of the repository has a tag of this name")),
    }
}

pub(crate) fn update(call: &mut Call<'_>) -> Answer {
    let person = call.registry()?;
    let mut problems = Problems::default();
    let id = path_uuid(call.part, "tag_id", &mut problems);
    let fields = call.request.fields()?;
    fields.required("color", &mut problems);
    let color = fields.optional_text("color", &mut problems);
    problems.check()?;
    check_color(call.service.quirks.colors, color.as_deref())?;

    call.service.world.set_color(id, color);
    show(call, person, id)
}

pub(crate) fn delete(call: &mut Call<'_>) -> Answer {
    deletes::delete(call, "tag_ids", Service::is_immutable, Service::delete_tag)
}

fn show(call: &Call<'_>, person: Person, id: Uuid) -> Answer {
    let viewer = call.service.viewer(person);
    let tag = viewer.world.tag(id).ok_or_else(|| call.not_found("Tag"))?;
    Reply::ok(&viewer.tag(tag))
}

fn check_color(colors: Colors, color: Option<&str>) -> Result<(), Reply> {
    let is_hex = |color: &str| {
        let digits = color.strip_prefix('#').unwrap_or_default();
        matches!(digits.len(), 3 | 6) && digits.chars().all(|c| c.is_ascii_hexdigit())
    };
    if colors == Colors::Any || color.is_none_or(is_hex) {
        return Ok(());
    }
    let message = "String should match pattern '^#([0-9a-fA-F]{3}|[0-9a-fA-F]{6})$'";
    Err(Problems::one(&["body".into(), "color".into()], "string_pattern_mismatch", message))
}
