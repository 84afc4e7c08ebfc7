//! Sending within an exchange, whether it runs over a connection or without one.

use chancery_didcomm::message::Message;

use crate::engine::{AgentError, Unit};

/// Sends a message of an exchange.
///
/// With `connection_id` it goes to the connection's target. Without one it goes to the service remembered in the
/// out-of-band record of the exchange (found by `thread_id`, the thread of the attached message); there the message gets
/// `~thread.pthid` = the invitation's id and, as its last member, `~service` = our own service.
///
/// Errors: 400 when the connection has no usable service, or when the thread belongs to no connectionless exchange.
pub async fn send_in_exchange(
    _unit: &mut Unit<'_>,
    _connection_id: Option<&str>,
    _thread_id: &str,
    _message: Message,
) -> Result<(), AgentError> {
    Err(AgentError::not_supported("sending in an exchange"))
}
