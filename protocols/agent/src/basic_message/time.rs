//! The form of `sent_time`.

/// Whether a text has ACA-Py's form of a time: `2026-01-02T03:04[:[05[.123456]]][Z|+01:00]`, with `T` or a space.
/// Whether there is such a day isn't asked.
pub(super) fn is_iso8601(text: &str) -> bool {
    let Some(rest) = shaped(text, "dddd-dd-dd") else { return false };
    let Some(rest) = rest.strip_prefix(['T', ' ']).and_then(|rest| shaped(rest, "dd:dd")) else {
        return false;
    };
    let rest = match rest.strip_prefix(':') {
        None => rest,
        Some(rest) => match shaped(rest, "dd") {
            None => rest,
            Some(rest) => match fraction(rest) {
                Some(rest) => rest,
                None => return false,
            },
        },
    };
    match rest.strip_prefix(['+', '-']) {
        None => matches!(rest, "" | "Z"),
        Some(zone) => shaped(zone, "dd:dd").or_else(|| shaped(zone, "dddd")) == Some(""),
    }
}

/// What follows a beginning of this shape; `d` is a digit.
fn shaped<'t>(text: &'t str, shape: &str) -> Option<&'t str> {
    let (start, rest) = text.split_at_checked(shape.len())?;
    let fits = |(is, wanted): (u8, u8)| if wanted == b'd' { is.is_ascii_digit() } else { is == wanted };
    start.bytes().zip(shape.bytes()).all(fits).then_some(rest)
}

/// What follows an optional fraction of one to six digits. `None`: a point with none, or more.
fn fraction(text: &str) -> Option<&str> {
    let Some(digits) = text.strip_prefix('.') else { return Some(text) };
    let rest = digits.trim_start_matches(|c: char| c.is_ascii_digit());
    (1..=6).contains(&(digits.len() - rest.len())).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::is_iso8601;

    #[test]
    fn which_texts_are_times() {
        for (text, is) in [
            ("2026-11-20T23:34:31.484090Z", true),
            ("2026-11-20 23:34:31Z", true),
            ("2026-11-20 23:34:31.1+01:00", true),
            ("2026-11-20 23:34:31-0130", true),
            ("2026-11-20T23:34", true),
            ("2026-11-20T23:34:Z", true),
            ("2026-11-20", false),
            ("2026-11-20t23:34:31Z", false),
            ("2026-11-20T23:34:31.Z", false),
            ("2026-11-20T23:34:31.1234567Z", false),
            ("2026-11-20T23:34:31+1", false),
            ("2026-11-20T23:34:31Z ", false),
            ("\u{e9}026-11-20T23:34:31Z", false),
            ("", false),
        ] {
            assert_eq!(is_iso8601(text), is, "{text}");
        }
    }
}
