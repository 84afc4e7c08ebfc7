//! `keep <target> <folder>`: packs the inputs of a folder, minimised, into `cases/`. See the script `keep`.
#![allow(missing_docs)]

use std::path::Path;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(target), Some(folder)) = (arguments.next(), arguments.next()) else {
        return Err("usage: keep <target> <folder>".into());
    };
    println!("{target}: {} inputs kept", chancery_fuzz::cases::keep(&target, Path::new(&folder))?);
    Ok(())
}
