//! Settings as machines have them: homes of others, line ends of other systems, files with mistakes, proxies.

use std::fs;
use std::io::{Read, Write};
use std::path::Path;

use mlspace_registry_simulator::Simulator;

use crate::support::{Done, Mlcr};

async fn repositories(mlcr: Mlcr) -> Done {
    mlcr.run("repo ls --jq 'length'").await
}

fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

#[tokio::test]
async fn a_home_that_is_none_is_no_obstacle_where_the_environment_has_all() {
    let simulator = Simulator::start().await.unwrap();
    let file = tempfile::NamedTempFile::new().unwrap();
    let file = file.path().to_str().unwrap();
    for (name, value) in
        [("HOME", "/dev/null"), ("HOME", file), ("XDG_CONFIG_HOME", "/dev/null"), ("HOME", "/nowhere")]
    {
        let done = repositories(Mlcr::at(&simulator).variable(name, value)).await;
        assert_eq!((done.code, done.stdout.as_str(), done.stderr.as_str()), (0, "5\n", ""), "{done}");
        for line in ["auth status", "image pull notebook:latest /nowhere/x --dry-run"] {
            let done = Mlcr::at(&simulator).variable(name, value).run(line).await;
            assert_eq!(done.code, 0, "{done}");
        }
    }
}

#[tokio::test]
async fn a_file_that_cannot_be_used_is_left_out_with_a_warning_or_is_an_error() {
    let simulator = Simulator::start().await.unwrap();
    for (path, text) in [
        (".config/mlcr/profiles.toml", Some("[profiles.default]\nclient_idd = 'x'\n")),
        // A folder in its place cannot be read by anybody, whoever runs the test.
        (".config/mlcr/profiles.toml", None),
        (".config/mlspace-plugin/.env", None),
        (".mls/credentials", None),
    ] {
        let home = tempfile::tempdir().unwrap();
        match text {
            Some(text) => write(&home.path().join(path), text),
            None => fs::create_dir_all(home.path().join(path)).unwrap(),
        }
        let at_home = |mlcr: Mlcr| mlcr.variable("HOME", home.path().to_str().unwrap());
        let done = at_home(Mlcr::at(&simulator)).run("repo ls").await;
        assert_eq!((done.code, done.stdout.lines().count()), (0, 6), "{done}");
        assert!(done.stderr.starts_with("warning: ") && done.stderr.contains(path), "{done}");
        assert_eq!(done.stderr.matches("warning").count(), 1, "{done}");
        let done = at_home(Mlcr::at(&simulator)).run("repo ls -o json").await;
        let warning: serde_json::Value = serde_json::from_str(done.stderr.lines().next().unwrap()).unwrap();
        assert_eq!(warning["warning"]["code"], "settings_left_out", "{done}");
        assert_eq!(repositories(at_home(Mlcr::bare())).await.code, 2);
    }
}

#[tokio::test]
async fn values_are_taken_without_what_is_around_them() {
    let simulator = Simulator::start().await.unwrap();
    let plain = Mlcr::at(&simulator).variables;
    let around: [fn(&str) -> String; 5] = [
        |value| format!("{value}\r"),
        |value| format!("{value}\n"),
        |value| format!(" {value}\t"),
        |value| format!("\u{feff}{value}"),
        |value| format!("\"{value}\""),
    ];
    for around in around {
        let variables = plain.iter().map(|(name, value)| (name.clone(), around(value))).collect();
        let mlcr = Mlcr { variables, ..Mlcr::bare() }.variable("MLSPACE_TIMEOUT", around("30"));
        let done = repositories(mlcr).await;
        assert_eq!((done.code, done.stdout.as_str()), (0, "5\n"), "{done}");
    }
    let split = Mlcr::at(&simulator).variable("MLSPACE_API_KEY", "two\npieces");
    let done = repositories(split).await;
    assert!(done.code == 2 && done.stderr.contains("the api key of the environment"), "{done}");
    // What is piped in may begin with a mark of the order of bytes.
    let home = tempfile::tempdir().unwrap();
    let key = simulator.service_account();
    let answers = format!("\u{feff}{}\r\n{}\r\n", key.client_id, key.client_secret.expose());
    let login = Mlcr::bare().variable("HOME", home.path().to_str().unwrap());
    let login = login.variable("MLSPACE_BASE_URL", simulator.base_url()).piped(&answers);
    let done = login.run("auth login").await;
    assert_eq!(done.code, 0, "{done}");
}

