//! The profiles of the vendor's own command line, `mls`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use aes::Aes256;
use base64::Engine;
use cbc::cipher::{BlockModeDecrypt, KeyIvInit, block_padding::Pkcs7};

use super::files;
use super::layer::Layer;
use crate::failure::Failure;
use crate::io::Io;

/// Rounds of key derivation that `openssl enc -pbkdf2` uses by default.
const ROUNDS: u32 = 10_000;

/// The profile of that name, or the default one; `None` if there is none.
pub(super) fn layer(io: &Io, profile: Option<&str>) -> Result<Option<Layer>, Failure> {
    let Some(folder) = files::home(io).map(|home| home.join(".mls")) else { return Ok(None) };
    let profile = profile.or_else(|| io.variable("MLS_PROFILE_DEFAULT")).unwrap_or("default");
    let (path, text) = match io.variable("MLS_PASSWORD") {
        Some(password) if folder.join("credentials.key").exists() => {
            let path = folder.join("credentials.key");
            let Some(text) = files::read(&path)? else { return Ok(None) };
            let text = decrypt(&text, password).ok_or_else(|| {
                Failure::usage(format!("{} cannot be opened with MLS_PASSWORD", path.display()))
            })?;
            (path, text)
        }
        _ => {
            let path = folder.join("credentials");
            let Some(text) = files::read(&path)? else { return Ok(None) };
            (path, text)
        }
    };
    let Some(keys) = sections(&text).remove(profile) else { return Ok(None) };
    let config = files::read(&folder.join("config"))?.unwrap_or_default();
    let config = sections(&config).remove(profile).unwrap_or_default();
    let names = [
        ("key_id", "CLIENT_ID"),
        ("key_secret", "CLIENT_SECRET"),
        ("x_workspace_id", "WORKSPACE_ID"),
        ("x_api_key", "API_KEY"),
        ("endpoint_url", "BASE_URL"),
    ];
    let value = |name: &str| keys.get(name).or_else(|| config.get(name)).cloned();
    let values = names.into_iter().filter_map(|(theirs, ours)| Some((ours.to_owned(), value(theirs)?)));
    Ok(Some(Layer::new(format!("profile {profile} of {}", path.display()), false, values)))
}

/// The encrypted file, where nothing opens it and there is no other.
pub(crate) fn closed(io: &Io) -> Option<PathBuf> {
    let folder = files::home(io)?.join(".mls");
    let closed = folder.join("credentials.key");
    let open = io.variable("MLS_PASSWORD").is_some() || folder.join("credentials").exists();
    (!open && closed.exists()).then_some(closed)
}

/// Reads an INI file as Python's ConfigParser does: what is under `DEFAULT` holds for all, names are not
/// sensitive to case, `%%` is a percent sign.
fn sections(text: &str) -> BTreeMap<String, BTreeMap<String, String>> {
    let mut all: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    let mut section = String::new();
    for line in text.lines().map(str::trim) {
        if line.is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            section = name.to_owned();
            all.entry(section.clone()).or_default();
        } else if let Some((name, value)) = line.split_once(['=', ':']) {
            let value = value.trim().replace("%%", "%");
            all.entry(section.clone()).or_default().insert(name.trim().to_lowercase(), value);
        }
    }
    let shared = all.remove("DEFAULT").unwrap_or_default();
    for values in all.values_mut() {
        for (name, value) in &shared {
            values.entry(name.clone()).or_insert_with(|| value.clone());
        }
    }
    all
}

/// Opens what `openssl enc -aes-256-cbc -pbkdf2 -a` closed.
fn decrypt(text: &str, password: &str) -> Option<String> {
    let packed: String = text.split_whitespace().collect();
    let bytes = base64::engine::general_purpose::STANDARD.decode(packed).ok()?;
    let (salt, closed) = bytes.strip_prefix(b"Salted__")?.split_at_checked(8)?;
    let mut derived = [0_u8; 48];
    pbkdf2::pbkdf2_hmac::<sha2::Sha256>(password.as_bytes(), salt, ROUNDS, &mut derived);
    let (key, iv) = derived.split_at(32);
    let cipher = cbc::Decryptor::<Aes256>::new_from_slices(key, iv).ok()?;
    let mut closed = closed.to_vec();
    let open = cipher.decrypt_padded::<Pkcs7>(&mut closed).ok()?;
    String::from_utf8(open.to_vec()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made by `openssl enc -aes-256-cbc -pbkdf2 -a -k hunter2`.
    const CLOSED: &str = "U2FsdGVkX1+MajHAQYBY/cDhhj81NIXUlcK1BToQQgoR84IURViVHHwHs+tcvjsk
FzMJsZTKlRosBvVE7QrHBQ==";

    #[test]
    fn what_openssl_closed_is_opened_with_the_right_password_only() {
        assert_eq!(decrypt(CLOSED, "hunter2").as_deref(), Some("[default]\nkey_id = a\nkey_secret = b%%c\n"));
        assert_eq!(decrypt(CLOSED, "hunter3"), None);
        for text in ["", "U2FsdGVkX18=", "not base64", "U2FsdGVkX18BAgMEBQYHCA=="] {
            assert_eq!(decrypt(text, "hunter2"), None, "{text}");
        }
    }

    #[test]
    fn sections_are_read_as_python_reads_them() {
        let text = "; c\n[DEFAULT]\nregion = r\n[one]\nKEY_ID: a:b\nkey_secret = 100%%\n[two]\nregion=x\n";
        let all = sections(text);
        assert_eq!(all["one"]["key_id"], "a:b");
        assert_eq!(all["one"]["key_secret"], "100%");
        assert_eq!((all["one"]["region"].as_str(), all["two"]["region"].as_str()), ("r", "x"));
    }
}
