//! placeholder
/// p
#[derive(Debug)]
pub struct Message;
/// p
#[derive(Debug)]
pub struct MessageError;
/// p
#[derive(Debug)]
pub struct MessageType;
