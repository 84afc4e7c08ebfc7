//! trust_ping (in the making).
