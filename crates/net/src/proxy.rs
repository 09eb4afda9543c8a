//! Which requests go through a proxy.

use reqwest::ClientBuilder;

/// Sends everything directly where `NO_PROXY`, or else `no_proxy`, has the entry `*`: for reqwest that stands for all
/// names and for no address, for curl and others for both.
pub fn heed_no_proxy(http: ClientBuilder) -> ClientBuilder {
    let list = std::env::var("NO_PROXY").or_else(|_| std::env::var("no_proxy")).unwrap_or_default();
    if excepts_all(&list) { http.no_proxy() } else { http }
}

/// True if a value of `NO_PROXY` excepts every address.
#[must_use]
pub fn excepts_all(no_proxy: &str) -> bool {
    no_proxy.split(',').any(|entry| entry.trim() == "*")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_everything() {
        for (list, all) in
            [("*", true), (" * ", true), ("a.example, *", true), ("*.example", false), ("", false)]
        {
            assert_eq!(excepts_all(list), all, "{list}");
        }
    }
}