#[tokio::test]
async fn no_hint_leads_back_to_where_it_came_from() {
    let simulator = Simulator::start().await.unwrap();
    let home = tempfile::tempdir().unwrap();
    let stranger = || {
        let mlcr = Mlcr::bare().variable("HOME", home.path().to_str().unwrap());
        mlcr.variable("MLSPACE_BASE_URL", simulator.base_url())
    };
    let done = stranger().run("auth login").await;
    assert!(done.code == 2 && done.stderr.contains("no key was given"), "{done}");
    assert!(!done.stderr.contains("MLSPACE_BASE_URL"), "{done}");
    let done = stranger().piped("id\nwrong\n").run("auth login").await;
    assert!(done.code == 3 && done.stderr.contains("nothing was kept"), "{done}");
    assert!(!done.stderr.contains("auth status"), "{done}");
    let hang = stranger().variable("MLSPACE_CLIENT_ID", "a").variable("MLSPACE_CLIENT_SECRET", "b");
    let done = hang.variable("MLSPACE_BASE_URL", "http://127.0.0.1:1").run("doctor").await;
    assert!(done.code == 1 && !done.to_string().contains("`mlcr doctor`"), "{done}");
    // The encrypted file of mls is what is missing its password.
    write(&home.path().join(".mls/credentials.key"), "U2FsdGVkX1+MajHAQYBY");
    let done = repositories(stranger()).await;
    assert!(done.code == 3 && done.stderr.contains("MLS_PASSWORD, which opens"), "{done}");
}

#[tokio::test]
async fn a_mistake_in_the_file_of_profiles_is_named_by_line_and_key() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join(".config/mlcr/profiles.toml");
    for (text, place, word) in [
        (
            "[profiles.default]\nclient_id = 'a'\nclient_sekret = 'hunter2'\n",
            "line 3",
            "there is no setting client_sekret",
        ),
        ("default = 'x'\nregion = 'hunter2'\n", "line 2", "there is no setting region"),
        ("[profiles.default]\nclient_id = 1\n", "line 2", "the value of client_id"),
        ("[profiles.default]\nclient_id = 'hunter2\n", "line 2", "the value of client_id"),
        ("[profiles.default\nclient_id = 'hunter2'\n", "line 1", "this is not TOML"),
        ("[profiles.default]\nhunter2\n", "line 2", "this is not TOML"),
    ] {
        write(&path, text);
        let done = repositories(Mlcr::bare().variable("HOME", home.path().to_str().unwrap())).await;
        assert!(
            done.code == 2 && done.stderr.contains(place) && done.stderr.contains(word),
            "{text}: {done}"
        );
        assert!(!done.stderr.contains("hunter2"), "{done}");
    }
}

#[tokio::test]
async fn a_login_keeps_the_comments_the_order_and_the_link_of_the_file() {
    let simulator = Simulator::start().await.unwrap();
    let home = tempfile::tempdir().unwrap();
    let (link, target) =
        (home.path().join(".config/mlcr/profiles.toml"), home.path().join("dotfiles/mlcr.toml"));
    let text = "# mine\ndefault = \"work\" # at work\n\n[profiles.work] # the old key\nclient_id = \"old\" # to rotate\n\
                client_secret = \"old\"\n\n# of others\n[profiles.other]\nclient_id = \"x\"\nclient_secret = \"y\"\n";
    write(&target, text);
    fs::create_dir_all(link.parent().unwrap()).unwrap();
    std::os::unix::fs::symlink("../../dotfiles/mlcr.toml", &link).unwrap();
    let key = simulator.service_account();
    let run = |line: &'static str| {
        let mlcr = Mlcr::bare().variable("HOME", home.path().to_str().unwrap());
        let answers = format!("{}\n{}\n", key.client_id, key.client_secret.expose());
        mlcr.variable("MLSPACE_BASE_URL", simulator.base_url()).piped(&answers).run(line)
    };
    let done = run("auth login --profile work").await;
    assert_eq!(done.code, 0, "{done}");
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    let kept = fs::read_to_string(&target).unwrap();
    for part in [
        "# mine\ndefault = \"work\" # at work\n",
        "# the old key\n",
        "# to rotate\n",
        "# of others\n[profiles.other]\nclient_id = \"x\"",
    ] {
        assert!(kept.contains(part), "{kept}");
    }
    assert!(kept.contains(&key.client_id) && !kept.contains("\"old\""), "{kept}");
    assert!(kept.find("profiles.work").unwrap() < kept.find("profiles.other").unwrap(), "{kept}");
    assert_eq!(run("auth login --profile third").await.code, 0);
    assert_eq!(run("auth logout --profile other").await.code, 0);
    let kept = fs::read_to_string(&target).unwrap();
    assert!(kept.contains("[profiles.third]") && !kept.contains("[profiles.other]"), "{kept}");
    assert!(kept.contains("# the old key"), "{kept}");
}

