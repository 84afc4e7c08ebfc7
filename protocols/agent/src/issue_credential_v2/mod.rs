//! issue_credential_v2 (in the making).
