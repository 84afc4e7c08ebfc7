//! Where a wallet "in memory" lives: in a folder of its own, on a file system in memory if there is one. So it is read and written
//! by the same code as any other, and gone when it is closed.

use std::path::{Path, PathBuf};

use chancery_agent::ports::Entropy;

use super::super::OpenError;
use super::lock;

/// A folder of its own for a wallet in memory: where there is a file system in memory, there.
pub(super) fn folder(entropy: &dyn Entropy) -> Result<PathBuf, OpenError> {
    let shm = Path::new("/dev/shm");
    let parent = if shm.is_dir() { shm.to_owned() } else { std::env::temp_dir() };
    sweep(&parent);
    let mut random = [0; 16];
    entropy.fill(&mut random);
    let folder = parent.join(format!("{PREFIX}{}", uuid::Builder::from_random_bytes(random).into_uuid()));
    let mut builder = std::fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(&folder).map_err(|error| OpenError::Io { path: folder.clone(), error })?;
    Ok(folder)
}

/// Beginning of the names of these folders.
pub(super) const PREFIX: &str = "chancery-wallet-";

/// Removes what killed processes have left: folders whose lock nobody holds.
fn sweep(parent: &Path) {
    let Ok(entries) = std::fs::read_dir(parent) else { return };
    for entry in entries.flatten() {
        if entry.file_name().to_string_lossy().starts_with(PREFIX) {
            let database = entry.path().join("sqlite.db");
            // A folder without a lock file is being made right now.
            if lock::path_of(&database).exists() && lock::FileLock::take(&database).is_ok() {
                let _ = std::fs::remove_dir_all(entry.path());
            }
        }
    }
}
