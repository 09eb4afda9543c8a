//! `mlcr api`.

use clap::Args;
use http::Response;
use mlspace_registry::api::Error as Refused;
use mlspace_registry::{ANSWER_CAP, Body, OPERATIONS, Repeat, TransportKind};
use reqwest::header::{CONTENT_TYPE, HeaderValue};
use reqwest::{Method, StatusCode};
use serde_json::Value;

use crate::context::Context;
use crate::failure::{Exit, Failure, causes};
use crate::output::text::json_pretty;

/// All paths of the API begin with it.
const PREFIX: &str = "/public/v2/";

/// A request of one's own.
#[derive(Args, Debug)]
#[command(
    after_help = "The answer is printed as it is. Nothing is retried, and a write is sent only with --yes.\n\n\
                  Example: mlcr api GET /public/v2/docker_registry/v2/registries/current\n\
                  Example: mlcr api GET '/public/v2/docker_registry/v2/tags/?image_id=3fa85f64-5717-4562-b3fc-2c963f66afa6'"
)]
pub(crate) struct Api {
    /// GET, POST, PUT or DELETE.
    #[arg(value_parser = parse_method)]
    method: Method,

    /// Path with its query, from /public/v2 on.
    #[arg(value_parser = parse_path)]
    path: String,

    /// JSON body; `-` reads it from stdin.
    #[arg(long, short, value_name = "JSON")]
    data: Option<String>,
}

fn parse_method(text: &str) -> Result<Method, String> {
    match text.to_ascii_uppercase().as_str() {
        "GET" => Ok(Method::GET),
        "POST" => Ok(Method::POST),
        "PUT" => Ok(Method::PUT),
        "DELETE" => Ok(Method::DELETE),
        _ => Err("expected GET, POST, PUT or DELETE".into()),
    }
}

