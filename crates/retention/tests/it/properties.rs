//! P1 to P8: what a plan never does, whatever the registry and the policy.

use std::collections::BTreeSet;

use mlspace_registry_retention::{InventoryBuilder, Line, Plan, Policy, Reason, Refused, explain, plan};
use proptest::prelude::*;

use crate::model::{Fate, Fates, evaluate, is_newest, plausible};
use crate::world::{HOUR, Img, Kind, NOW, Pol, Repo, World, id, now, policy, world};

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

/// What a plan does to each image, as the model says it.
fn fates(world: &World, plan: &Plan<'_>) -> Fates {
    let mut fates = Fates::new();
    let place = |repository: &str, image: uuid::Uuid| {
        let repository = world.repositories.iter().find(|one| one.name == repository).unwrap();
        let number =
            repository.images.iter().find(|one| id(2, repository.name, one.number) == image).unwrap().number;
        (repository.name, number)
    };
    for line in plan.kept() {
        let Line::Keep { repository, image_id, reasons } = line else { panic!("{line:?}") };
        assert!(!reasons.is_empty());
        let left_out = reasons == [Reason::LeftOut];
        let fate = if left_out { Fate::LeftOut } else { Fate::Stay };
        assert_eq!(fates.insert(place(&repository.name, image_id), fate), None);
    }
    for line in plan.lines() {
        match line {
            Line::DeleteImage { repository, image_id, .. } => {
                assert_eq!(fates.insert(place(&repository.name, image_id), Fate::Delete), None);
            }
            Line::DeleteTag { repository, image_id, tag, .. } => {
                let (place, image) =
                    (place(&repository.name, image_id), fates.get_mut(&place(&repository.name, image_id)));
                let known = find(world, place).1.tags.iter().find(|one| one.name == tag.name).unwrap().name;
                match image {
                    Some(Fate::Untag(names)) => assert!(names.insert(known)),
                    Some(fate @ Fate::Stay) => *fate = Fate::Untag(BTreeSet::from([known])),
                    other => panic!("{other:?}"),
                }
            }
            other => panic!("{other:?}"),
        }
    }
    fates
}

fn find<'w>(world: &'w World, place: (&str, u8)) -> (&'w Repo, &'w Img) {
    let repository = world.repositories.iter().find(|one| one.name == place.0).unwrap();
    (repository, repository.images.iter().find(|one| one.number == place.1).unwrap())
}

/// What is lost: images, and tags with their images or without.
fn losses(world: &World, fates: &Fates) -> BTreeSet<(&'static str, u8, &'static str)> {
    let mut lost = BTreeSet::new();
    for ((repository, number), fate) in fates {
        let (_, image) = find(world, (repository, *number));
        match fate {
            Fate::Delete => {
                lost.insert((*repository, *number, ""));
                lost.extend(image.tags.iter().map(|tag| (*repository, *number, tag.name)));
            }
            Fate::Untag(names) => lost.extend(names.iter().map(|name| (*repository, *number, *name))),
            Fate::Stay | Fate::LeftOut => {}
        }
    }
    lost
}

/// The fates by the crate; `None` where there is no plan for want of pulls.
fn planned(world: &World, policy: &Pol) -> Option<Fates> {
    let inventory = world.inventory();
    match plan(&inventory, &policy.policy(), &policy.in_use(&inventory), now()) {
        Ok(plan) => Some(fates(world, &plan)),
        Err(Refused::NoPulls { .. }) => None,
        Err(other) => panic!("{other}"),
    }
}

/// One thing more that protects or keeps.
fn stricter(policy: &Pol, choice: u8, number: u8) -> Pol {
    let mut policy = policy.clone();
    let place = usize::from(number) % policy.rules.len();
    let rule = &mut policy.rules[place];
    match choice % 16 {
        0 => policy.labels = true,
        1 => policy.favorites = true,
        2 => policy.signed = true,
        3 => policy.green = true,
        4 => policy.golden = true,
        5 => policy.tags.push(["v1", "ci-1", "latest"][usize::from(number) % 3]),
        6 => policy.digests.push(number % 6),
        7 => policy.used_digests.push(number % 6),
        8 => policy.used_tags.push((
            ["train/a", "serve"][usize::from(number) % 2],
            ["v1", "ci-1"][usize::from(number / 2) % 2],
        )),
        9 => rule.within += 10,
        10 => rule.last += 1,
        11 => rule.daily += 1,
        12 => rule.weekly += 1,
        13 => rule.monthly += 1,
        14 => rule.pulled_within = Some(rule.pulled_within.unwrap_or(0) + 10),
        _ => policy.read_manifests = true,
    }
    policy
}

