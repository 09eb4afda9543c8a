//! P13: what is written in any way is found, and text without names finds nothing.

use std::collections::BTreeSet;

use mlspace_registry_retention::{InUse, Inventory};
use proptest::prelude::*;

use crate::world::{Img, Kind, Repo, Tg, World, digest, id};

fn inventory() -> Inventory {
    let tag = |name: &'static str| Tg { name, green: false, signed: false, pushed: Some(0), pulled: None };
    let image = |number: u8, tags: &[&'static str]| Img {
        number,
        digest: number,
        pushed: Some(0),
        pulled: None,
        tags: tags.iter().map(|name| tag(name)).collect(),
        kind: Kind::Image,
    };
    let repository = |name: &'static str, images: Vec<Img>| Repo {
        name,
        labels: vec![],
        favorite: false,
        complete: true,
        images,
    };
    let world = World {
        repositories: vec![
            repository(
                "train/a",
                vec![image(0xa1, &["v1", "latest"]), image(0xa2, &["v2"]), image(0xa3, &[])],
            ),
            repository("serve", vec![image(0xb1, &["v1", "latest"])]),
        ],
    };
    world.inventory()
}

fn found(text: &[u8]) -> BTreeSet<String> {
    let inventory = inventory();
    let mut scanner = InUse::scanner(&inventory);
    scanner.scan("text", text).unwrap();
    scanner.finish().mentions(&inventory).into_iter().map(|mention| mention.in_use).collect()
}

#[test]
fn a_reference_is_found_in_every_form_in_which_people_write_it() {
    let registry = id(1, "train/a", 0);
    let (host, sha) = (format!("cr.example/{registry}"), digest(0xa2));
    let v2 = "train/a:v2".to_owned();
    let forms = [
        (format!("image: {host}/train/a:v2"), &v2),
        (format!("image: \"{host}/train/a:v2\""), &v2),
        (format!("image: '{host}/train/a:v2'"), &v2),
        (format!("- image: {host}/train/a:v2 # newest"), &v2),
        (format!("image:{host}/train/a:v2"), &v2),
        (format!("{{\"image\":\"{host}/train/a:v2\"}}"), &v2),
        (format!("{{\"image\":\"cr.example\\/{registry}\\/train\\/a:v2\"}}"), &v2),
        (format!("{{\"image\":\"cr.example\\u002f{registry}\\u002Ftrain\\u002fa\\u003av2\"}}"), &v2),
        (format!("{{\"last\":\"a: b\\n{host}/train/a:v2\\n\"}}"), &v2),
        (format!("imageID: docker-pullable://{host}/train/a@{sha}"), &sha),
        (format!("docker://{host}/train/a:v2"), &v2),
        (format!("oci://{host}/train/a@{sha}"), &sha),
        (format!("image: {host}/train/a:v2@{sha}"), &v2),
        (format!("image: {host}/train/a:v2@{sha}"), &sha),
        (format!("{host}/train/a@{sha}"), &sha),
        (sha.clone(), &sha),
        (format!("id={sha};"), &sha),
        (sha.to_uppercase().replace("SHA256", "sha256"), &sha),
        (format!("\"{sha}\""), &sha),
        (format!("FROM {host}/train/a:v2 AS build"), &v2),
        (format!("FROM --platform=linux/amd64 {host}/train/a:v2"), &v2),
        (format!("COPY --from={host}/train/a:v2 /a /b"), &v2),
        (format!("docker pull {host}/train/a:v2\r\n"), &v2),
        (format!("docker run --rm {host}/train/a:v2 python"), &v2),
        (format!("IMAGE={host}/train/a:v2"), &v2),
        ("image: train/a:v2".to_owned(), &v2),
        ("image: cr.msk.sbercloud.ru/old/train/a:v2".replace("/old", &format!("/{registry}")), &v2),
        ("image: cr.msk.sbercloud.ru/train/a:v2".to_owned(), &v2),
        ("image: localhost:5000/train/a:v2".to_owned(), &v2),
        ("image: ${REGISTRY}/train/a:v2".to_owned(), &v2),
        ("image: $REGISTRY/train/a:v2".to_owned(), &v2),
        ("image: ${REGISTRY}train/a:v2".to_owned(), &v2),
        ("image: {{ .Values.registry }}/train/a:v2".to_owned(), &v2),
        ("image: %REGISTRY%/train/a:v2".to_owned(), &v2),
        ("image: <registry>/train/a:v2".to_owned(), &v2),
        (format!("repository: {host}/train/a\ntag: v2\n"), &v2),
        (format!("tag: \"v2\"\nrepository: {host}/train/a\n"), &v2),
        (format!("images:\n- name: {host}/train/a\n  newTag: v2\n"), &v2),
        ("repository: train/a\ntag: v2".to_owned(), &v2),
        (format!("We run {host}/train/a:v2."), &v2),
        (format!("see ({host}/train/a:v2), please"), &v2),
        (format!("<td>{host}/train/a:v2</td>"), &v2),
        (format!("NAME  IMAGE\nx  {host}/train/a:v2  Up 2 days"), &v2),
        (format!("\u{feff}{host}/train/a:v2"), &v2),
        (format!("a,{host}/train/a:v2,b"), &v2),
    ];
    assert!(forms.len() >= 40);
    for (text, expected) in &forms {
        assert!(found(text.as_bytes()).contains(*expected), "{text}: {:?}", found(text.as_bytes()));
    }
}

