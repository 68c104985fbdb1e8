//! A thread of its own that listens on 127.0.0.1 until it is dropped.

use std::future::Future;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::mpsc;
use std::thread::JoinHandle;

use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::oneshot;

/// Connections that may wait to be taken; a client that opens hundreds at once finds room.
const BACKLOG: u32 = 1024;

/// A thread that listens on some ports.
pub(crate) struct Listening {
    /// Where, in the order of the ports asked for.
    pub addresses: Vec<SocketAddr>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Listening {
    /// Listens on these ports, 0 for one of the system's choice, and serves until it is dropped.
    pub fn start<F>(
        ports: &[u16],
        serve: impl FnOnce(Vec<TcpListener>) -> F + Send + 'static,
    ) -> io::Result<Self>
    where
        F: Future<Output = ()>,
    {
        let ports = ports.to_vec();
        let (tell, told) = mpsc::channel();
        let (stop, stopped) = oneshot::channel::<()>();
        let work = move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            let runtime = match runtime {
                Ok(runtime) => runtime,
                Err(error) => return drop(tell.send(Err(error))),
            };
            runtime.block_on(async {
                let listeners: io::Result<Vec<TcpListener>> =
                    ports.iter().map(|port| listen(*port)).collect();
                let listeners = match listeners {
                    Ok(listeners) => listeners,
                    Err(error) => return drop(tell.send(Err(error))),
                };
                drop(tell.send(listeners.iter().map(TcpListener::local_addr).collect()));
                tokio::select! {
                    () = serve(listeners) => {}
                    _ = stopped => {}
                }
            });
        };
        let thread = std::thread::Builder::new()
            .name("faulty-endpoint".to_owned())
            .spawn(work)?;
        let gone = |_| io::Error::other("the thread ended before it listened");
        Ok(Self {
            addresses: told.recv().map_err(gone)??,
            stop: Some(stop),
            thread: Some(thread),
        })
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        // The thread hears that the sender is gone.
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

fn listen(port: u16) -> io::Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    // So that a server can come back where one died a moment ago.
    socket.set_reuseaddr(true)?;
    socket.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))?;
    socket.listen(BACKLOG)
}
