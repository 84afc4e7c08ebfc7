//! did_exchange (in the making).
