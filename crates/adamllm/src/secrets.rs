//! Keys of endpoints, and where one is by default. They are in the environment alone; nothing here is ever printed.

use anyhow::{Result, bail};
use endpoint::Secret;

/// The variable of a key where nobody names one.
const KEY: &str = "OPENAI_API_KEY";

/// The variable of an address where nobody names one.
const ADDRESS: &str = "OPENAI_BASE_URL";

/// The key that a variable holds. Without a name the usual variable is looked at, which need not be set.
pub fn key(variable: Option<&str>) -> Result<Option<Secret>> {
    let found = text(variable.unwrap_or(KEY))?;
    let found = found.as_deref().and_then(Secret::new);
    if let (Some(variable), None) = (variable, &found) {
        bail!(
            "the environment variable `{variable}`, which is to hold the key of an endpoint, is not set or empty"
        );
    }
    Ok(found)
}

/// Where the usual endpoint is, if the environment says so.
pub fn address() -> Result<Option<String>> {
    let found = text(ADDRESS)?;
    Ok(found.filter(|address| !address.trim().is_empty()))
}

fn text(variable: &str) -> Result<Option<String>> {
    match std::env::var(variable) {
        Ok(text) => Ok(Some(text)),
        Err(std::env::VarError::NotPresent) => Ok(None),
        Err(std::env::VarError::NotUnicode(_)) => {
            bail!("the environment variable `{variable}` does not hold a text")
        }
    }
}
