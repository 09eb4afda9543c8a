use futures_util::FutureExt;
use mlspace_registry_simulator::Seed;

use crate::World;

#[tokio::test]
async fn dropping_a_call_anywhere_leaves_the_client_usable() {
    let world = World::new(Seed::Demo).await;
    for polls in 0..40 {
        world.simulator.expire_tokens();
        let mut call = Box::pin(world.client.registry());
        for _ in 0..polls {
            if (&mut call).now_or_never().is_some() {
                break;
            }
            tokio::task::yield_now().await;
        }
        drop(call);
        world.client.registry().await.unwrap();
    }
}

#[tokio::test]
async fn a_sign_in_goes_on_whoever_gives_up_waiting_for_it() {
    let world = World::new(Seed::Demo).await;
    let mut first = Box::pin(world.client.registry());
    while world.simulator.requests("service_auth") == 0 {
        assert!((&mut first).now_or_never().is_none());
        tokio::task::yield_now().await;
    }
    drop(first);
    world.client.registry().await.unwrap();
    assert_eq!(world.simulator.requests("service_auth"), 1);
}
