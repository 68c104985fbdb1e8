//! One exchange with an endpoint.

use std::time::{Duration, SystemTime};

use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use reqwest::{Client, Response, StatusCode};
use serde_json::Value;
use tokio::time::timeout;

use crate::failure::Failure;
use crate::retry;
use crate::secret::Secret;
use crate::settings::Timeouts;
use crate::wire::answer::{is_page, problem, shortened};
use crate::wire::pieces::Pieces;

/// The most bytes of an error's text that are read.
const ERROR_BYTES: usize = 1 << 16;

/// How an exchange is done.
#[derive(Clone, Debug)]
pub(crate) struct Exchange {
    pub client: Client,
    pub key: Option<Secret>,
    pub timeouts: Timeouts,
    /// The longest that an endpoint may ask to wait.
    pub patience: Duration,
}

/// What an answer may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Most {
    /// Bytes of the body.
    pub bytes: usize,
    /// Whether it comes in pieces.
    pub stream: bool,
}

impl Exchange {
    /// Posts a body and reads the answer.
    pub async fn post(&self, url: &str, body: Vec<u8>, most: Most) -> Result<Value, Failure> {
        let request = self.client.post(url).body(body);
        let request = request.header(CONTENT_TYPE, "application/json");
        let mut response = self.sent(request).await?;
        if most.stream && is_events(&response) {
            let mut pieces = Pieces::default();
            let mut bytes = 0;
            while let Some(part) = self.next(&mut response).await? {
                bytes += part.len();
                if bytes > most.bytes {
                    return Err(endless(most.bytes));
                }
                pieces.take(&part).map_err(|told| self.broken(&told))?;
                if pieces.ended() {
                    break;
                }
            }
            return pieces
                .whole()
                .ok_or_else(|| Failure::Broken("a stream that broke off".to_owned()));
        }
        let bytes = self.whole(&mut response, most.bytes).await?;
        serde_json::from_slice(&bytes).map_err(|error| {
            let text = String::from_utf8_lossy(&bytes);
            self.broken(&if is_page(&text) {
                "a web page in place of an answer; is it the address before `/chat/completions`?"
                    .to_owned()
            } else {
                format!("an answer that is no JSON ({error})")
            })
        })
    }

    /// Gets what lies at an address.
    pub async fn get(&self, url: &str) -> Result<Value, Failure> {
        let mut response = self.sent(self.client.get(url)).await?;
        let bytes = self.whole(&mut response, 1 << 24).await?;
        serde_json::from_slice(&bytes).map_err(|_| Failure::Broken("no JSON".to_owned()))
    }

    async fn sent(&self, request: reqwest::RequestBuilder) -> Result<Response, Failure> {
        let request = match &self.key {
            Some(key) => {
                let value = HeaderValue::try_from(format!("Bearer {}", key.reveal()));
                let mut value = value.map_err(|_| {
                    Failure::Hopeless("the key has characters that no header can hold".to_owned())
                })?;
                value.set_sensitive(true);
                request.header(AUTHORIZATION, value)
            }
            None => request,
        };
        let first = self.timeouts.connect + self.timeouts.first_byte;
        let response = match timeout(first, request.send()).await {
            Err(_) => {
                let seconds = self.timeouts.first_byte.as_secs_f64();
                return Err(Failure::Broken(format!(
                    "no answer within {seconds} s (`endpoints.first_byte_timeout`)"
                )));
            }
            Ok(Err(error)) if error.is_connect() || error.is_builder() => {
                return Err(Failure::Unreachable(self.clean(&causes(&error))));
            }
            Ok(Err(error)) => return Err(self.broken(&causes(&error))),
            Ok(Ok(response)) => response,
        };
        if response.status().is_success() {
            return Ok(response);
        }
        Err(self.refused(response).await)
    }

