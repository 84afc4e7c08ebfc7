//! Things that come about by themselves, and that nothing tells of.

use std::time::Duration;

/// Asks again and again until the answer is there; at most half a minute.
pub async fn eventually<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let found = tokio::time::timeout(Duration::from_secs(30), async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    match found.await {
        Ok(found) => found,
        Err(_) => panic!("it never came to this: {what}"),
    }
}
