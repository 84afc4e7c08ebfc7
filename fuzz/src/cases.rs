//! The committed inputs: few that reach what all of them reached, packed in one file a target, and those that found something.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Error, Write as _};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;

/// What a target does with an input.
pub type Target = fn(&[u8]);

/// All targets by name.
pub const TARGETS: [(&str, Target); 6] = [
    ("admin_body", crate::target::admin_body::run),
    ("credential", crate::target::credential::run),
    ("did", crate::target::did::run),
    ("envelope", crate::target::envelope::run),
    ("jsonld", crate::target::jsonld::run),
    ("message", crate::target::message::run),
];

fn packed(target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("cases").join(format!("{target}.gz"))
}

/// The inputs kept for a target, and those in `found/`. Packed: a line of base64 each.
pub fn read(target: &str) -> Result<Vec<Vec<u8>>, Error> {
    let mut inputs = Vec::new();
    for line in BufReader::new(GzDecoder::new(File::open(packed(target))?)).lines() {
        inputs.push(STANDARD.decode(line?).map_err(Error::other)?);
    }
    let found = Path::new(env!("CARGO_MANIFEST_DIR")).join("found").join(target);
    if found.is_dir() {
        inputs.extend(folder(&found)?);
    }
    Ok(inputs)
}

/// Keeps the files of a folder as the inputs of a target; answers how many.
pub fn keep(target: &str, from: &Path) -> Result<usize, Error> {
    let inputs = folder(from)?;
    let mut out = GzEncoder::new(File::create(packed(target))?, Compression::best());
    for input in &inputs {
        writeln!(out, "{}", STANDARD.encode(input))?;
    }
    out.finish()?;
    Ok(inputs.len())
}

fn folder(path: &Path) -> Result<Vec<Vec<u8>>, Error> {
    let mut inputs = Vec::new();
    for entry in std::fs::read_dir(path)? {
        inputs.push(std::fs::read(entry?.path())?);
    }
    inputs.sort();
    Ok(inputs)
}