/// Only a path that is sent as it is written: none that a URL parser or a server would turn into another.
fn parse_path(text: &str) -> Result<String, String> {
    let path = format!("/{}", text.trim_start_matches('/'));
    let before = path.split('?').next().unwrap_or_default();
    if !before.starts_with(PREFIX) {
        return Err(format!("expected a path that begins with {PREFIX}"));
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || "/_-.~".contains(c);
    let dots = before.split('/').any(|part| matches!(part, "." | ".."));
    if dots || before.contains("//") || !before.chars().all(plain) {
        return Err("expected a path of letters, digits, `_`, `-` and `.`, without `..`, `%` or `//`".into());
    }
    if path.chars().any(|c| c == '#' || c.is_control() || c.is_whitespace()) {
        return Err("a path holds neither `#` nor spaces".into());
    }
    Ok(path)
}

impl Api {
    pub(crate) async fn run(self, context: &mut Context<'_>) -> Result<Exit, Failure> {
        let body = self.body(context)?;
        let writes = self.writes();
        let client = if writes {
            let writer = context.writer(&format!("{} {}", self.method, self.path))?;
            if writer.dry_run {
                return context.planned("api", format!("{} {}", self.method, self.path), body.into());
            }
            context.confirm(&format!("Send {} {}?", self.method, self.path))?;
            writer.client
        } else {
            context.client()?
        };
        let url = format!("{}{}", client.base_url(), self.path);
        let url = url.parse().map_err(|error| Failure::usage(format!("{url}: {error}")))?;
        let mut request = reqwest::Request::new(self.method.clone(), url);
        if let Some(body) = &body {
            request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            *request.body_mut() = Some(body.to_string().into());
        }
        let timeout = context.global.timeout.unwrap_or(mlspace_registry::DEFAULT_TIMEOUT);
        let api = client.api().await?;
        let lost = |writes: bool| if writes { Exit::Unknown } else { Exit::Other };
        let answered = tokio::time::timeout(timeout, async {
            let answer = api.send(request).await.map_err(|error| match error {
                Refused::Transport(error) => {
                    let exit = lost(writes && error.kind() != TransportKind::Connect);
                    Failure::new(exit, "not_reached", causes(&error))
                }
                Refused::InvalidRequest(why) => Failure::safety(why),
                _ => Failure::other("the request was not sent"),
            })?;
            self.read(answer, writes).await
        });
        let (status, text) = answered.await.unwrap_or_else(|_| {
            let message = format!("no answer within {} s", timeout.as_secs_f64());
            Err(Failure::new(lost(writes), "not_reached", message).hint("give it more time with --timeout"))
        })?;
        self.show(context, status, text, writes)
    }

    fn body(&self, context: &mut Context<'_>) -> Result<Option<Value>, Failure> {
        let text = match self.data.as_deref() {
            None => return Ok(None),
            Some("-") => {
                let mut text = String::new();
                std::io::Read::read_to_string(&mut context.io.stdin, &mut text)?;
                text
            }
            Some(text) => text.to_owned(),
        };
        let body = serde_json::from_str(&text);
        body.map(Some).map_err(|error| Failure::usage(format!("--data is not JSON: {error}")))
    }

    /// A GET reads, unless the operation is known to do more.
    fn writes(&self) -> bool {
        let path = self.path.split('?').next().unwrap_or_default().trim_end_matches('/');
        let known = OPERATIONS.iter().find(|one| {
            one.method == self.method.as_str() && {
                one.path.trim_end_matches('/').eq_ignore_ascii_case(path)
            }
        });
        self.method != Method::GET || known.is_some_and(|one| one.writes || one.repeat == Repeat::Never)
    }

    async fn read(&self, answer: Response<Body>, writes: bool) -> Result<(StatusCode, String), Failure> {
        let (parts, body) = answer.into_parts();
        let bytes = body.bytes().await.map_err(|error| {
            let exit = if writes { Exit::Unknown } else { Exit::Other };
            match error.is_too_long() {
                true => {
                    let mib = ANSWER_CAP >> 20;
                    Failure::new(exit, "unexpected_answer", format!("the answer is longer than {mib} MiB"))
                }
                false => Failure::new(exit, "not_reached", causes(&error)),
            }
        })?;
        Ok((parts.status, String::from_utf8_lossy(&bytes).into_owned()))
    }

    fn show(
        &self,
        context: &mut Context<'_>,
        status: StatusCode,
        text: String,
        writes: bool,
    ) -> Result<Exit, Failure> {
        let (look, mut printed) = (context.look(), Ok(()));
        let shown = match serde_json::from_str::<Value>(&text) {
            Ok(value) => match &look.jq {
                Some(program) if status.is_success() => {
                    printed = program.run(&value.to_string(), &look, &mut context.io.stdout);
                    String::new()
                }
                // A program for what was asked for makes nothing of an error.
                Some(_) => String::new(),
                None => json_pretty(&value) + "\n",
            },
            Err(_) if status.is_success() && context.format.is_json() => {
                let exit = if writes { Exit::Unknown } else { Exit::Other };
                return Err(Failure::new(exit, "unexpected_answer", "the answer is no JSON")
                    .hint("without -o and --jq it is printed as it is"));
            }
            Err(_) if context.format.is_json() => String::new(),
            Err(_) => look.text(text) + "\n",
        };
        printed = printed.and_then(|()| Ok(context.io.stdout.write_all(shown.as_bytes())?));
        let (exit, code) = match status.as_u16() {
            200..=299 => return printed.map(|()| Exit::Done),
            401 => (Exit::SignIn, "sign_in_refused"),
            403 => (Exit::SignIn, "forbidden"),
            404 => (Exit::NotFound, "not_found"),
            429 => (Exit::Limit, "rate_limited"),
            445 => (Exit::Firewall, "blocked_by_firewall"),
            _ => (Exit::Other, "failed"),
        };
        let reason = status.canonical_reason().map_or(String::new(), |reason| format!(" {reason}"));
        Err(Failure::new(exit, code, format!("the service answered {}{reason}", status.as_u16())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_paths_of_the_api_are_sent() {
        for path in ["/public/v2/x", "public/v2/x/", "/public/v2/x?a=b%20c&d=..%2f"] {
            assert!(parse_path(path).is_ok(), "{path}");
        }
        for path in [
            "",
            "/",
            "/other",
            "/public/v2",
            "/public/v2/../x",
            "/public/v2/%2e%2e/x",
            "/public/v2/a//b",
            "/public/v2/a#b",
            "/public/v2/a b",
            "https://example.com/public/v2/x",
            "/public/v2/\\x",
            "/public/v2/./x",
            "/public/v2x/y",
        ] {
            assert!(parse_path(path).is_err(), "{path}");
        }
    }
}
