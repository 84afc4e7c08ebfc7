//! A port that can be closed without breaking off those who are about to speak.
//!
//! Closing a listening socket resets connections that the kernel has made and nobody has accepted yet, and a server that
//! drains drops requests that it has not begun to read: their callers can't know whether they were heard. So a stop has two
//! parts. First nobody new comes in, while whoever is in gets its answer, and is told with it to close the connection. Only
//! then the server stops.

use std::net::TcpListener;
use std::time::Duration;

/// Long enough for calls that are on their way. Who says nothing for so long is closed without a word.
const LAST_CALLS: Duration = Duration::from_millis(250);

/// A second handle to a listening socket.
#[derive(Debug)]
pub struct Door(Option<TcpListener>);

impl Door {
    /// Of the port that a server listens on. Without a second handle (no descriptors left) it can't be barred.
    pub fn of(listener: &TcpListener) -> Self {
        Self(listener.try_clone().ok())
    }

    /// From now on nobody can connect: the kernel drops the first packet of whoever tries, until the port is closed or,
    /// with the next process, open again. Only on Linux; elsewhere connections are accepted until the end.
    fn bar(&self) {
        #[cfg(target_os = "linux")]
        if let Some(listener) = &self.0 {
            // BPF: return 0, of every packet nothing is let through.
            let nothing = [socket2::SockFilter::new(0x06, 0, 0, 0)];
            if let Err(error) = socket2::SockRef::from(listener).attach_filter(&nothing) {
                tracing::debug!(%error, "the port can't be barred before it is closed");
            }
        }
    }
}

/// Bars the doors, and returns when those inside have had time to be answered.
pub async fn last_calls(doors: Vec<Door>) {
    doors.iter().for_each(Door::bar);
    tokio::time::sleep(LAST_CALLS).await;
}
