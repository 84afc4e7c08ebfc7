//! JSON-LD 1.1 for credentials: what has to be signed, byte for byte.
//!
//! ```text
//! documents   context documents by address, pinned by SHA-256; no loader, no I/O
//! context/    local contexts -> active contexts, compiled once, cached           (JSON-LD-API section 4)
//! expand/     document -> expanded form; safe mode refuses what would be dropped (section 5)
//! rdf/        expanded form -> data set, kept as N-Quads text                    (section 7)
//! canon/      data set -> canonical N-Quads                                      (RDFC-1.0)
//! processor   the four in a row
//! ```
//!
//! Where the two reference implementations for signatures (pyld, jsonld.js) agree with each other but not with the
//! text of a specification, this crate goes with them; each place says so.

mod bundled;
mod canon;
mod context;
mod documents;
mod error;
mod expand;
mod iri;
mod keyword;
mod processor;
mod rdf;
mod text;

pub use canon::{Canonical, WorkLimit, canonicalize_dataset};
pub use documents::Documents;
pub use error::{Dropped, Error, ErrorCode};
pub use expand::MAX_DEPTH;
pub use processor::{ExpandOptions, Processor, RdfDirection};
pub use rdf::{Dataset, Quad, Term};
