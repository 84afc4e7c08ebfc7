//! Connections of one address: so many may be open at once, whatever they are used for.

use std::any::Any;
use std::net::Shutdown;

use actix_web::dev::Extensions;
use actix_web::rt::net::TcpStream;
use chancery_agent::edge::{Client, Places};
use socket2::SockRef;

/// Takes a place of its address for a connection that was just accepted, and leaves it in what is kept as long as the connection
/// is open. One too many is closed.
pub fn seated(places: Option<&Places>, stream: &dyn Any, kept: &mut Extensions) {
    let (Some(places), Some(stream)) = (places, stream.downcast_ref::<TcpStream>()) else { return };
    let place = stream.peer_addr().ok().and_then(|peer| places.take(&Client::new(peer.ip())));
    match place {
        Some(place) => {
            kept.insert(place);
        }
        // The server sees the end of the stream and drops it. What fails is closed already.
        None => {
            let _ = SockRef::from(stream).shutdown(Shutdown::Both);
        }
    }
}
