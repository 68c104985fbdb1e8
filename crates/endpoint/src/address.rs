//! Where a model is served.

use std::fmt;

use reqwest::Url;

/// The address of an endpoint, such as `http://host:8000/v1`: what stands before `/chat/completions`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Address(Url);

/// Why a text is no address of an endpoint.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// There is no scheme.
    #[error("`{text}` has no scheme; write `http://{text}` or `https://{text}`")]
    NoScheme {
        /// The text.
        text: String,
    },
    /// Another scheme than those of the web.
    #[error("`{text}` is neither `http://` nor `https://`")]
    Scheme {
        /// The text.
        text: String,
    },
    /// It is no address at all.
    #[error("`{text}` is no address ({problem}); expected such as `http://host:8000/v1`")]
    Unreadable {
        /// The text.
        text: String,
        /// What is wrong with it.
        problem: String,
    },
    /// It holds a user's name, a password, a query or a fragment, where keys like to be; its text is not repeated.
    #[error(
        "the address of an endpoint at `{host}` holds more than scheme, host, port and path; keys are read from the environment alone"
    )]
    Credentials {
        /// The host.
        host: String,
    },
}

impl Address {
    /// Reads an address. A path's end without `/v1` is taken as it is.
    ///
    /// ```
    /// use endpoint::Address;
    /// assert_eq!(Address::parse("http://host:8000/v1/")?.to_string(), "http://host:8000/v1");
    /// assert!(Address::parse("host:8000/v1").is_err());
    /// # Ok::<(), endpoint::AddressError>(())
    /// ```
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        let text = text.trim();
        if !text.contains("://") {
            if text.contains(['@', '?', '#']) {
                return Err(unshown());
            }
            return Err(AddressError::NoScheme {
                text: text.to_owned(),
            });
        }
        let url = Url::parse(text.trim_end_matches('/'));
        let url = url.map_err(|error| {
            if text.contains('@') {
                return unshown();
            }
            AddressError::Unreadable {
                text: text.to_owned(),
                problem: error.to_string(),
            }
        })?;
        let is_bare = url.username().is_empty() && url.password().is_none();
        if !is_bare || url.query().is_some() || url.fragment().is_some() {
            return Err(AddressError::Credentials {
                host: url.host_str().unwrap_or("?").to_owned(),
            });
        }
        if !matches!(url.scheme(), "http" | "https") {
            return Err(AddressError::Scheme {
                text: text.to_owned(),
            });
        }
        Ok(Self(url))
    }

    /// The address of one of its services, such as `chat/completions`.
    pub(crate) fn of(&self, service: &str) -> String {
        format!("{self}/{service}")
    }
}

/// The error of a text that may hold a password anywhere.
fn unshown() -> AddressError {
    AddressError::Credentials {
        host: "?".to_owned(),
    }
}

impl fmt::Display for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.0.as_str().trim_end_matches('/'))
    }
}