/// A proxy that takes one connection, and answers what it was asked for.
fn socks() -> (u16, std::thread::JoinHandle<String>) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let proxy = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut greeting = [0; 2];
        stream.read_exact(&mut greeting).unwrap();
        stream.read_exact(&mut vec![0; greeting[1].into()]).unwrap();
        stream.write_all(&[5, 0]).unwrap();
        let mut head = [0; 5];
        stream.read_exact(&mut head).unwrap();
        assert_eq!((greeting[0], head[3]), (5, 3), "version 5, and a name");
        let mut name = vec![0; head[4].into()];
        stream.read_exact(&mut name).unwrap();
        String::from_utf8(name).unwrap()
    });
    (port, proxy)
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_go_through_a_socks_proxy_and_never_past_a_proxy_that_cannot_be_read() {
    let run = |proxy: String| {
        let mut mlcr = std::process::Command::new(env!("CARGO_BIN_EXE_mlcr"));
        mlcr.args(["repo", "ls", "--timeout", "1s", "--deadline", "1s"]).env_clear().env("ALL_PROXY", proxy);
        mlcr.envs([("MLSPACE_CLIENT_ID", "a"), ("MLSPACE_CLIENT_SECRET", "b")]);
        mlcr.env("MLSPACE_BASE_URL", "https://service.invalid").env("HOME", "/nowhere");
        let done = mlcr.output().unwrap();
        (done.status.code(), String::from_utf8(done.stderr).unwrap())
    };
    let (port, proxy) = socks();
    let (code, said) = run(format!("socks5h://127.0.0.1:{port}"));
    assert_eq!(proxy.join().unwrap(), "service.invalid", "{code:?} {said}");
    let (code, said) = run(format!("http://127.0.0.1:{port}\r"));
    assert!(code == Some(2) && said.contains("ALL_PROXY does not hold the address of a proxy"), "{said}");
    let proxied = |value: &str| Mlcr::bare().variable("HTTPS_PROXY", value);
    let done = proxied("socks://127.0.0.1:1").run("doctor -o json").await;
    assert_eq!((done.code, done.json()[1]["state"].as_str()), (2, Some("failed")), "{done}");
    assert_eq!(done.json()[1]["check"], "proxy", "{done}");
}

#[test]
fn a_star_in_no_proxy_excepts_addresses_as_well_as_names() {
    let proxy = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut mlcr = std::process::Command::new(env!("CARGO_BIN_EXE_mlcr"));
    mlcr.args(["repo", "ls", "--timeout", "1s", "--deadline", "1s"]).env_clear().env("NO_PROXY", "*");
    mlcr.env("HTTPS_PROXY", format!("http://{}", proxy.local_addr().unwrap()));
    mlcr.envs([("MLSPACE_CLIENT_ID", "a"), ("MLSPACE_CLIENT_SECRET", "b"), ("HOME", "/nowhere")]);
    // An address that is for documents, and nobody's.
    let done = mlcr.env("MLSPACE_BASE_URL", "https://192.0.2.1").output().unwrap();
    assert!(!done.status.success());
    proxy.set_nonblocking(true).unwrap();
    assert!(proxy.accept().is_err(), "{}", String::from_utf8_lossy(&done.stderr));
}

#[tokio::test]
async fn each_request_is_told_in_a_line_to_whoever_asks_twice() {
    let simulator = Simulator::start().await.unwrap();
    let told = |done: &Done| done.stderr.lines().filter(|line| line.starts_with("GET /public/v2/")).count();
    let done = Mlcr::at(&simulator).run("repo ls -vv --jq 'length'").await;
    let line = done.stderr.lines().find(|line| line.contains("/repositories/")).unwrap();
    let words: Vec<_> = line.split(' ').collect();
    assert!(words[1].ends_with("repositories/?page=1&page_size=100"), "{done}");
    assert!(words[2] == "200" && words[3].parse::<u32>().is_ok() && words[4] == "ms", "{done}");
    assert!(told(&done) >= 1, "{done}");
    assert_eq!(told(&Mlcr::at(&simulator).run("repo ls -v").await), 0);
    assert_eq!(Mlcr::at(&simulator).run("repo ls -q -vv").await.code, 2);
}
