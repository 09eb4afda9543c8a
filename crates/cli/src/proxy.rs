//! The proxy that the environment names, read by the rule of those who use it: they pass over what they cannot read,
//! and connect directly.

use hyper_util::client::proxy::matcher::Matcher;
use mlspace_registry_net::excepts_all;

use crate::address::is_local;
use crate::failure::Failure;
use crate::io::Io;

/// The variable that counts for encrypted connections, and the address in it.
#[derive(Debug, PartialEq)]
pub(crate) struct Proxy {
    pub(crate) variable: &'static str,
    /// Scheme, host and port; never a password.
    pub(crate) address: String,
}

/// The proxy through which requests to an address go. Refuses a variable that cannot be read, which would be bypassed
/// in silence.
pub(crate) fn used(io: &Io, url: &str) -> Result<Option<Proxy>, Failure> {
    const NAMES: [&str; 4] = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];
    // What goes to this machine goes through no proxy, and plain http goes nowhere else.
    let is_far = |uri: &http::Uri| {
        uri.scheme_str() == Some("https") && uri.authority().is_some_and(|place| !is_local(place.as_str()))
    };
    let Some(target) = url.parse::<http::Uri>().ok().filter(is_far) else { return Ok(None) };
    let Some((variable, value)) = NAMES.iter().find_map(|name| Some((*name, io.variable(name)?))) else {
        return Ok(None);
    };
    let except = io.variable("NO_PROXY").or_else(|| io.variable("no_proxy")).unwrap_or_default();
    let matcher = |except: &str| Matcher::builder().https(value).no(except).build();
    let Some(proxy) = matcher("").intercept(&target) else {
        let hint =
            "write http://HOST:PORT or socks5h://HOST:PORT, without blanks, line ends or quotes, or unset it";
        return Err(Failure::usage(format!("{variable} does not hold the address of a proxy")).hint(hint));
    };
    let (scheme, place) = (proxy.uri().scheme_str().unwrap_or("http"), proxy.uri().authority());
    let place = place.map_or_else(String::new, ToString::to_string);
    // The rule takes any digits for a port, and connects to none of these.
    let port = place.rsplit(']').next().and_then(|after| after.split_once(':'));
    if port.is_some_and(|(_, port)| port.parse::<u16>().is_err()) {
        return Err(Failure::usage(format!("{variable} names a port that is none")));
    }
    let address = format!("{scheme}://{place}");
    let is_used = !excepts_all(except) && matcher(except).intercept(&target).is_some();
    Ok(is_used.then_some(Proxy { variable, address }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(variables: &[(&str, &str)]) -> Result<Option<String>, Failure> {
        let mut io = Io::from_process();
        io.variables = variables.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        let proxy = used(&io, "https://api.example/x")?;
        Ok(proxy.map(|proxy| format!("{} {}", proxy.variable, proxy.address)))
    }

    #[test]
    fn what_is_used_is_named_without_its_password() {
        for (name, value, shown) in [
            ("HTTPS_PROXY", "http://u:hunter2@p.example:3128/", "HTTPS_PROXY http://p.example:3128"),
            ("https_proxy", "p.example:3128", "https_proxy http://p.example:3128"),
            ("ALL_PROXY", "socks5://127.0.0.1:1080", "ALL_PROXY socks5://127.0.0.1:1080"),
            ("all_proxy", "socks5h://me:hunter2@[::1]:1080", "all_proxy socks5h://[::1]:1080"),
        ] {
            assert_eq!(of(&[(name, value)]).unwrap().as_deref(), Some(shown));
        }
        assert_eq!(of(&[("HTTPS_PROXY", "")]).unwrap(), None);
        let direct = [("HTTPS_PROXY", "http://p.example:1"), ("NO_PROXY", "other.example, api.example")];
        assert_eq!(of(&direct).unwrap(), None);
        let all = [("HTTPS_PROXY", "http://p.example:1"), ("NO_PROXY", "*")];
        assert_eq!(of(&all).unwrap(), None);
    }

    #[test]
    fn what_cannot_be_read_is_an_error_and_never_bypassed() {
        for value in [
            "http://127.0.0.1:1\r",
            "http://127.0.0.1:1 ",
            "\"http://127.0.0.1:1\"",
            "socks://127.0.0.1:1",
            "ftp://p:1",
            "http://p:99999",
            "hunter2 hunter2",
            "http://",
        ] {
            let message = of(&[("HTTPS_PROXY", value)]).unwrap_err().message;
            assert!(
                message.starts_with("HTTPS_PROXY") && !message.contains("hunter2"),
                "{value:?}: {message}"
            );
        }
    }
}
