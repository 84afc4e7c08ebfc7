//! How the allocator treats memory that is free.

/// mimalloc's `mi_option_purge_delay`, which its bindings leave out between `mi_option_eager_commit_delay` (14) and
/// `mi_option_use_numa_nodes` (16).
const PURGE_DELAY: libmimalloc_sys::mi_option_t = 15;

/// Free memory goes back to the system at once. Deriving a wallet's key takes 128 MB for a moment; with a delay, part of it
/// stayed for good, as nothing was freed afterwards that would have looked at it again. To be called before any thread is started.
pub fn give_back_at_once() {
    #[expect(unsafe_code, reason = "the allocator's options are set by a foreign function")]
    // SAFETY: the option exists in this version of mimalloc, takes any number, and no other thread runs yet.
    unsafe {
        libmimalloc_sys::mi_option_set(PURGE_DELAY, 0);
    }
}
