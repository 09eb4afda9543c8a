//! The three deletes, which differ only in what they delete.

use uuid::Uuid;

use super::call::Call;
use super::reply::{Answer, Problems, Reply};
use super::request::Fields;
use crate::faults::Effect;
use crate::service::Service;

/// Deletes the ids in that field of the body, each with `delete`, and answers those that went. One that `is_immutable`
/// holds all of them back.
pub(crate) fn delete(
    call: &mut Call<'_>,
    field: &str,
    is_immutable: fn(&Service, Uuid) -> bool,
    delete: fn(&mut Service, Uuid) -> bool,
) -> Answer {
    call.registry()?;
    let mut problems = Problems::default();
    let mut ids = call.request.fields()?.uuids(field, &mut problems);
    problems.check()?;
    if let Some(most) = call.service.quirks.max_ids_per_delete.filter(|most| ids.len() > *most) {
        let message = format!("List should have at most {most} items after validation, not {}", ids.len());
        return Err(Problems::one(&["body".into(), field.into()], "too_long", &message));
    }
    if ids.iter().any(|id| is_immutable(call.service, *id)) {
        return Err(Reply::detail(412, "A tag of it is immutable"));
    }
    match call.effect {
        Some(Effect::RejectIds(rejected)) => {
            if let Some(at) = ids.iter().position(|id| rejected.contains(id)) {
                let at = ["body".into(), field.into(), at.into()];
                return Err(Problems::one(&at, "value_error", "Value error, the id cannot be deleted"));
            }
        }
        Some(Effect::PartialDelete) => ids.truncate(ids.len() / 2),
        Some(Effect::DeleteNotDone) => return Reply::ok(&ids),
        _ => {}
    }
    ids.retain(|id| delete(call.service, *id));
    if call.effect == Some(&Effect::PartialAnswer) {
        ids.truncate(ids.len() / 2);
    }
    Reply::ok(&ids)
}
