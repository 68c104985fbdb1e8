//! A vLLM that serves one model on this machine, for as long as it is wanted.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use crate::process;

/// How long it may take to come up, on a machine that has other things to do.
const PATIENCE: Duration = Duration::from_mins(15);
/// Tokens of a prompt and its answer; more would take memory that nothing here needs.
const MOST_TOKENS: u64 = 2048;
/// How long it may take to end when asked to.
const GRACE: Duration = Duration::from_secs(20);

/// What the comparison is done with.
#[derive(Clone, Copy)]
pub struct Tools<'a> {
    /// The checkout.
    pub root: &'a Path,
    /// This program.
    pub program: &'a Path,
    /// The interpreter that has vLLM.
    pub python: &'a Path,
}

/// A running vLLM; ended when dropped, with all processes that it started.
pub struct Server {
    child: Child,
    port: u16,
}

impl Server {
    /// Serves `model` under `name` in f32; what it says goes to `vllm.log` in `folder`.
    pub fn start(python: &Path, model: &Path, name: &str, folder: &Path) -> Result<Self> {
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?
            .local_addr()?
            .port();
        let log = folder.join("vllm.log");
        let said = File::create(&log)?;
        let mut command = Command::new(python);
        // The package for CPUs is not called `vllm`, which its own command cannot do without.
        command.args(["-m", "vllm.entrypoints.openai.api_server", "--model"]);
        command.arg(model).args(["--served-model-name", name]);
        command.args(["--host", "127.0.0.1", "--port", &port.to_string()]);
        command.args(["--dtype", "float32", "--enforce-eager", "--seed", "0"]);
        let (length, sees) = about(model)?;
        command.args(["--max-num-seqs", "32", "--max-model-len"]);
        command.arg(length.min(MOST_TOKENS).to_string());
        if sees {
            command.args(["--limit-mm-per-prompt", "{\"image\": 4}"]);
        }
        for (variable, value) in [
            ("VLLM_CPU_KVCACHE_SPACE", "1"),
            ("VLLM_CPU_OMP_THREADS_BIND", "nobind"),
            ("VLLM_CPU_NUM_OF_RESERVED_CPU", "0"),
            ("VLLM_NO_USAGE_STATS", "1"),
            ("DO_NOT_TRACK", "1"),
            ("HF_HUB_OFFLINE", "1"),
        ] {
            command.env(variable, value);
        }
        command.stdin(Stdio::null()).stdout(said.try_clone()?);
        let child = command
            .stderr(said)
            .spawn()
            .with_context(|| format!("cannot start `{}`", python.display()))?;
        let mut server = Self { child, port };
        server.wait(&log)?;
        Ok(server)
    }

    /// What a client is given.
    pub fn address(&self) -> String {
        format!("http://127.0.0.1:{}/v1", self.port)
    }

    fn wait(&mut self, log: &Path) -> Result<()> {
        let start = Instant::now();
        while start.elapsed() < PATIENCE {
            if let Some(status) = self.child.try_wait()? {
                bail!(
                    "vLLM ended with {status}; it said why in `{}`",
                    log.display()
                );
            }
            if self.is_healthy() {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(500));
        }
        bail!(
            "vLLM does not come up in {} s; see `{}`",
            PATIENCE.as_secs(),
            log.display()
        )
    }

    fn is_healthy(&self) -> bool {
        let place = SocketAddr::from((Ipv4Addr::LOCALHOST, self.port));
        let asked = || -> std::io::Result<String> {
            let mut stream = TcpStream::connect_timeout(&place, Duration::from_secs(1))?;
            stream.set_read_timeout(Some(Duration::from_secs(5)))?;
            stream.write_all(b"GET /health HTTP/1.0\r\n\r\n")?;
            let mut said = [0; 64];
            let read = stream.read(&mut said)?;
            Ok(String::from_utf8_lossy(&said[..read]).into_owned())
        };
        asked().is_ok_and(|said| said.contains(" 200 "))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Asked to, it ends its own processes as well.
        let id = self.child.id().to_string();
        process::succeeds(Command::new("kill").args(["-TERM", &id]));
        let start = Instant::now();
        while start.elapsed() < GRACE && matches!(self.child.try_wait(), Ok(None)) {
            std::thread::sleep(Duration::from_millis(100));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The longest text of a model, and whether it takes pictures.
fn about(model: &Path) -> Result<(u64, bool)> {
    let text = std::fs::read_to_string(model.join("config.json"))?;
    let config: serde_json::Value = serde_json::from_str(&text)?;
    let own = [&config, &config["text_config"]];
    let longest = own.map(|part| part["max_position_embeddings"].as_u64());
    let longest = longest.into_iter().flatten().next();
    Ok((
        longest.unwrap_or(MOST_TOKENS),
        config["vision_config"].is_object(),
    ))
}
