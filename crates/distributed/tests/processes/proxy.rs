//! A TCP proxy between two processes, which delays what goes through it, or holds it back.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

/// It serves until the test's program ends.
pub struct Proxy {
    /// Where it is reached.
    pub port: u16,
    is_stalled: Arc<AtomicBool>,
}

impl Proxy {
    /// Passes on what comes to whoever listens at a port, each piece so much later.
    pub fn to(target: u16, delay: Duration) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("its number").port();
        let is_stalled = Arc::new(AtomicBool::new(false));
        let stalled = Arc::clone(&is_stalled);
        thread::spawn(move || {
            for coming in listener.incoming() {
                let coming = coming.expect("a connection");
                // Who comes before the other one listens is turned away, as without a proxy.
                let Ok(going) = TcpStream::connect(("127.0.0.1", target)) else {
                    continue;
                };
                let back = (going.try_clone(), coming.try_clone());
                pass_on(coming, going, delay, &stalled);
                pass_on(
                    back.0.expect("a copy"),
                    back.1.expect("a copy"),
                    delay,
                    &stalled,
                );
            }
        });
        Self { port, is_stalled }
    }

    /// From now on nothing goes through, or all that was held back does.
    pub fn stall(&self, is_stalled: bool) {
        self.is_stalled.store(is_stalled, Ordering::SeqCst);
    }
}

fn pass_on(mut from: TcpStream, mut to: TcpStream, delay: Duration, stalled: &Arc<AtomicBool>) {
    let stalled = Arc::clone(stalled);
    to.set_nodelay(true).expect("set");
    thread::spawn(move || {
        let mut piece = [0; 1 << 13];
        while let Ok(read @ 1..) = from.read(&mut piece) {
            thread::sleep(delay);
            while stalled.load(Ordering::SeqCst) {
                thread::sleep(Duration::from_millis(5));
            }
            if to.write_all(&piece[..read]).is_err() {
                break;
            }
        }
        let _ = to.shutdown(Shutdown::Write);
    });
}
