//! Timestamps of messages and records. The clock is the caller's.

use std::time::{SystemTime, UNIX_EPOCH};

const DAY: i64 = 86_400;
const MICROS: i64 = 1_000_000;

/// `2026-01-02T03:04:05.678901Z` from microseconds since 1970. Clamped to the years 1 to 9999.
pub fn format_micros(micros: i64) -> String {
    let micros = micros.clamp(-62_135_596_800 * MICROS, 253_402_300_800 * MICROS - 1);
    let (seconds, fraction) = (micros.div_euclid(MICROS), micros.rem_euclid(MICROS));
    let (days, second) = (seconds.div_euclid(DAY), seconds.rem_euclid(DAY));
    let (year, month, day) = date_of(days);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{fraction:06}Z")
}

/// As [`format_micros`].
pub fn format(time: SystemTime) -> String {
    format_micros(micros_since_epoch(time))
}

/// Microseconds since 1970, negative before.
pub fn micros_since_epoch(time: SystemTime) -> i64 {
    match time.duration_since(UNIX_EPOCH) {
        Ok(after) => i64::try_from(after.as_micros()).unwrap_or(i64::MAX),
        Err(before) => i64::try_from(before.duration().as_micros()).map_or(i64::MIN, |micros| -micros),
    }
}

/// Whether other agents take the text for a time: `T` or a space between date and time, optional seconds with up to six
/// decimals, `Z`, `±hh:mm`, `±hhmm` or nothing. The form only: month 13 passes, as in ACA-Py.
pub fn is_iso8601(text: &str) -> bool {
    read(text).is_some()
}

/// Microseconds since 1970 of a time in the form of [`is_iso8601`] that exists; without a zone it is UTC.
pub fn parse(text: &str) -> Option<i64> {
    let time = read(text)?;
    let [year, month, day, hour, minute, second] = time.fields;
    let in_range = (1..=12).contains(&month)
        && (1..=days_of(year, month)).contains(&day)
        && year >= 1
        && hour < 24
        && minute < 60
        && second < 60;
    let local = (days_to(year, month, day) * DAY + hour * 3600 + minute * 60 + second) * MICROS + time.micros;
    in_range.then_some(local - time.offset_minutes * 60 * MICROS)
}

struct Read {
    /// Year, month, day, hour, minute, second.
    fields: [i64; 6],
    micros: i64,
    offset_minutes: i64,
}

fn read(text: &str) -> Option<Read> {
    let mut rest = text.as_bytes();
    let year = digits(&mut rest, 4)?;
    let month = after(&mut rest, b"-")?;
    let day = after(&mut rest, b"-")?;
    let hour = after(&mut rest, b"T ")?;
    let minute = after(&mut rest, b":")?;
    let (mut second, mut micros) = (0, 0);
    if rest.first() == Some(&b':') {
        second = after(&mut rest, b":")?;
        if let Some(decimals) = rest.strip_prefix(b".") {
            let count = decimals.iter().take_while(|c| c.is_ascii_digit()).count();
            if count == 0 || count > 6 {
                return None;
            }
            rest = decimals;
            micros = digits(&mut rest, count)? * 10_i64.pow(6 - count as u32);
        }
    }
    let offset_minutes = match rest.first() {
        None => 0,
        Some(b'Z') if rest.len() == 1 => 0,
        Some(sign @ (b'+' | b'-')) => {
            let sign = if *sign == b'-' { -1 } else { 1 };
            rest = rest.get(1..)?;
            let hours = digits(&mut rest, 2)?;
            rest = rest.strip_prefix(b":").unwrap_or(rest);
            let minutes = digits(&mut rest, 2)?;
            if !rest.is_empty() {
                return None;
            }
            sign * (hours * 60 + minutes)
        }
        Some(_) => return None,
    };
    Some(Read { fields: [year, month, day, hour, minute, second], micros, offset_minutes })
}

fn after(rest: &mut &[u8], separators: &[u8]) -> Option<i64> {
    let (first, tail) = rest.split_first()?;
    if !separators.contains(first) {
        return None;
    }
    *rest = tail;
    digits(rest, 2)
}

fn digits(rest: &mut &[u8], count: usize) -> Option<i64> {
    let (head, tail) = rest.split_at_checked(count)?;
    let mut number = 0;
    for c in head {
        number = number * 10 + i64::from(char::from(*c).to_digit(10)?);
    }
    *rest = tail;
    Some(number)
}

/// Days since 1970 of a date in the Gregorian calendar, counted in eras of 400 years that begin on 1 March.
fn days_to(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

fn date_of(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year + era * 400 + i64::from(month <= 2), month, day)
}

fn days_of(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_with_microseconds() {
        assert_eq!(format_micros(0), "1970-01-01T00:00:00.000000Z");
        assert_eq!(format_micros(1_767_323_045_678_901), "2026-01-02T03:04:05.678901Z");
        assert_eq!(format_micros(951_782_400_000_000), "2000-02-29T00:00:00.000000Z");
        assert_eq!(format_micros(-1), "1969-12-31T23:59:59.999999Z");
        assert_eq!(format_micros(i64::MAX), "9999-12-31T23:59:59.999999Z");
        assert_eq!(format_micros(i64::MIN), "0001-01-01T00:00:00.000000Z");
        assert_eq!(format(UNIX_EPOCH), "1970-01-01T00:00:00.000000Z");
    }

    #[test]
    fn what_is_written_is_read_back() {
        for micros in (-60_000_000_000_000_000..250_000_000_000_000_000).step_by(7_654_321_987_654_321) {
            assert_eq!(parse(&format_micros(micros)), Some(micros));
        }
    }

    #[test]
    fn other_forms_are_read() {
        let expected = Some(1_767_323_045_000_000);
        for text in [
            "2026-01-02T03:04:05Z",
            "2026-01-02 03:04:05",
            "2026-01-02T03:04:05.0+00:00",
            "2026-01-02T05:34:05+0230",
            "2026-01-01T22:04:05-05:00",
        ] {
            assert_eq!(parse(text), expected, "{text}");
        }
        assert_eq!(parse("2026-01-02 03:04"), Some(1_767_323_040_000_000));
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            "2026",
            "2026-01-02",
            "2026-01-02T03",
            "2026-01-02t03:04:05Z",
            "2026-01-02T03:04:05.1234567Z",
            "2026-01-02T03:04:05.Z",
            "2026-01-02T03:04:05ZZ",
            "2026-01-02T03:04:05+1",
            "x026-01-02T03:04:05Z",
            "2026-01-02T03:04:05+00:00Z",
            "２026-01-02T03:04:05Z",
        ] {
            assert!(!is_iso8601(text), "{text}");
            assert_eq!(parse(text), None);
        }
        for text in
            ["2026-13-02T03:04:05Z", "2026-02-29T03:04:05Z", "2026-01-02T24:04:05Z", "0000-01-02T03:04:05Z"]
        {
            assert!(is_iso8601(text), "{text}");
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
