//! Who may read a wallet's files: their owner alone, whatever the umask.

use std::fs::{DirBuilder, OpenOptions};
use std::path::Path;

use super::beside;

/// Makes the folder of a wallet, and those above it that are missing.
pub(super) fn make_folder(folder: &Path) -> std::io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// How files are opened that are made if they are missing.
pub(super) fn creating() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Takes from others what an earlier version, ACA-Py or a copy has left them. SQLite gives the files that it makes later the mode of the
/// database.
pub(super) fn shut(database: &Path) {
    #[cfg(unix)]
    for file in
        [database.to_owned(), beside(database, "-wal"), beside(database, "-shm"), beside(database, ".lock")]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let Ok(about) = file.metadata() else { continue };
        if about.permissions().mode() & 0o077 != 0
            && let Err(error) = std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600))
        {
            tracing::warn!(file = %file.display(), %error, "others may read a file of the wallet: chmod 600 it");
        }
    }
    #[cfg(not(unix))]
    let _ = database;
}
