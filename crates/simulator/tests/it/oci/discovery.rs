//! Discovery: lists of tags and of referrers.

use serde_json::{Value, json};

use super::client::{Client, INDEX, MANIFEST, index, open, sha256};

async fn tags(client: &Client, query: &str) -> (Vec<String>, Option<String>) {
    let answer = client.call("GET", &format!("/v2/a/tags/list{query}")).await.is(200);
    let link = answer.headers.get("link").map(|link| link.to_str().unwrap().to_owned());
    assert_eq!(answer.json()["name"], "a");
    (serde_json::from_value(answer.json()["tags"].clone()).unwrap(), link)
}

#[tokio::test]
async fn tags_are_listed_in_order_and_in_pages_that_name_the_next() {
    let (_simulator, client) = open(&[]).await;
    for tag in ["v2", "A", "latest", "v10", "_x"] {
        client.push_image("a", tag, 1).await;
    }
    let all = ["A", "_x", "latest", "v10", "v2"];
    assert_eq!(tags(&client, "").await.0, all);
    assert_eq!(tags(&client, "?last=latest").await.0, ["v10", "v2"]);
    assert_eq!(tags(&client, "?last=not-there").await.0, ["v10", "v2"]);
    assert_eq!(tags(&client, "?n=0").await, (Vec::new(), None));
    assert_eq!(tags(&client, "?n=5").await.1, None);
    client.call("GET", "/v2/a/tags/list?n=x").await.is(400);

    let (mut seen, mut query) = (Vec::new(), "?n=2".to_owned());
    loop {
        let (page, link) = tags(&client, &query).await;
        assert!(page.len() <= 2);
        seen.extend(page);
        let Some(link) = link else { break };
        let target = link.strip_prefix("</v2/a/tags/list").unwrap().strip_suffix(">; rel=\"next\"").unwrap();
        query = target.to_owned();
    }
    assert_eq!(seen, all);
}

/// An artifact that refers to a subject.
async fn attach(client: &Client, subject: &Value, artifact_type: Option<&str>, note: &str) -> Value {
    let empty = client.push_blob("a", b"{}").await;
    let mut artifact = json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": { "mediaType": "application/x.config", "digest": empty, "size": 2 },
        "layers": [],
        "subject": subject,
        "annotations": { "note": note },
    });
    if let Some(artifact_type) = artifact_type {
        artifact["artifactType"] = artifact_type.into();
    }
    let digest = sha256(artifact.to_string().as_bytes());
    let answer = client.put_manifest("a", &digest, MANIFEST, &artifact).await.is(201);
    assert_eq!(answer.header("oci-subject"), subject["digest"].as_str().unwrap());
    artifact
}

async fn referrers(client: &Client, digest: &str, query: &str) -> super::client::Answer {
    let answer = client.call("GET", &format!("/v2/a/referrers/{digest}{query}")).await.is(200);
    assert_eq!(answer.header("content-type"), INDEX);
    assert_eq!((&answer.json()["schemaVersion"], &answer.json()["mediaType"]), (&json!(2), &json!(INDEX)));
    answer
}

#[tokio::test]
async fn referrers_are_listed_with_what_is_known_of_them_and_filtered() {
    let (_simulator, client) = open(&[]).await;
    let nothing = referrers(&client, &sha256(b"nothing"), "").await;
    assert_eq!(nothing.json()["manifests"], json!([]));

    // The subject need not be there.
    let missing = sha256(b"pushed later");
    let subject = json!({ "mediaType": MANIFEST, "digest": missing, "size": 12 });
    let typed = attach(&client, &subject, Some("application/x.sbom"), "typed").await;
    let plain = attach(&client, &subject, None, "plain").await;
    let mut list = index(&[]);
    list["subject"] = subject.clone();
    list["artifactType"] = "application/x.list".into();
    client.put_manifest("a", "list", INDEX, &list).await.is(201);

    let all = referrers(&client, &missing, "").await.json();
    let find = |manifest: &Value| {
        let digest = sha256(manifest.to_string().as_bytes());
        let found = all["manifests"].as_array().unwrap().iter().find(|one| one["digest"] == digest);
        found.unwrap_or_else(|| panic!("{digest} in {all}")).clone()
    };
    assert_eq!(all["manifests"].as_array().unwrap().len(), 3);
    assert_eq!(find(&typed)["artifactType"], "application/x.sbom");
    assert_eq!(find(&typed)["annotations"]["note"], "typed");
    assert_eq!(find(&typed)["size"], typed.to_string().len());
    assert_eq!(find(&plain)["artifactType"], "application/x.config");
    assert_eq!(
        (&find(&list)["mediaType"], &find(&list)["artifactType"]),
        (&json!(INDEX), &json!("application/x.list"))
    );

    let some = referrers(&client, &missing, "?artifactType=application%2Fx.sbom").await;
    assert_eq!(some.header("oci-filters-applied"), "artifactType");
    assert_eq!(some.json()["manifests"], json!([find(&typed)]));
    client.call("GET", "/v2/a/referrers/sha256:x").await.refused(400, "DIGEST_INVALID");

    let digest = sha256(typed.to_string().as_bytes());
    client.call("DELETE", &format!("/v2/a/manifests/{digest}")).await.is(202);
    assert_eq!(referrers(&client, &missing, "").await.json()["manifests"].as_array().unwrap().len(), 2);
}
