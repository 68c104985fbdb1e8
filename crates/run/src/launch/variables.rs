//! Variables by name, and how their values are read.

use std::collections::BTreeMap;

use super::error::LaunchError;
use super::place::{RESTART, RUN_ID};

/// The variables of a process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Variables(BTreeMap<String, String>);

impl Variables {
    /// These.
    pub fn of<N: Into<String>, V: Into<String>>(
        variables: impl IntoIterator<Item = (N, V)>,
    ) -> Self {
        let each = variables.into_iter();
        Self(
            each.map(|(name, value)| (name.into(), value.into()))
                .collect(),
        )
    }

    /// Those of this process. What is no text is none of a launcher's.
    pub fn of_process() -> Self {
        let each = std::env::vars_os();
        Self::of(each.filter_map(|(name, value)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        }))
    }

    /// The value of a variable; an empty one counts as not set, as scripts set it by `A=$B`.
    pub fn text(&self, name: &str) -> Option<&str> {
        let value = self.0.get(name)?.trim();
        (!value.is_empty()).then_some(value)
    }

    /// The first of several that is set, with its name.
    pub(super) fn first(&self, names: &[&'static str]) -> Option<(&'static str, &str)> {
        let mut each = names.iter();
        each.find_map(|name| Some((*name, self.text(name)?)))
    }

    /// The number that a variable holds.
    pub(super) fn number(&self, name: &'static str) -> Result<Option<usize>, LaunchError> {
        let Some(value) = self.text(name) else {
            return Ok(None);
        };
        let wrong = |_| LaunchError::NoNumber {
            variable: name,
            value: value.to_owned(),
            expected: "a whole number from 0",
        };
        value.parse().map(Some).map_err(wrong)
    }

    /// The number that a variable holds which has to be set where `given` is.
    pub(super) fn needed(
        &self,
        name: &'static str,
        given: &'static str,
    ) -> Result<usize, LaunchError> {
        self.number(name)?.ok_or(LaunchError::Missing {
            given,
            missing: name,
        })
    }

    /// As [`Self::needed`], a count of processes or machines.
    pub(super) fn needed_count(
        &self,
        name: &'static str,
        given: &'static str,
    ) -> Result<usize, LaunchError> {
        match self.needed(name, given)? {
            0 => Err(LaunchError::NoNumber {
                variable: name,
                value: "0".to_owned(),
                expected: "a whole number from 1",
            }),
            count => Ok(count),
        }
    }

    /// A port.
    pub(super) fn port(&self, name: &'static str) -> Result<Option<u16>, LaunchError> {
        let Some(value) = self.text(name) else {
            return Ok(None);
        };
        match value.parse() {
            Ok(port) if port > 0 => Ok(Some(port)),
            _ => Err(LaunchError::NoNumber {
                variable: name,
                value: value.to_owned(),
                expected: "a port, from 1 to 65535",
            }),
        }
    }

    /// What the run is called by the first of these variables that is set, else by ours.
    pub(super) fn id(&self, names: &[&'static str]) -> String {
        let found = self.first(names).or_else(|| self.first(&[RUN_ID]));
        found.map_or_else(String::new, |(_, id)| id.to_owned())
    }

    /// How often the run was started again, by our variable.
    pub(super) fn restart(&self) -> Result<u64, LaunchError> {
        Ok(self.number(RESTART)?.unwrap_or(0) as u64)
    }
}
