//! To version 2: queue rows and events are bound to their profile and number. Rows of version 1 stay as they are and open as they
//! did ([`Sealing::open_bound`]), until they are gone; the version keeps builds away that could not open the new ones.
//!
//! [`Sealing::open_bound`]: crate::store::format::Sealing::open_bound

use super::Step;

pub(super) const STEP: Step = Step {
    to: 2,
    name: "rows bound to their number",
    sqlite: |_, _| Ok(()),
    postgres: |_, _| Box::pin(std::future::ready(Ok(()))),
};
