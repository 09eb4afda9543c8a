//! A registry of its own for each run.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};

use super::text;

/// Certificates that a registry shows, and the authority that vouches for them.
pub(super) struct Tls {
    /// Holds `ca.crt`, as programs want it in a folder.
    pub(super) authority: PathBuf,
    certificate: PathBuf,
    key: PathBuf,
}

impl Tls {
    pub(super) fn make(folder: &Path) -> Self {
        let authority = folder.join("authority");
        fs::create_dir(&authority).unwrap();
        let mut parameters = CertificateParams::new(Vec::new()).unwrap();
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = Issuer::new(parameters.clone(), KeyPair::generate().unwrap());
        let key = KeyPair::generate().unwrap();
        let names = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
        let certificate = names.signed_by(&key, &issuer).unwrap();
        let of_authority = parameters.self_signed(issuer.key()).unwrap();
        let tls = Self { authority, certificate: folder.join("server.crt"), key: folder.join("server.key") };
        fs::write(tls.ca(), of_authority.pem()).unwrap();
        fs::write(&tls.certificate, certificate.pem()).unwrap();
        fs::write(&tls.key, key.serialize_pem()).unwrap();
        tls
    }

    pub(super) fn ca(&self) -> PathBuf {
        self.authority.join("ca.crt")
    }
}

/// A registry with nothing in it.
pub(super) struct Registry {
    process: Child,
    pub(super) address: String,
    storage: PathBuf,
}

impl Registry {
    pub(super) fn start(folder: &Path, tls: Option<&Tls>) -> Self {
        let (storage, configuration) = (folder.join("storage"), folder.join("registry.yml"));
        let place = text(&storage);
        let encrypted = tls.map_or(String::new(), |tls| {
            format!(", tls: {{certificate: {}, key: {}}}", text(&tls.certificate), text(&tls.key))
        });
        let settings = format!(
            "version: 0.1\nlog: {{level: info, accesslog: {{disabled: true}}}}\n\
             storage: {{filesystem: {{rootdirectory: {place}}}}}\nhttp: {{addr: '127.0.0.1:0'{encrypted}}}\n"
        );
        fs::write(&configuration, settings).unwrap();
        let mut command = Command::new("docker-registry");
        command.arg("serve").arg(configuration).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut process = command.spawn().expect("docker-registry is not installed");
        let mut log = BufReader::new(process.stderr.take().unwrap()).lines();
        let listening =
            |line: String| Some(line.split_once("listening on ")?.1.split(['"', ',']).next()?.to_owned());
        let address = log.find_map(|line| listening(line.unwrap())).expect("the registry did not start");
        std::thread::spawn(move || log.for_each(drop));
        Self { process, address, storage }
    }

    /// Bytes of all blobs.
    pub(super) fn size(&self) -> u64 {
        fn size(path: &Path) -> u64 {
            let entries = fs::read_dir(path).unwrap().map(|entry| entry.unwrap());
            entries
                .map(|e| if e.path().is_dir() { size(&e.path()) } else { e.metadata().unwrap().len() })
                .sum()
        }
        size(&self.storage.join("docker/registry/v2/blobs"))
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = fs::remove_dir_all(&self.storage);
    }
}
