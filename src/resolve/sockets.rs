//! How many connections lead out at once: in all, to one address, and look-ups of names. Each takes a file of the process.

use std::collections::{HashMap, HashSet};
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::Duration;

use chancery_agent::edge::Client;
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::Reach;

/// Who finds no place waits so long for one, then tries again later.
const WAIT: Duration = Duration::from_secs(5);

/// Others have all places: it is no fault of whom the connection was for.
pub const NO_PLACE: io::ErrorKind = io::ErrorKind::ResourceBusy;

/// Addresses that are remembered for having answered.
const REMEMBERED: usize = 65_536;

/// What keeps connections that are not in use.
pub trait Idle: Send + Sync {
    /// Closes the one that was not used for longest, of those whose place fits.
    fn close_one(&self, fits: &dyn Fn(&Seat) -> bool);
}

/// So many places, and those who wait for one.
struct Line {
    places: Arc<Semaphore>,
    waiting: AtomicUsize,
}

/// Counts one that waits.
struct Waiting<'a>(&'a AtomicUsize);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Line {
    fn new(places: usize) -> Self {
        Self { places: Arc::new(Semaphore::new(places)), waiting: AtomicUsize::new(0) }
    }

    /// A place, at once or soon.
    async fn place(&self, make_room: impl FnOnce()) -> Option<OwnedSemaphorePermit> {
        if let Ok(place) = self.places.clone().try_acquire_owned() {
            return Some(place);
        }
        // Before room is made: whoever is done from now on sees that somebody waits.
        self.waiting.fetch_add(1, Ordering::SeqCst);
        let _waiting = Waiting(&self.waiting);
        make_room();
        timeout(WAIT, self.places.clone().acquire_owned()).await.ok()?.ok()
    }

    fn is_waited_for(&self) -> bool {
        self.waiting.load(Ordering::SeqCst) > 0
    }
}

/// The places for connections.
pub struct Sockets {
    /// For addresses that were not heard of, or did not answer the last time.
    strangers: Line,
    /// For those that did: who never answers can't hold them up.
    acquainted: Line,
    answering: Arc<Answering>,
    lookups: Line,
    per_address: usize,
    addresses: Arc<Addresses>,
    idle: OnceLock<Weak<dyn Idle>>,
}

/// The places of each address that has a user, with how many use them or wait.
#[derive(Default)]
struct Addresses(Mutex<HashMap<Client, (Arc<Line>, usize)>>);

impl Addresses {
    fn lock(&self) -> MutexGuard<'_, HashMap<Client, (Arc<Line>, usize)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The addresses that answered the last time.
#[derive(Default)]
struct Answering(Mutex<HashSet<Client>>);

impl Answering {
    fn lock(&self) -> MutexGuard<'_, HashSet<Client>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Uses the places of an address. Those that nobody uses take no memory.
struct User {
    addresses: Arc<Addresses>,
    client: Client,
    line: Arc<Line>,
}

impl User {
    fn new(addresses: &Arc<Addresses>, client: Client, most: usize) -> Self {
        let mut known = addresses.lock();
        let (line, users) = known.entry(client).or_insert_with(|| (Arc::new(Line::new(most)), 0));
        *users += 1;
        Self { addresses: addresses.clone(), client, line: line.clone() }
    }
}

impl Drop for User {
    fn drop(&mut self) {
        let mut known = self.addresses.lock();
        if let Some((_, users)) = known.get_mut(&self.client) {
            *users -= 1;
            if *users == 0 {
                known.remove(&self.client);
            }
        }
    }
}

/// A place, for as long as its connection is open.
pub struct Seat {
    _of_address: OwnedSemaphorePermit,
    _of_all: OwnedSemaphorePermit,
    user: User,
    acquainted: bool,
    heard: AtomicBool,
    answering: Arc<Answering>,
}

impl Seat {
    /// The other side has answered. Whoever does has places that strangers can't take, until it does not.
    pub fn answered(&self) {
        self.heard.store(true, Ordering::Relaxed);
        let mut answering = self.answering.lock();
        if answering.len() >= REMEMBERED && !answering.contains(&self.user.client) {
            answering.clear();
        }
        answering.insert(self.user.client);
    }