#[test]
fn a_name_without_a_tag_is_latest_and_every_tag_of_the_file() {
    let host = format!("cr.example/{}", id(1, "train/a", 0));
    assert_eq!(
        found(format!("image: {host}/train/a").as_bytes()),
        BTreeSet::from(["train/a:latest".to_owned()])
    );
    let both = BTreeSet::from(["train/a:latest".to_owned(), "train/a:v1".to_owned()]);
    assert_eq!(found(format!("repository: {host}/train/a\ntag: v1").as_bytes()), both);
}

#[test]
fn other_names_and_words_are_not_in_use() {
    let host = format!("cr.example/{}", id(1, "train/a", 0));
    for text in [
        "".to_owned(),
        "serve the train v1 v2 latest".to_owned(),
        "tag: v2".to_owned(),
        format!("{host}/train/ab:v2"),
        format!("{host}/x/train/a:v2"),
        "docker.io/library/serve2:v1".to_owned(),
        "foo/bar/serve:v1".to_owned(),
        "sha256:abc".to_owned(),
        "sha256:".to_owned() + &"0".repeat(64),
        "serve: latest".to_owned(),
    ] {
        assert_eq!(found(text.as_bytes()), BTreeSet::new(), "{text}");
    }
}

#[test]
fn what_our_host_does_not_have_is_told_with_its_source() {
    let inventory = inventory();
    let host = format!("cr.example/{}", id(1, "train/a", 0));
    let text =
        format!("one\n{host}/train/a:v1\n{host}/train/a:v9\n{host}/gone:v1\ndocker.io/library/redis:7\n");
    let mut scanner = InUse::scanner(&inventory);
    let source = scanner.scan("pods.json", text.as_bytes()).unwrap();
    assert_eq!((source.mentions, source.matched, source.bytes), (1, 1, text.len() as u64));
    assert_eq!(source.missing, [format!("{host}/train/a:v9"), format!("{host}/gone:v1")]);
    let mentions = scanner.finish().mentions(&inventory);
    assert_eq!((mentions[0].source.as_str(), mentions[0].line), ("pods.json", 2));
}

/// Hands out bytes in pieces of odd lengths.
struct Pieces<'p>(&'p [u8], usize);

impl std::io::Read for Pieces<'_> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let length = self.1.min(self.0.len()).min(into.len());
        into[..length].copy_from_slice(&self.0[..length]);
        self.0 = &self.0[length..];
        Ok(length)
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_reference_is_found_wherever_the_text_is_cut(
        before in "[a-z \"{}\\\\\n/:.]{0,40}", after in "[a-z \"{}\n]{0,40}", piece in 1..20_usize,
    ) {
        let text = format!("{before} image: train/a:v2\n{after}");
        let inventory = inventory();
        let mut scanner = InUse::scanner(&inventory);
        scanner.scan("text", Pieces(text.as_bytes(), piece)).unwrap();
        let mentions = scanner.finish().mentions(&inventory);
        prop_assert!(mentions.iter().any(|mention| mention.in_use == "train/a:v2"), "{:?}", text);
    }

    #[test]
    fn no_bytes_break_the_search(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        found(&bytes);
    }
}

#[test]
fn a_name_in_a_word_of_any_length_is_found_and_memory_is_bounded() {
    let mut text = "x".repeat(300_000);
    text.push_str(&format!(" {} ", digest(0xa2)));
    text.push_str(&"y".repeat(300_000));
    text.push_str(&digest(0xa1));
    assert_eq!(found(text.as_bytes()), BTreeSet::from([digest(0xa1), digest(0xa2)]));
}
