//! Receives the webhooks of both agents and tells which exchanges (and connections) are done.

use std::cell::RefCell;
use std::collections::HashMap;
use std::io;
use std::rc::Rc;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

use super::scan::members;
use crate::cli::http::Wire;

const ACCEPTED: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

/// Which agent sent a webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Issuer,
    Holder,
}

/// What a webhook is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Topic {
    Exchange,
    Connection,
}

/// What an exchange came to: done on both sides, or the text of its failure.
pub(super) type Outcome = Result<(), String>;

#[derive(Default)]
struct Progress {
    issuer_done: bool,
    holder_done: bool,
    failed: Option<String>,
    waiting: Option<oneshot::Sender<Outcome>>,
}

/// Exchanges by thread id, connections by the id of their invitation. Events may come before the answer that tells us the thread: both orders count.
#[derive(Clone, Default)]
pub(super) struct Exchanges(Rc<RefCell<HashMap<String, Progress>>>);

impl Exchanges {
    /// Resolves when both sides of the thread are done or one has abandoned it.
    pub(super) fn outcome(&self, thread: &str) -> oneshot::Receiver<Outcome> {
        let (sender, receiver) = oneshot::channel();
        self.update(thread, |progress| progress.waiting = Some(sender));
        receiver
    }

    /// Forgets a thread that nobody waits for any more.
    pub(super) fn forget(&self, thread: &str) {
        self.0.borrow_mut().remove(thread);
    }

    fn update(&self, thread: &str, change: impl FnOnce(&mut Progress)) {
        let mut threads = self.0.borrow_mut();
        if !threads.contains_key(thread) {
            threads.insert(thread.to_owned(), Progress::default());
        }
        let Some(progress) = threads.get_mut(thread) else { return };
        change(progress);
        let outcome = match (&mut progress.failed, progress.issuer_done && progress.holder_done) {
            (failed @ Some(_), _) => Err(failed.take().unwrap_or_default()),
            (None, true) => Ok(()),
            (None, false) => return,
        };
        match progress.waiting.take() {
            Some(waiting) => {
                threads.remove(thread);
                // A worker that gave up has dropped its end.
                let _ = waiting.send(outcome);
            }
            None => progress.failed = outcome.err(),
        }
    }

    fn note(&self, side: Side, topic: Topic, body: &[u8]) {
        let (name, reached) = match topic {
            Topic::Exchange => (&b"thread_id"[..], (&b"state"[..], &b"done"[..])),
            Topic::Connection => (&b"invitation_msg_id"[..], (&b"rfc23_state"[..], &b"completed"[..])),
        };
        let (mut thread, mut state, mut done, mut error) = (None, None, false, None);
        members(body, |member, value| {
            if member == name {
                thread = value;
            }
            if (member, value) == (reached.0, Some(reached.1)) {
                done = true;
            }
            match member {
                b"state" => state = value,
                b"error_msg" => error = value,
                _ => {}
            }
        });
        let Some(thread) = thread.and_then(|bytes| std::str::from_utf8(bytes).ok()) else { return };
        match (done, state, side) {
            (true, _, Side::Issuer) => self.update(thread, |progress| progress.issuer_done = true),
            (true, _, Side::Holder) => self.update(thread, |progress| progress.holder_done = true),
            (false, Some(b"abandoned"), _) => {
                let why = String::from_utf8_lossy(error.unwrap_or(b"no reason given")).into_owned();
                self.update(thread, |progress| progress.failed = Some(format!("{side:?} abandoned: {why}")));
            }
            _ => {}
        }
    }
}

/// Listens on `127.0.0.1:port` for `POST /issuer/topic/…` and `POST /holder/topic/…`, until the runtime ends; any port if it
/// is 0. Returns the port.
///
/// # Errors
/// The port can't be had.
pub(super) async fn listen(port: u16, exchanges: Exchanges) -> io::Result<u16> {
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    let port = listener.local_addr()?.port();
    tokio::task::spawn_local(async move {
        loop {
            // A failing accept means too many open files: the agents try again.
            if let Ok((stream, _)) = listener.accept().await {
                tokio::task::spawn_local(serve(stream, exchanges.clone()));
            }
        }
    });
    Ok(port)
}

