//! The wallet of an agent that is stopped, to bring about what no agent does any more.

use std::path::Path;
use std::sync::Arc;

use chancery::store::{CreateMode, FacetSource, Keep, KeyMethod, OpenOptions, Place, SqliteStore};
use chancery::world::{SystemClock, SystemEntropy};

/// Opens the file.
pub async fn opened(home: &Path, name: &str) -> SqliteStore {
    let place = home.join("wallet").join(name).join("sqlite.db");
    assert!(place.exists(), "{}", place.display());
    let options = OpenOptions {
        place: Place::File(place),
        key: super::RAW_KEY.to_owned().into(),
        method: KeyMethod::Raw,
        rekey: None,
        create: CreateMode::Never,
        profile: None,
        clock: Arc::new(SystemClock::default()),
        entropy: Arc::new(SystemEntropy),
        facets: FacetSource::NONE,
    };
    let keep = Keep { delivered_events: 1_000_000, dead_letters: 1_000_000 };
    SqliteStore::open_keeping(options, keep).await.unwrap()
}
