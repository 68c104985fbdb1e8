//! Which of several processes this one is.

use anyhow::{Context as _, Result};
use run::launch::{Launch, Launcher};

/// What the launcher of this process told it.
pub fn of_process() -> Result<Launch> {
    let number = |name: &str| -> Result<Option<usize>> {
        let Ok(text) = std::env::var(name) else {
            return Ok(None);
        };
        let number = text
            .parse()
            .with_context(|| format!("{name}={text} is no number"))?;
        Ok(Some(number))
    };
    let (Some(rank), Some(size)) = (number("RANK")?, number("WORLD_SIZE")?) else {
        return Ok(Launch::alone());
    };
    let is_torchrun = std::env::var("TORCHELASTIC_USE_AGENT_STORE").is_ok_and(|is| is == "True");
    Ok(Launch {
        launcher: Launcher::Variables,
        rank,
        size,
        local_rank: number("LOCAL_RANK")?.unwrap_or(rank),
        local_size: number("LOCAL_WORLD_SIZE")?.unwrap_or(size),
        address: std::env::var("MASTER_ADDR").unwrap_or_else(|_| "127.0.0.1".to_owned()),
        port: number("MASTER_PORT")?.unwrap_or(29500) as u16,
        serves: !is_torchrun,
        id: std::env::var("TORCHELASTIC_RUN_ID").unwrap_or_default(),
        restart: number("TORCHELASTIC_RESTART_COUNT")?.unwrap_or(0) as u64,
    })
}
