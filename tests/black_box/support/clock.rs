//! The system clock of one process, from Debian's `faketime`.

use std::path::{Path, PathBuf};

use super::Surroundings;

pub struct Clock {
    file: PathBuf,
}

impl Clock {
    pub const LIBRARY: &str = "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1";

    pub fn of(folder: &Path) -> Self {
        std::fs::create_dir_all(folder).unwrap();
        let clock = Self { file: folder.join("clock") };
        clock.shift("+0");
        clock
    }

    /// Away from the time that it is: `+0`, `-10m`, `-400d`, or in seconds.
    pub fn shift(&self, by: &str) {
        let fresh = self.file.with_extension("new");
        std::fs::write(&fresh, by).unwrap();
        std::fs::rename(fresh, &self.file).unwrap();
    }

    pub fn surroundings(&self) -> Surroundings {
        let variables = [
            ("LD_PRELOAD", Self::LIBRARY),
            ("FAKETIME_TIMESTAMP_FILE", self.file.to_str().unwrap()),
            ("FAKETIME_NO_CACHE", "1"),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
        ];
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        Surroundings { variables, ..Surroundings::default() }
    }
}
