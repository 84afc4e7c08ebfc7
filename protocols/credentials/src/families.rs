//! Families are found by their names. A format's folder has its own; those that are known and aren't built are here.

use crate::family::Family;

/// Not `cred_request_metadata`, which ACA-Py shows: the blinding data in it are as secret as the link secret.
const REVOCATION: &[&str] = &["rev_reg_id", "cred_rev_id"];

/// AnonCreds without ledger. Known, not built.
pub const ANONCREDS: Family = Family {
    api: "anoncreds",
    prefix: "anoncreds/",
    formats: [
        "anoncreds/credential-filter@v1.0",
        "anoncreds/credential-offer@v1.0",
        "anoncreds/credential-request@v1.0",
        "anoncreds/credential@v1.0",
    ],
    detail_category: "anoncreds_cred_ex_v20",
    detail_id: "cred_ex_anoncreds_id",
    topic: "issue_credential_v2_0_anoncreds",
    shown: REVOCATION,
};

/// AnonCreds of Hyperledger Indy. Known, not built.
pub const INDY: Family = Family {
    api: "indy",
    prefix: "hlindy/",
    formats: [
        "hlindy/cred-filter@v2.0",
        "hlindy/cred-abstract@v2.0",
        "hlindy/cred-req@v2.0",
        "hlindy/cred@v2.0",
    ],
    detail_category: "indy_cred_ex_v20",
    detail_id: "cred_ex_indy_id",
    topic: "issue_credential_v2_0_indy",
    shown: REVOCATION,
};

/// Data Integrity credentials, with the detail records of [`INDY`], as in ACA-Py. Known, not built.
pub const VC_DI: Family = Family {
    api: "vc_di",
    prefix: "didcomm/",
    formats: [
        "didcomm/w3c-di-vc@v0.1",
        "didcomm/w3c-di-vc-offer@v0.1",
        "didcomm/w3c-di-vc-request@v0.1",
        "didcomm/w3c-di-vc@v0.1",
    ],
    ..INDY
};

impl Family {
    /// The family with this name in the admin API.
    pub fn from_api(name: &str) -> Option<&'static Self> {
        Self::KNOWN.iter().copied().find(|family| family.api == name)
    }

    /// The family of a format string: by prefix, or by API name. `None`: unknown format.
    pub fn of_format(format: &str) -> Option<&'static Self> {
        Self::KNOWN.iter().copied().find(|family| format.starts_with(family.prefix) || format == family.api)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Step, ld_proof};

    #[test]
    fn formats_are_known_by_prefix_or_api_name() {
        assert_eq!(Family::of_format("aries/ld-proof-vc-detail@v1.7"), Some(&ld_proof::FAMILY));
        assert_eq!(Family::of_format("ld_proof"), Some(&ld_proof::FAMILY));
        assert_eq!(Family::of_format("hlindy/whatever"), Some(&INDY));
        assert_eq!(Family::of_format("dif/credential-manifest@v1.0"), None);
        for family in Family::KNOWN.iter().copied() {
            assert_eq!(Family::from_api(family.api), Some(family));
            for step in [Step::Propose, Step::Offer, Step::Request, Step::Issue] {
                assert_eq!(Family::of_format(family.format(step)), Some(family));
            }
        }
        assert_eq!(ld_proof::FAMILY.format(Step::Request), "aries/ld-proof-vc-detail@v1.0");
        assert_eq!(ld_proof::FAMILY.format(Step::Issue), "aries/ld-proof-vc@v1.0");
    }
}