    /// The failure that an answer without success is.
    async fn refused(&self, mut response: Response) -> Failure {
        let status = response.status();
        let headers = response.headers();
        if status.is_redirection() {
            let to = headers.get(reqwest::header::LOCATION);
            let to = to.and_then(|to| to.to_str().ok()).unwrap_or_default();
            let host = reqwest::Url::parse(to).ok();
            let host = host.as_ref().and_then(|url| url.host_str());
            return Failure::Server {
                problem: self.clean(&format!(
                    "it sends elsewhere ({status}, to `{}`), which is not followed: name that address itself if it is trusted",
                    host.unwrap_or("another path")
                )),
                retry_after: None,
            };
        }
        let told = |name: &str| headers.get(name)?.to_str().ok();
        let retry_after = retry::asked(told, SystemTime::now(), self.patience);
        let text = self.whole(&mut response, ERROR_BYTES).await;
        let text = text.unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let told = self.clean(&format!("{}: {}", status.as_u16(), problem(&text)));
        match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Failure::Unauthorized(told),
            StatusCode::NOT_FOUND
            | StatusCode::METHOD_NOT_ALLOWED
            | StatusCode::NOT_IMPLEMENTED => Failure::Hopeless(told),
            // No money is left there: patience does not help.
            StatusCode::TOO_MANY_REQUESTS if text.contains("insufficient_quota") => {
                Failure::Hopeless(told)
            }
            StatusCode::TOO_MANY_REQUESTS => Failure::TooMany { retry_after },
            StatusCode::SERVICE_UNAVAILABLE if retry_after.is_some() => {
                Failure::TooMany { retry_after }
            }
            StatusCode::REQUEST_TIMEOUT | StatusCode::CONFLICT | StatusCode::TOO_EARLY => {
                Failure::Server {
                    problem: told,
                    retry_after,
                }
            }
            status if status.is_server_error() => Failure::Server {
                problem: told,
                retry_after,
            },
            StatusCode::PAYLOAD_TOO_LARGE => Failure::Refused(format!(
                "{told}; `endpoints.max_picture_side` scales pictures down"
            )),
            _ => Failure::Refused(told),
        }
    }

    /// All bytes of a body of at most so many.
    async fn whole(&self, response: &mut Response, most: usize) -> Result<Vec<u8>, Failure> {
        let mut all = Vec::new();
        while let Some(part) = self.next(response).await? {
            if all.len() + part.len() > most {
                return Err(endless(most));
            }
            all.extend_from_slice(&part);
        }
        Ok(all)
    }

    /// The next part of a body.
    async fn next(&self, response: &mut Response) -> Result<Option<Vec<u8>>, Failure> {
        let most: Duration = self.timeouts.between_bytes;
        match timeout(most, response.chunk()).await {
            Err(_) => Err(Failure::Broken(format!(
                "an answer that stopped for {} s (`endpoints.between_bytes_timeout`)",
                most.as_secs_f64()
            ))),
            Ok(Err(error)) => Err(self.broken(&causes(&error))),
            Ok(Ok(part)) => Ok(part.map(|part| part.to_vec())),
        }
    }

    fn broken(&self, told: &str) -> Failure {
        Failure::Broken(self.clean(told))
    }

    /// The text without the key.
    fn clean(&self, text: &str) -> String {
        let text = shortened(text);
        match &self.key {
            Some(key) => key.scrubbed(&text),
            None => text,
        }
    }
}

fn endless(most: usize) -> Failure {
    Failure::Broken(format!("an answer of more than {most} bytes"))
}

fn is_events(response: &Response) -> bool {
    let kind = response.headers().get(CONTENT_TYPE);
    kind.and_then(|kind| kind.to_str().ok())
        .is_some_and(|kind| kind.starts_with("text/event-stream"))
}

/// An error with what caused it, in one line and without the address.
fn causes(error: &reqwest::Error) -> String {
    let mut told = Vec::new();
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        told.push(error.to_string());
        source = error.source();
    }
    if told.is_empty() {
        told.push(if error.is_timeout() {
            "it took too long".to_owned()
        } else {
            "the connection broke".to_owned()
        });
    }
    told.dedup();
    told.join(": ")
}
