//! What a training is planned for: so much memory, and of which kind.

use std::fmt;
use std::str::FromStr;

use super::error::MemoryError;
use crate::plan::bytes;
use crate::recipe::{DeviceKind, size_in_bytes};

/// Of a device's memory in all, what is left to the system, the tensor library, its workspaces and prepared pictures.
const TAKEN: f64 = 0.1;

/// What a device with so much memory in all may give to tensors.
pub fn for_tensors(total: u64) -> u64 {
    ((1.0 - TAKEN) * total as f64) as u64
}

/// A device, or several equal ones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// Its kind.
    pub kind: DeviceKind,
    /// Bytes that it has in all; of several each.
    pub total: u64,
    /// How many there are.
    pub count: u64,
    /// Bytes that the host of a GPU has in all; none where nobody tells.
    pub host: Option<u64>,
    /// The most that tensors may take where a recipe says it, in place of most of the total.
    pub budget: Option<u64>,
}

impl Device {
    /// One of this kind.
    pub fn new(kind: DeviceKind, total: u64) -> Self {
        Self {
            kind,
            total,
            count: 1,
            host: None,
            budget: None,
        }
    }

    /// Bytes that tensors may take on each.
    pub fn for_tensors(&self) -> u64 {
        self.budget.unwrap_or_else(|| for_tensors(self.total))
    }

    /// Devices of a list with commas.
    pub fn list(text: &str) -> Result<Vec<Self>, MemoryError> {
        text.split(',').map(|one| one.trim().parse()).collect()
    }
}

impl FromStr for Device {
    type Err = MemoryError;

    fn from_str(text: &str) -> Result<Self, MemoryError> {
        let unknown = || MemoryError::Device {
            found: text.to_owned(),
        };
        let size = |text: &str| size_in_bytes(text).ok_or_else(unknown);
        if let Some(rest) = text.strip_prefix("host:") {
            return Ok(Self::new(DeviceKind::Cpu, size(rest)?));
        }
        let (device, host) = match text.split_once('+') {
            Some((device, host)) => {
                let host = host.trim().strip_prefix("host:").ok_or_else(unknown)?;
                (device.trim(), Some(size(host)?))
            }
            None => (text, None),
        };
        let (count, each) = match device.split_once('x') {
            Some((count, each)) => {
                let count = count.trim().parse().ok().filter(|&n: &u64| n > 0);
                (count.ok_or_else(unknown)?, each)
            }
            None => (1, device),
        };
        Ok(Self {
            count,
            host,
            ..Self::new(DeviceKind::Gpu, size(each)?)
        })
    }
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            DeviceKind::Cpu => write!(f, "a host of {}", bytes(self.total))?,
            DeviceKind::Gpu if self.count > 1 => {
                write!(f, "{} GPUs of {} each", self.count, bytes(self.total))?;
            }
            DeviceKind::Gpu => write!(f, "a GPU of {}", bytes(self.total))?,
        }
        if let Some(host) = self.host {
            write!(f, " in a host of {}", bytes(host))?;
        }
        if let Some(budget) = self.budget {
            write!(f, " (`model.memory`: {})", bytes(budget))?;
        }
        Ok(())
    }
}
