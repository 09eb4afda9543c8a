use mlspace_registry::Completeness;
use mlspace_registry_simulator::{NewImage, Seed};

use crate::World;

#[tokio::test]
async fn a_count_that_disagrees_costs_one_list_more_and_not_the_verdict() {
    let World { simulator, client, .. } = World::new(Seed::Demo).await;
    let repositories = client.repositories().list().collect_verified_without_tags().await.unwrap().items;
    assert!(repositories.iter().all(|one| one.tags.is_empty() && one.commands.is_none()));
    let names: Vec<_> = repositories.iter().map(|one| one.name.clone()).collect();
    simulator.push_image(NewImage::new("notebook", ["new"]));
    simulator.clear_journal();
    let mut lists = client.images().list_each(repositories);
    let mut read = Vec::new();
    while let Some(one) = lists.next().await {
        let list = one.result.unwrap();
        assert_eq!(list.completeness, Completeness::Complete, "{}", one.repository.name);
        read.push((one.repository.name, list.items.len()));
    }
    assert_eq!(read.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>(), names);
    assert_eq!(read.iter().find(|(name, _)| name == "notebook").unwrap().1, 3);
    assert_eq!(simulator.requests("image_list"), names.len() + 1);
    assert_eq!(simulator.requests("repository_get"), 1);
}