async fn serve(stream: TcpStream, exchanges: Exchanges) {
    let mut wire = Wire::new(stream);
    loop {
        let read = wire.read(|request| {
            if let Some((side, topic)) = subject_of(request.first_line) {
                exchanges.note(side, topic, request.body);
            }
        });
        match read.await {
            Ok(Some(())) if wire.write(ACCEPTED).await.is_ok() => {}
            _ => return,
        }
    }
}

/// The sender and what it tells of, if that is a credential exchange or a connection.
fn subject_of(request_line: &[u8]) -> Option<(Side, Topic)> {
    let path = request_line.strip_prefix(b"POST ")?;
    let (side, topic) = match path.strip_prefix(b"/issuer/") {
        Some(topic) => (Side::Issuer, topic),
        None => (Side::Holder, path.strip_prefix(b"/holder/")?),
    };
    let topic = topic.strip_prefix(b"topic/")?;
    if topic.starts_with(b"issue_credential_v2_0/") {
        Some((side, Topic::Exchange))
    } else if topic.starts_with(b"connections/") {
        Some((side, Topic::Connection))
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(side: Side, exchanges: &Exchanges, state: &str) {
        exchanges.note(
            side,
            Topic::Exchange,
            format!(r#"{{"thread_id": "t", "state": "{state}", "error_msg": "no"}}"#).as_bytes(),
        );
    }

    #[test]
    fn an_exchange_is_done_when_both_sides_are_in_any_order() {
        let early = Exchanges::default();
        event(Side::Holder, &early, "done");
        event(Side::Issuer, &early, "done");
        assert_eq!(early.outcome("t").try_recv(), Ok(Ok(())), "events before the answer");
        let late = Exchanges::default();
        let mut outcome = late.outcome("t");
        event(Side::Issuer, &late, "offer-sent");
        event(Side::Issuer, &late, "done");
        event(Side::Issuer, &late, "deleted");
        assert!(outcome.try_recv().is_err(), "one side only");
        event(Side::Holder, &late, "done");
        assert_eq!(outcome.try_recv(), Ok(Ok(())));
        assert!(late.0.borrow().is_empty(), "nothing is left behind");
    }

    #[test]
    fn an_abandoned_exchange_fails_whether_or_not_it_is_waited_for() {
        let exchanges = Exchanges::default();
        event(Side::Holder, &exchanges, "abandoned");
        assert_eq!(exchanges.outcome("t").try_recv(), Ok(Err("Holder abandoned: no".to_owned())));
    }

    #[test]
    fn a_connection_is_done_when_both_sides_have_completed_it() {
        let exchanges = Exchanges::default();
        let mut outcome = exchanges.outcome("i");
        for (side, state) in
            [(Side::Holder, "completed"), (Side::Issuer, "response-sent"), (Side::Issuer, "completed")]
        {
            assert!(outcome.try_recv().is_err(), "before {state}");
            let body =
                format!(r#"{{"state": "active", "rfc23_state": "{state}", "invitation_msg_id": "i"}}"#);
            exchanges.note(side, Topic::Connection, body.as_bytes());
        }
        assert_eq!(outcome.try_recv(), Ok(Ok(())));
    }

    #[test]
    fn only_the_topics_of_exchanges_and_connections_count() {
        for (line, subject) in [
            ("/issuer/topic/issue_credential_v2_0/", Some((Side::Issuer, Topic::Exchange))),
            ("/holder/topic/issue_credential_v2_0/", Some((Side::Holder, Topic::Exchange))),
            ("/holder/topic/issue_credential_v2_0_ld_proof/", None),
            ("/issuer/topic/connections/", Some((Side::Issuer, Topic::Connection))),
            ("/issuer/connections/", None),
        ] {
            assert_eq!(subject_of(format!("POST {line} HTTP/1.1").as_bytes()), subject, "{line}");
        }
    }
}
