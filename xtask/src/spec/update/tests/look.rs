use super::{Checkout, build_images, checkout, git};

/// Runs `.ci/look` in the checkout against an address that answers once; whether it succeeded. What it hands to cargo is
/// kept in `asked`.
fn look(checkout: &Checkout, status: &str, body: &str) -> bool {
    use std::os::unix::fs::PermissionsExt;
    checkout.write(".ci/look", include_str!("../../../../../.ci/look"));
    let cargo = checkout.write("bin/cargo", "#!/bin/sh\n{ echo \"$@\"; cat; } > asked\n");
    std::fs::set_permissions(cargo, PermissionsExt::from_mode(0o755)).unwrap();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let length = body.len();
    let answer = format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}");
    let server = std::thread::spawn(move || {
        let (mut connection, _) = listener.accept().unwrap();
        std::io::Read::read(&mut connection, &mut [0; 4096]).unwrap();
        std::io::Write::write_all(&mut connection, answer.as_bytes()).unwrap();
    });
    let mut path = vec![checkout.root().join("bin")];
    path.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap()));
    let looked = std::process::Command::new("bash")
        .arg(".ci/look")
        .current_dir(checkout.root())
        .env("PATH", std::env::join_paths(path).unwrap())
        .env("DOCUMENT_URL", format!("http://{address}/openapi.json"))
        .status();
    server.join().unwrap();
    looked.unwrap().success()
}

#[test]
fn a_look_takes_over_what_is_new_and_leaves_what_is_known() {
    let checkout = checkout();
    git(&checkout, &["init", "--quiet"]);
    let known = build_images().to_string();
    assert!(look(&checkout, "200 OK", &known));
    assert!(!checkout.root().join("asked").exists(), "a document that is known asks for nothing");
    assert!(!look(&checkout, "404 Not Found", "<html>"));
    assert!(!checkout.root().join("asked").exists() && !checkout.root().join("target/look").exists());

    let new = known.replace("Job-Output", "JobListEntry");
    assert!(look(&checkout, "200 OK", &new));
    let asked = checkout.read("asked");
    assert!(asked.starts_with("xtask spec update - --date "), "{asked}");
    assert!(asked.ends_with(&format!("--report target/look/report.md\n{new}")), "{asked}");
    assert!(checkout.root().join("target/look/patch").exists());
}