    /// The other side did not answer in time.
    pub fn unanswered(&self) {
        self.answering.lock().remove(&self.user.client);
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        // Neither a connection that was refused nor one that was given up.
        if !self.heard.load(Ordering::Relaxed) {
            self.unanswered();
        }
    }
}

impl Sockets {
    /// So many connections in all, half of them to addresses that answered the last time; so many to one address, and so many
    /// look-ups of names.
    pub fn new(all: usize, per_address: usize, lookups: usize) -> Self {
        Self {
            strangers: Line::new(all.div_ceil(2)),
            acquainted: Line::new(all / 2),
            answering: Arc::default(),
            lookups: Line::new(lookups),
            per_address,
            addresses: Arc::default(),
            idle: OnceLock::new(),
        }
    }

    /// Whose idle connections are closed when places are short.
    pub fn set_idle(&self, idle: Weak<dyn Idle>) {
        let _ = self.idle.set(idle);
    }

    /// Whether somebody waits for a place like this one: then it is none for a connection that is not in use.
    pub fn wants(&self, seat: &Seat) -> bool {
        self.line(seat.acquainted).is_waited_for() || seat.user.line.is_waited_for()
    }

    fn line(&self, acquainted: bool) -> &Line {
        match acquainted {
            true => &self.acquainted,
            false => &self.strangers,
        }
    }