proptest! {
    #![proptest_config(config(400))]

    #[test]
    fn a_plan_is_what_a_naive_reading_of_the_policy_says(world in world(), policy in policy()) {
        let planned = planned(&world, &policy);
        prop_assume!(planned.is_some());
        prop_assert_eq!(planned.unwrap(), evaluate(&world, &policy), "{}", policy.toml());
    }

    /// P1
    #[test]
    fn nothing_protected_in_use_uncovered_young_or_of_unknown_age_goes(world in world(), policy in policy()) {
        for (place, fate) in planned(&world, &policy).unwrap_or_default() {
            if fate != Fate::Delete {
                continue;
            }
            let (repository, image) = find(&world, place);
            prop_assert!(repository.complete);
            prop_assert!(!(policy.labels && repository.labels.contains(&"keep")));
            prop_assert!(!(policy.favorites && repository.favorite));
            prop_assert!(!(policy.golden && repository.name == "golden"));
            prop_assert!(!policy.digests.contains(&image.digest) && !policy.used_digests.contains(&image.digest));
            let shortest = policy.rules.iter().map(|rule| i64::from(rule.within)).min().unwrap() * 24 * HOUR;
            let stamps = image.tags.iter().map(|tag| tag.pushed).chain([image.pushed]);
            for stamp in stamps {
                prop_assert!(plausible(stamp).is_some_and(|stamp| NOW - stamp > shortest));
            }
            for tag in &image.tags {
                prop_assert!(!policy.tags.contains(&tag.name) && !policy.used_tags.contains(&(repository.name, tag.name)));
                prop_assert!(!(policy.signed && tag.signed || policy.green && tag.green));
            }
            if policy.rules.iter().all(|rule| !rule.may_empty) {
                prop_assert!(!is_newest(repository, image));
            }
        }
    }

    /// P2
    #[test]
    fn what_protects_or_keeps_more_lets_nothing_more_go(
        world in world(), policy in policy(), choice: u8, number: u8,
    ) {
        let stricter = stricter(&policy, choice, number);
        let (before, after) = (planned(&world, &policy), planned(&world, &stricter));
        prop_assume!(before.is_some() && after.is_some());
        let (before, after) = (losses(&world, &before.unwrap()), losses(&world, &after.unwrap()));
        prop_assert!(after.is_subset(&before), "{:?}\n{}\n{}", after.difference(&before), policy.toml(), stricter.toml());
    }

    /// P3
    #[test]
    fn order_is_irrelevant_to_the_last_byte(world in world(), policy in policy(), turn in 0..6_usize) {
        let bytes = |world: &World, policy: &Pol| {
            let inventory = world.inventory();
            let plan = plan(&inventory, &policy.policy(), &policy.in_use(&inventory), now()).ok()?;
            Some(serde_json::to_string(&plan.lines().chain(plan.kept()).collect::<Vec<_>>()).unwrap())
        };
        let (mut turned, mut other) = (world.clone(), policy.clone());
        turned.repositories.reverse();
        for repository in &mut turned.repositories {
            let turns = turn % repository.images.len().max(1);
            repository.images.rotate_left(turns);
            repository.images.iter_mut().for_each(|image| image.tags.reverse());
        }
        other.rules.rotate_left(turn % policy.rules.len());
        prop_assert_eq!(bytes(&world, &policy), bytes(&turned, &other));
    }

    /// P4 and P5
    #[test]
    fn no_image_loses_just_its_last_tag_and_parts_of_what_stays_stay(world in world(), policy in policy()) {
        let fates = planned(&world, &policy).unwrap_or_default();
        for (place, fate) in &fates {
            let (repository, image) = find(&world, *place);
            if let Fate::Untag(names) = fate {
                prop_assert!(names.len() < image.tags.len());
            }
            if *fate == Fate::Delete {
                for other in repository.images.iter().filter(|other| other.number != image.number) {
                    let stays = fates[&(repository.name, other.number)] != Fate::Delete;
                    let is_part = matches!(&other.kind, Kind::Index(parts) if parts.contains(&image.digest));
                    let is_attached = image.kind == Kind::AttachedTo(other.digest);
                    prop_assert!(!(stays && (is_part || is_attached)));
                }
            }
        }
    }

    /// P6 and P7
    #[test]
    fn every_image_has_one_verdict_with_a_reason_and_it_is_explained_alike(world in world(), policy in policy()) {
        let inventory = world.inventory();
        let (parsed, in_use) = (policy.policy(), policy.in_use(&inventory));
        let Ok(plan) = plan(&inventory, &parsed, &in_use, now()) else { return Ok(()) };
        let totals = plan.totals();
        prop_assert_eq!(totals.images + totals.stay + totals.left_out, inventory.images() as u64);
        let all = fates(&world, &plan);
        prop_assert_eq!(all.len(), inventory.images());
        for (place, fate) in &all {
            let (repository, image) = find(&world, *place);
            let id = id(2, repository.name, image.number);
            let explained = explain(&inventory, &parsed, &in_use, now(), repository.name, id).unwrap();
            let gone: BTreeSet<_> =
                explained.tags.iter().filter(|tag| tag.untag).map(|tag| tag.name.clone().unwrap()).collect();
            match fate {
                Fate::Delete => prop_assert!(explained.verdict == "delete" && explained.reasons.is_empty()),
                Fate::Untag(names) => {
                    prop_assert_eq!(&explained.verdict, "untag");
                    prop_assert!(names.iter().all(|name| gone.contains(*name)) && names.len() == gone.len());
                }
                Fate::Stay | Fate::LeftOut => prop_assert!(explained.verdict == "stay" && gone.is_empty()),
            }
        }
        for line in plan.kept() {
            let Line::Keep { repository, image_id, reasons } = line else { unreachable!() };
            let explained = explain(&inventory, &parsed, &in_use, now(), &repository.name, image_id).unwrap();
            prop_assert_eq!(reasons, explained.reasons);
        }
    }

    /// P8
    #[test]
    fn planning_again_after_a_plan_names_nothing_that_stayed(world in world(), policy in policy()) {
        let Some(fates) = planned(&world, &policy) else { return Ok(()) };
        prop_assume!(fates.values().all(|fate| !matches!(fate, Fate::Untag(_))));
        let mut after = world.clone();
        for repository in &mut after.repositories {
            repository.images.retain(|image| fates[&(repository.name, image.number)] != Fate::Delete);
        }
        let again = planned(&after, &policy).unwrap_or_default();
        for (place, _) in again.iter().filter(|(_, fate)| **fate == Fate::Delete) {
            let (repository, image) = find(&world, *place);
            let went = repository.images.iter().filter(|other| fates[&(repository.name, other.number)] == Fate::Delete);
            let mut went = went.filter(|other| other.number != image.number);
            let was_held = went.any(|other| {
                matches!(&other.kind, Kind::Index(parts) if parts.contains(&image.digest))
                    || image.kind == Kind::AttachedTo(other.digest)
                    || other.kind == Kind::Unread
            });
            prop_assert!(was_held, "{place:?}\n{}", policy.toml());
        }
    }

    #[test]
    fn a_saved_inventory_is_the_same(world in world()) {
        let inventory = world.inventory();
        let mut builder = InventoryBuilder::new();
        inventory.to_lines().for_each(|line| builder.add_saved(&line).unwrap());
        prop_assert_eq!(builder.build(), inventory);
    }
}

#[test]
fn too_much_is_refused() {
    let mut builder = InventoryBuilder::new();
    let line = |number: u8| {
        let id = id(2, "serve", number);
        let pulled = r#""pulled":"2020-01-01T00:00:00Z""#;
        format!(
            r#"{{"id":"{id}","digest":"{}","pushed":"2020-01-0{}T00:00:00Z",{pulled},"size":1}}"#,
            crate::world::digest(number),
            number + 1
        )
    };
    let images: Vec<_> = (0..3).map(line).collect();
    let repository = id(1, "serve", 0);
    let saved = format!(
        r#"{{"repository":"serve","id":"{repository}","full_name":"h/serve","images":[{}]}}"#,
        images.join(",")
    );
    builder.add_saved(&saved).unwrap();
    let inventory = builder.build();
    let policy: Policy =
        "version = 1\n[limits]\nimages = 2\n[indexes]\nhow = \"none\"\n[[rule]]\nname = \"all\"\n\
                          repositories = [\"**\"]\nuntagged = true\nkeep_within = \"1d\"\n"
            .parse()
            .unwrap();
    let refused = plan(&inventory, &policy, &Default::default(), now()).unwrap_err();
    assert_eq!(refused, Refused::TooMany { images: 3, limit: 2 });
}
