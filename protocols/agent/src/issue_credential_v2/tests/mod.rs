//! The protocol's tests: the table of states and inputs, ACA-Py's own messages and records, and whole exchanges.

mod fetched;
mod flows;
mod invitations;
mod repeats;
mod reviewed;
mod table;
mod toy;
mod vectors;
mod world;