    /// Connects to the first address of a host that is within reach. `None`: all are.
    ///
    /// Errors: no address, no place in time ([`NO_PLACE`], unless all those of the address are taken), no connection.
    pub async fn connect(
        &self,
        reach: Option<Reach>,
        host: &str,
        port: u16,
    ) -> io::Result<(TcpStream, Seat)> {
        let mut last = unreachable(host);
        for address in self.addresses(reach, host, port).await? {
            let seat = self.seat(address.ip()).await?;
            match TcpStream::connect(address).await {
                Ok(stream) => return Ok((stream, seat)),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    /// A place for a connection to a host that somebody else opens.
    ///
    /// Errors: no address within reach, no place in time.
    pub async fn visit(&self, reach: Reach, host: &str, port: u16) -> io::Result<Seat> {
        let found = self.addresses(Some(reach), host, port).await?;
        self.seat(found.first().ok_or_else(|| unreachable(host))?.ip()).await
    }

    /// The addresses of a host that are within reach. A look-up keeps its place until the system has given it up, even if
    /// nobody waits for it any more.
    pub(super) async fn addresses(
        &self,
        reach: Option<Reach>,
        host: &str,
        port: u16,
    ) -> io::Result<Vec<SocketAddr>> {
        let within = |address: &SocketAddr| reach.is_none_or(|reach| reach.allows(address.ip()));
        if let Ok(ip) = host.parse::<IpAddr>() {
            return Ok(Some(SocketAddr::new(ip, port)).filter(within).into_iter().collect());
        }
        let place = self.lookups.place(|| {}).await;
        let place = place.ok_or_else(|| full(NO_PLACE, "look-ups of names"))?;
        let name = host.to_owned();
        let found = tokio::task::spawn_blocking(move || {
            let found = (name.as_str(), port).to_socket_addrs();
            drop(place);
            found.map(|found| found.collect::<Vec<_>>())
        });
        Ok(found.await.map_err(io::Error::other)??.into_iter().filter(within).collect())
    }

    async fn seat(&self, address: IpAddr) -> io::Result<Seat> {
        let user = User::new(&self.addresses, Client::new(address), self.per_address);
        // In this order: who waits for an address of many holds up no other.
        let of_address = user.line.place(|| self.make_room(&|seat| seat.user.client == user.client)).await;
        // Who lets all its connections wait has itself to blame.
        let of_address =
            of_address.ok_or_else(|| full(io::ErrorKind::TimedOut, &format!("connections to {address}")))?;
        let acquainted = self.answering.lock().contains(&user.client);
        let of_all = self.line(acquainted).place(|| self.make_room(&|seat| seat.acquainted == acquainted));
        let of_all = of_all.await.ok_or_else(|| full(NO_PLACE, "connections"))?;
        let answering = self.answering.clone();
        let heard = AtomicBool::new(false);
        Ok(Seat { _of_address: of_address, _of_all: of_all, user, acquainted, heard, answering })
    }

    fn make_room(&self, fits: &dyn Fn(&Seat) -> bool) {
        if let Some(idle) = self.idle.get().and_then(Weak::upgrade) {
            idle.close_one(fits);
        }
    }
}

fn unreachable(host: &str) -> io::Error {
    io::Error::other(format!("{host} has no address within reach (--outbound-reach)"))
}

fn full(kind: io::ErrorKind, of_what: &str) -> io::Error {
    io::Error::new(kind, format!("as many {of_what} are open as may be (--max-connections-outbound)"))
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn listener(at: &str) -> (tokio::net::TcpListener, u16) {
        let listener = tokio::net::TcpListener::bind((at, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        (listener, port)
    }

    #[tokio::test(start_paused = true)]
    async fn who_finds_no_place_waits_for_one_and_is_told_when_none_comes() {
        let (_listener, port) = listener("127.0.0.1").await;
        let sockets = Arc::new(Sockets::new(4, 2, 1));
        let open = || sockets.connect(None, "127.0.0.1", port);
        let first = open().await.unwrap();
        let _second = open().await.unwrap();
        let refused = open().await.err().unwrap();
        assert!(refused.to_string().contains("as many connections to 127.0.0.1 are open"), "{refused}");
        let (third, ()) = tokio::join!(open(), async {
            assert!(sockets.wants(&first.1));
            drop(first);
        });
        assert!(!sockets.wants(&third.unwrap().1));
    }

    #[tokio::test(start_paused = true)]
    async fn one_address_takes_only_its_own_places() {
        let (_listener, port) = listener("127.0.0.1").await;
        let (_other, other_port) = listener("127.0.0.2").await;
        let sockets = Sockets::new(8, 2, 1);
        let mut taken = Vec::new();
        for _ in 0..2 {
            taken.push(sockets.connect(None, "127.0.0.1", port).await.unwrap());
        }
        assert!(sockets.connect(None, "127.0.0.1", port).await.is_err());
        taken.push(sockets.connect(None, "127.0.0.2", other_port).await.unwrap());
        assert_eq!(sockets.addresses.lock().len(), 2);
        drop(taken);
        assert!(sockets.addresses.lock().is_empty(), "addresses without a connection are forgotten");
        assert_eq!(sockets.strangers.places.available_permits(), 4);
    }

    #[tokio::test(start_paused = true)]
    async fn an_address_that_answers_has_places_that_strangers_do_not_take() {
        let (_listener, port) = listener("0.0.0.0").await;
        let sockets = Sockets::new(4, 4, 1);
        let open = |host: &'static str| sockets.connect(None, host, port);
        open("127.0.0.1").await.unwrap().1.answered();
        let _strangers = [open("127.0.0.2").await.unwrap(), open("127.0.0.3").await.unwrap()];
        assert!(open("127.0.0.4").await.is_err());
        drop(open("127.0.0.1").await.unwrap());
        assert!(open("127.0.0.1").await.is_err(), "who stops to answer is a stranger again");
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_waits_for_one_address_takes_no_place_of_all() {
        let (_listener, port) = listener("127.0.0.1").await;
        let (_other, other_port) = listener("127.0.0.2").await;
        let sockets = Sockets::new(6, 2, 1);
        let _first = sockets.connect(None, "127.0.0.1", port).await.unwrap();
        let _second = sockets.connect(None, "127.0.0.1", port).await.unwrap();
        let waiting = std::pin::pin!(sockets.connect(None, "127.0.0.1", port));
        assert!(futures_util::poll!(waiting).is_pending());
        let place = sockets.strangers.places.clone().try_acquire_owned();
        assert!(place.is_ok());
        drop(place);
        sockets.connect(None, "127.0.0.2", other_port).await.unwrap();
    }
}
