//! Names of formats on the wire and in the admin API (RFC 0453, RFC 0592, RFC 0593, RFC 0771).

/// A family of formats: the formats of the four messages that belong together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Family {
    /// AnonCreds without ledger.
    Anoncreds,
    /// AnonCreds of Hyperledger Indy.
    Indy,
    /// JSON-LD credentials with Linked Data proofs.
    LdProof,
    /// Data Integrity credentials.
    VcDi,
}

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
    /// All families, in the order of ACA-Py's record details.
    pub const ALL: [Self; 4] = [Self::Anoncreds, Self::Indy, Self::LdProof, Self::VcDi];

    /// The name in the admin API, which is also the attachment id that is emitted.
    pub fn api(self) -> &'static str {
        match self {
            Self::Anoncreds => "anoncreds",
            Self::Indy => "indy",
            Self::LdProof => "ld_proof",
            Self::VcDi => "vc_di",
        }
    }

    /// What format strings of the family begin with.
    pub fn prefix(self) -> &'static str {
        match self {
            Self::Anoncreds => "anoncreds/",
            Self::Indy => "hlindy/",
            Self::LdProof => "aries/",
            Self::VcDi => "didcomm/",
        }
    }

    /// The family with this name in the admin API.
    pub fn from_api(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|family| family.api() == name)
    }

    /// The family of a format string: by prefix, or by API name. `None`: unknown format.
    pub fn of_format(format: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|family| format.starts_with(family.prefix()) || format == family.api())
    }

    /// The format string that is emitted.
    pub fn format(self, step: Step) -> &'static str {
        match (self, step) {
            (Self::Anoncreds, Step::Propose) => "anoncreds/credential-filter@v1.0",
            (Self::Anoncreds, Step::Offer) => "anoncreds/credential-offer@v1.0",
            (Self::Anoncreds, Step::Request) => "anoncreds/credential-request@v1.0",
            (Self::Anoncreds, Step::Issue) => "anoncreds/credential@v1.0",
            (Self::Indy, Step::Propose) => "hlindy/cred-filter@v2.0",
            (Self::Indy, Step::Offer) => "hlindy/cred-abstract@v2.0",
            (Self::Indy, Step::Request) => "hlindy/cred-req@v2.0",
            (Self::Indy, Step::Issue) => "hlindy/cred@v2.0",
            (Self::LdProof, Step::Propose | Step::Offer | Step::Request) => "aries/ld-proof-vc-detail@v1.0",
            (Self::LdProof, Step::Issue) => "aries/ld-proof-vc@v1.0",
            (Self::VcDi, Step::Propose) => "didcomm/w3c-di-vc@v0.1",
            (Self::VcDi, Step::Offer) => "didcomm/w3c-di-vc-offer@v0.1",
            (Self::VcDi, Step::Request) => "didcomm/w3c-di-vc-request@v0.1",
            (Self::VcDi, Step::Issue) => "didcomm/w3c-di-vc@v0.1",
        }
    }

    /// Name of the detail records' own id in the admin API; their category and topic are derived from [`Family::api`]
    /// (`vc_di` shares those of `indy`, as in ACA-Py).
    pub fn detail_id(self) -> &'static str {
        match self {
            Self::Anoncreds => "cred_ex_anoncreds_id",
            Self::Indy | Self::VcDi => "cred_ex_indy_id",
            Self::LdProof => "cred_ex_ld_proof_id",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_known_by_prefix_or_api_name() {
        assert_eq!(Family::of_format("aries/ld-proof-vc-detail@v1.7"), Some(Family::LdProof));
        assert_eq!(Family::of_format("ld_proof"), Some(Family::LdProof));
        assert_eq!(Family::of_format("hlindy/whatever"), Some(Family::Indy));
        assert_eq!(Family::of_format("dif/credential-manifest@v1.0"), None);
        for family in Family::ALL {
            assert_eq!(Family::from_api(family.api()), Some(family));
            for step in [Step::Propose, Step::Offer, Step::Request, Step::Issue] {
                assert_eq!(Family::of_format(family.format(step)), Some(family));
            }
        }
    }
}
