//! What peers and strangers say of keys, threads and invitations has no effect beyond what they have shown; the honest
//! party beside them is served as before.

mod peers;
