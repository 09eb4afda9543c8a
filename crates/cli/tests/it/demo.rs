use insta::assert_snapshot;

use crate::support::Mlcr;

#[tokio::test]
async fn the_demo_does_all_steps_and_says_what_it_sent() {
    assert_snapshot!(Mlcr::bare().run("demo").await);
}

#[tokio::test]
async fn the_demo_in_json_is_an_array_of_14_steps_that_went_well() {
    let done = Mlcr::bare().run("demo -o json").await;
    let steps = done.json();
    let steps = steps.as_array().unwrap();
    assert_eq!((done.code, steps.len()), (0, 14), "{done}");
    for (number, step) in steps.iter().enumerate() {
        assert_eq!((step["step"].as_u64(), step["ok"].as_bool()), (Some(number as u64 + 1), Some(true)));
        let keys: Vec<_> = step.as_object().unwrap().keys().collect();
        assert_eq!(keys, ["command", "method", "ms", "ok", "path", "result", "status", "step", "title"]);
    }
}

#[tokio::test]
async fn a_step_without_its_effect_fails_the_demo_whatever_the_status_says() {
    for (fault, step) in [
        ("tag_create=wrong-ids", 2),
        ("repository_favorite=favorites-do-not-stick", 5),
        ("image_list=empty-list", 6),
        ("repository_update=labels-do-not-stick", 7),
        ("oci_manifest_put=403", 3),
        ("oci_blob_get=404", 3),
        ("image_get=404", 3),
        ("tag_list=empty-list;after=2", 10),
        ("tag_delete=delete-not-done", 12),
        ("image_delete=delete-not-done", 13),
        ("repository_delete=delete-not-done", 14),
    ] {
        let done = Mlcr::bare().run(&format!("demo -o json --fault {fault}")).await;
        let steps = done.json();
        let steps = steps.as_array().unwrap();
        assert_eq!((done.code, steps.len()), (1, step), "{fault}: {done}");
        assert_eq!(steps[step - 1]["ok"], false, "{fault}: {done}");
        assert!(done.error()["message"].as_str().unwrap().starts_with(&format!("step {step}:")), "{done}");
    }
}

#[tokio::test]
async fn the_demo_fits_80_columns_and_speaks_the_language_of_the_locale() {
    for (locale, title) in [("ru_RU.UTF-8", "Удалить репозиторий"), ("C", "Delete the repository")]
    {
        let done = Mlcr::bare().variable("LC_ALL", locale).run("demo").await;
        assert!(done.stdout.contains(title), "{done}");
        let wide: Vec<_> = done.stdout.lines().filter(|line| line.chars().count() > 80).collect();
        assert!(wide.is_empty(), "{wide:?}");
    }
}

#[tokio::test]
async fn what_the_demo_shows_can_be_typed() {
    let steps = Mlcr::bare().run("demo -o json").await.json();
    for step in steps.as_array().unwrap() {
        let line = step["command"].as_str().unwrap().replace('\'', "");
        let parsed = mlspace_registry_cli::command().try_get_matches_from(line.split(' '));
        assert!(parsed.is_ok(), "{line}: {parsed:?}");
    }
}

#[tokio::test]
async fn the_requests_of_the_demo_are_shown_to_who_asks_for_more() {
    let (plain, more) = (Mlcr::bare().run("demo").await, Mlcr::bare().run("demo -v").await);
    assert!(!plain.stdout.contains("/public/v2/"), "{plain}");
    assert_eq!(more.stdout.matches("      GET /public/v2/").count(), 5, "{more}");
}
