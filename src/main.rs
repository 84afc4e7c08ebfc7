//! The Chancery agent.
fn main() {}
