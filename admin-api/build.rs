//! Gathers the pages of `docs/errors`, which the API serves and takes its hints from.

use std::error::Error;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

fn main() -> Result<(), Box<dyn Error>> {
    let folder = Path::new(&env::var("CARGO_MANIFEST_DIR")?).join("../docs/errors").canonicalize()?;
    println!("cargo::rerun-if-changed={}", folder.display());
    let pages: Result<Vec<PathBuf>, _> = fs::read_dir(&folder)?.map(|entry| Ok(entry?.path())).collect();
    let mut pages = pages.map_err(|error: std::io::Error| error)?;
    pages.retain(|page| page.extension().is_some_and(|ending| ending == "md"));
    pages.sort();
    let mut table = String::from("[\n");
    for page in pages {
        let code = page.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        if code != "README" {
            writeln!(table, "({code:?}, include_str!({:?})),", page.display().to_string())?;
        }
    }
    table.push_str("]\n");
    fs::write(Path::new(&env::var("OUT_DIR")?).join("error_pages.rs"), table)?;
    Ok(())
}
