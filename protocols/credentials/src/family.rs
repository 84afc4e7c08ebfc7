//! Names of formats on the wire and in the admin API (RFC 0453, RFC 0592, RFC 0593, RFC 0771).

/// A family of formats: the formats of the four messages that belong together, and where ACA-Py keeps what it notes of an
/// exchange in them. Two families are the same if they are called the same.
#[derive(Clone, Copy, Debug)]
pub struct Family {
    /// The name in the admin API, which is also the attachment id that is emitted.
    pub api: &'static str,
    /// What format strings of the family begin with.
    pub prefix: &'static str,
    /// The format strings that are emitted, by [`Step`].
    pub formats: [&'static str; 4],
    /// Askar category of the detail records.
    pub detail_category: &'static str,
    /// Name of the detail records' own id in the admin API.
    pub detail_id: &'static str,
    /// Webhook topic of the detail records.
    pub topic: &'static str,
    /// What the format keeps in the detail records ([`Made::keep`](crate::Made::keep)) and may be shown.
    pub shown: &'static [&'static str],
}

impl PartialEq for Family {
    fn eq(&self, other: &Self) -> bool {
        self.api == other.api
    }
}

impl Eq for Family {}

/// Which message an attachment belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    /// `propose-credential`
    Propose,
    /// `offer-credential`
    Offer,
    /// `request-credential`
    Request,
    /// `issue-credential`
    Issue,
}

impl Family {
    /// The format string that is emitted.
    pub fn format(&self, step: Step) -> &'static str {
        self.formats[step as usize]
    }
}
