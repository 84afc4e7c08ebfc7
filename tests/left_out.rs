//! Says what `cargo test` does not run, and how to get it. Written past the test runner, which keeps what passing tests print
//! to itself.
#![allow(clippy::unwrap_used, missing_docs)]

use std::io::Write as _;
use std::path::Path;

#[test]
fn says_what_it_leaves_out() {
    for (what, command) in [
        ("the matrix with a real ACA-Py 1.7.0, which it gets from PyPI", "interop/run"),
        ("the recorded traces of ACA-Py, replayed against two agents", "interop/replay"),
        ("fuzzing of everything that arrives from outside", "fuzz/run"),
    ] {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join(command);
        assert!(script.is_file(), "{command} is gone: say how {what} is run now");
        writeln!(std::io::stderr(), "not run: {what}: {command}").unwrap();
    }
    writeln!(
        std::io::stderr(),
        "not run: the stories with wallets on PostgreSQL: CHANCERY_TEST_STORE=postgres cargo test --test black_box"
    )
    .unwrap();
}
