//! Who may come in now: limits that are checked before a message is looked at.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use actix_web::HttpRequest;
use chancery_agent::edge::{Client, Limiter, Place, Places};
use chancery_agent::ports::Clock;

/// Bytes of a body that count for nothing: messages of ordinary size go through while large ones fill what is left.
pub(super) const SMALL: usize = 64 * 1024;
/// Largest bodies that may be in memory at once while they are read.
const LARGE: usize = 64;

/// A message that isn't taken now: the sender should try again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Busy {
    /// 503: we can't. What for, for the log and the sender; for metrics.
    Us(&'static str, &'static str),
    /// 429: the sender may not, before this time has passed.
    You(&'static str, Duration),
}

/// What the gate is set to.
#[derive(Debug)]
pub struct Limits {
    /// Messages handled at once.
    pub handled: usize,
    /// Open WebSockets.
    pub websockets: usize,
    /// Requests and WebSockets of one address.
    pub per_address: Option<Places>,
    /// Messages of one address in a time.
    pub rate: Option<Limiter>,
    /// Header in which the operator's proxy names the client.
    pub address_header: Option<String>,
    /// Largest message, bytes.
    pub max_message_bytes: usize,
    /// Time for a body.
    pub body_time: Duration,
}

/// Counts what is under way.
pub struct Gate {
    /// What it is set to.
    pub limits: Limits,
    clock: Arc<dyn Clock>,
    handled: AtomicUsize,
    read: AtomicUsize,
    sockets: AtomicUsize,
    buffered: AtomicUsize,
}

/// Counts one as long as it lives.
pub struct Turn<'a>(&'a AtomicUsize);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

fn turn(counter: &AtomicUsize, most: usize) -> Option<Turn<'_>> {
    // The turn counts itself; when it is one too many, dropping it takes it off again.
    let turn = Turn(counter);
    (counter.fetch_add(1, Ordering::AcqRel) < most).then_some(turn)
}

/// Bytes of one body beyond [`SMALL`], as long as it lives.
pub struct Buffered<'a> {
    gate: &'a Gate,
    bytes: usize,
}

impl Buffered<'_> {
    /// The body has this size now.
    pub fn grow(&mut self, size: usize) -> Result<(), Busy> {
        let more = size.saturating_sub(SMALL).saturating_sub(self.bytes);
        if more == 0 {
            return Ok(());
        }
        self.bytes += more;
        let most = self.gate.limits.max_message_bytes.saturating_mul(LARGE);
        if self.gate.buffered.fetch_add(more, Ordering::AcqRel) + more > most {
            return Err(Busy::Us("too many large messages at once", "too-many-at-once"));
        }
        Ok(())
    }
}

impl Drop for Buffered<'_> {
    fn drop(&mut self) {
        self.gate.buffered.fetch_sub(self.bytes, Ordering::AcqRel);
    }
}

impl Gate {
    /// A gate with nobody in it.
    pub fn new(limits: Limits, clock: Arc<dyn Clock>) -> Self {
        let none = AtomicUsize::default;
        Self { limits, clock, handled: none(), read: none(), sockets: none(), buffered: none() }
    }

    /// Messages being handled.
    pub fn handling(&self) -> usize {
        self.handled.load(Ordering::Relaxed)
    }

    /// A message that has come in whole.
    pub fn handle(&self) -> Result<Turn<'_>, Busy> {
        let most = self.limits.handled;
        turn(&self.handled, most).ok_or(Busy::Us("too many messages at once", "too-many-at-once"))
    }

    /// A request whose body comes in. Slow senders take no turn from messages that are here.
    pub fn read(&self) -> Result<Turn<'_>, Busy> {
        let most = self.limits.handled.saturating_mul(4);
        turn(&self.read, most).ok_or(Busy::Us("too many requests at once", "too-many-at-once"))
    }

    /// A body that begins.
    pub fn buffer(&self) -> Buffered<'_> {
        Buffered { gate: self, bytes: 0 }
    }

    /// A WebSocket.
    pub fn socket(&self) -> Result<Turn<'_>, Busy> {
        let most = self.limits.websockets;
        turn(&self.sockets, most).ok_or(Busy::Us("too many WebSockets at once", "too-many-at-once"))
    }

    /// Who sent it; `None` when nothing is limited by it.
    pub fn address(&self, request: &HttpRequest) -> Option<Client> {
        if self.limits.per_address.is_none() && self.limits.rate.is_none() {
            return None;
        }
        let header = self.limits.address_header.as_deref();
        let forwarded = header.and_then(|name| request.headers().get_all(name).last()?.to_str().ok());
        Client::of(forwarded, request.peer_addr().map(|peer| peer.ip()))
    }

    /// One more message of an address.
    pub fn count(&self, address: Option<&Client>) -> Result<(), Busy> {
        match (&self.limits.rate, address) {
            (Some(limiter), Some(address)) => limiter
                .admit(address, self.clock.now())
                .map_err(|wait| Busy::You("too many messages of one address", wait)),
            _ => Ok(()),
        }
    }

    /// A place among those of the address.
    pub fn place(&self, address: Option<&Client>) -> Result<Option<Place>, Busy> {
        match (&self.limits.per_address, address) {
            (Some(places), Some(address)) => {
                let busy = Busy::You("too many requests of one address at once", Duration::from_secs(1));
                places.take(address).map(Some).ok_or(busy)
            }
            _ => Ok(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::SystemClock;

    fn gate() -> Gate {
        let limits = Limits {
            handled: 2,
            websockets: 1,
            per_address: None,
            rate: None,
            address_header: None,
            max_message_bytes: 1 << 20,
            body_time: Duration::from_secs(1),
        };
        Gate::new(limits, Arc::new(SystemClock::default()))
    }

    #[test]
    fn turns_are_given_back() {
        let gate = gate();
        let first = gate.handle().ok();
        let _second = gate.handle().ok();
        assert!(gate.handle().is_err());
        assert_eq!(gate.handling(), 2, "who was turned away is not counted");
        drop(first);
        assert!(gate.handle().is_ok());
    }

    #[test]
    fn large_bodies_leave_room_for_small_ones() {
        let gate = gate();
        let mut large: Vec<_> = (0..LARGE).map(|_| gate.buffer()).collect();
        for body in &mut large {
            body.grow(1 << 20).unwrap();
        }
        let mut one_more = gate.buffer();
        assert_eq!(one_more.grow(SMALL), Ok(()));
        large.push(gate.buffer());
        assert!(large[LARGE].grow(SMALL * 100).is_err());
        drop(large);
        assert_eq!(one_more.grow(1 << 20), Ok(()));
        drop(one_more);
        assert_eq!(gate.buffered.load(Ordering::Relaxed), 0);
    }
}
