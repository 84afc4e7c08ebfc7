//! Rules of single members, with marshmallow's and ACA-Py's texts.

use serde_json::{Map, Value};

use crate::Invalid;

pub(crate) const MISSING: &str = "Missing data for required field.";
pub(crate) const NULL: &str = "Field may not be null.";
pub(crate) const UNKNOWN: &str = "Unknown field.";

/// `\w+:(\/?\/?)[^\s]+`, matched at the beginning only.
pub(crate) fn is_uri(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once(':') else { return false };
    !scheme.is_empty()
        && scheme.chars().all(|c| c.is_alphanumeric() || c == '_')
        && rest.chars().next().is_some_and(|c| !c.is_whitespace())
}

pub(crate) fn uri(text: &str) -> Result<(), String> {
    if is_uri(text) { Ok(()) } else { Err(format!("Value {text} is not URI")) }
}

struct Scan<'t>(&'t [u8]);

impl Scan<'_> {
    fn digits(&mut self, count: usize) -> bool {
        let ok = self.0.len() >= count && self.0[..count].iter().all(u8::is_ascii_digit);
        if ok {
            self.0 = &self.0[count..];
        }
        ok
    }

    fn one_of(&mut self, set: &[u8]) -> bool {
        let ok = self.0.first().is_some_and(|c| set.contains(c));
        if ok {
            self.0 = &self.0[1..];
        }
        ok
    }

    /// `.` and digits, if there is a dot. `false`: a dot without digits, or too many of them.
    fn fraction(&mut self, most: usize) -> bool {
        if !self.one_of(b".") {
            return true;
        }
        let count = self.0.iter().take_while(|c| c.is_ascii_digit()).count();
        self.0 = &self.0[count..];
        (1..=most).contains(&count)
    }

    fn date(&mut self) -> bool {
        self.digits(4) && self.one_of(b"-") && self.digits(2) && self.one_of(b"-") && self.digits(2)
    }
}

/// The dates of a credential: RFC 3339, also without time or zone.
pub(crate) fn rfc3339(text: &str) -> Result<(), String> {
    let mut scan = Scan(text.as_bytes());
    let ok = scan.date()
        && (!scan.one_of(b"Tt ")
            || (scan.digits(2)
                && scan.one_of(b":")
                && scan.digits(2)
                && scan.one_of(b":")
                && scan.digits(2)
                && scan.fraction(usize::MAX)))
        && (scan.one_of(b"Zz")
            || !scan.one_of(b"+-")
            || (scan.digits(2) && scan.one_of(b":") && scan.digits(2)))
        && scan.0.is_empty();
    if ok { Ok(()) } else { Err(format!("Value {text} is not a date in valid format")) }
}

/// The moment that a date of a credential names, in microseconds since 1970, to the second; a date without time or zone is
/// taken as in UTC. `None`: it is none.
pub(crate) fn moment(text: &str) -> Option<i64> {
    rfc3339(text).ok()?;
    let number =
        |from: usize, to: usize| text.get(from..to).map_or(Some(0), |digits| digits.parse::<i64>().ok());
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let timed = text.as_bytes().get(10).is_some_and(|c| matches!(c, b'T' | b't' | b' '));
    let (hour, minute, second) =
        if timed { (number(11, 13)?, number(14, 16)?, number(17, 19)?) } else { (0, 0, 0) };
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) || hour > 24 || minute > 59 || second > 60 {
        return None;
    }
    let zone = text.get(10..).and_then(|rest| rest.rfind(['+', '-']).and_then(|at| rest.get(at..)));
    let offset = match zone {
        None => 0,
        Some(zone) => {
            let of = |from, to| zone.get(from..to)?.parse::<i64>().ok();
            let minutes = of(1, 3)? * 60 + of(4, 6)?;
            if zone.starts_with('-') { -minutes } else { minutes }
        }
    };
    // Civil date to days by eras of 400 years beginning in March.
    let year = year - i64::from(month <= 2);
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let days =
        era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468;
    Some((((days * 24 + hour) * 60 + minute - offset) * 60 + second) * 1_000_000)
}

/// `created` of a proof: ISO 8601 with minutes at least.
pub(crate) fn iso8601(text: &str) -> Result<(), String> {
    let mut scan = Scan(text.as_bytes());
    let mut ok = scan.date() && scan.one_of(b"T ") && scan.digits(2) && scan.one_of(b":") && scan.digits(2);
    if ok && scan.one_of(b":") && scan.digits(2) {
        ok = scan.fraction(6);
    }
    if ok && !scan.one_of(b"Z") && scan.one_of(b"+-") {
        ok = scan.digits(2) && {
            scan.one_of(b":");
            scan.digits(2)
        };
    }
    if ok && scan.0.is_empty() { Ok(()) } else { Err(format!("Value {text} is not a date in valid format")) }
}

/// No rule.
pub(crate) fn any(_: &str) -> Result<(), String> {
    Ok(())
}

/// An object's members as its schema sees them; collects what is wrong.
pub(crate) struct Members<'v> {
    pub(crate) map: &'v Map<String, Value>,
    pub(crate) wrong: Vec<Invalid>,
}

impl<'v> Members<'v> {
    pub(crate) fn of(value: &'v Value) -> Result<Self, Vec<Invalid>> {
        match value {
            Value::Object(map) => Ok(Self { map, wrong: Vec::new() }),
            _ => Err(vec![Invalid::at("_schema", "Invalid input type.")]),
        }
    }

    /// The member when it is there and not null; notes what is missing.
    pub(crate) fn member(&mut self, name: &str, required: bool) -> Option<&'v Value> {
        match self.map.get(name) {
            None => {
                if required {
                    self.wrong.push(Invalid::at(name, MISSING));
                }
                None
            }
            Some(Value::Null) => {
                self.wrong.push(Invalid::at(name, NULL));
                None
            }
            Some(value) => Some(value),
        }
    }

    /// A string member.
    pub(crate) fn text(&mut self, name: &str, required: bool, rule: fn(&str) -> Result<(), String>) {
        let Some(value) = self.member(name, required) else { return };
        let result = value.as_str().map_or_else(|| Err("Not a valid string.".to_owned()), rule);
        if let Err(message) = result {
            self.wrong.push(Invalid::at(name, message));
        }
    }

    /// A member with a schema of its own.
    pub(crate) fn nested(&mut self, name: &str, required: bool, rule: fn(&Value) -> Vec<Invalid>) {
        let Some(value) = self.member(name, required) else { return };
        self.wrong.extend(rule(value).into_iter().map(|invalid| invalid.within(name)));
    }

    /// A list; the rule sees each entry and its text, the last one the whole list when all entries are fine.
    pub(crate) fn list(
        &mut self,
        name: &str,
        required: bool,
        entry: fn(&Value) -> Result<(), String>,
        whole: fn(&[Value]) -> Result<(), String>,
    ) {
        let Some(value) = self.member(name, required) else { return };
        let Value::Array(items) = value else {
            self.wrong.push(Invalid::at(name, "Not a valid list."));
            return;
        };
        let before = self.wrong.len();
        for (at, item) in items.iter().enumerate() {
            let result = if item.is_null() { Err(NULL.to_owned()) } else { entry(item) };
            if let Err(message) = result {
                self.wrong.push(Invalid::at(at, message).within(name));
            }
        }
        if self.wrong.len() == before
            && let Err(message) = whole(items)
        {
            self.wrong.push(Invalid::at(name, message));
        }
    }

    /// Notes the members that are none of these.
    pub(crate) fn nothing_but(&mut self, known: &[&str]) {
        for name in self.map.keys().filter(|name| !known.contains(&name.as_str())) {
            self.wrong.push(Invalid::at(name.as_str(), UNKNOWN));
        }
    }

    pub(crate) fn finish(self) -> Vec<Invalid> {
        self.wrong
    }
}

/// `YYYY-MM-DDTHH:MM:SS` of microseconds since 1970, UTC.
pub(crate) fn seconds(micros: i64) -> String {
    let seconds = micros.div_euclid(1_000_000);
    let (days, time) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    // Days to civil date by eras of 400 years beginning in March.
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}", time / 3600, time / 60 % 60, time % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn civil_dates() {
        assert_eq!(seconds(0), "1970-01-01T00:00:00");
        assert_eq!(seconds(951_782_399_999_999), "2000-02-28T23:59:59");
        assert_eq!(seconds(951_868_800_000_000), "2000-03-01T00:00:00");
        assert_eq!(seconds(1_795_217_678_355_000), "2026-11-20T23:34:38");
    }

    #[test]
    fn dates() {
        for text in
            ["2024-01-01T00:00:00Z", "2024-01-01", "2024-01-01t00:00:00.123456789+01:00", "2024-01-01Z"]
        {
            assert!(rfc3339(text).is_ok(), "{text}");
        }
        for text in
            ["yesterday", "2024-01-01T00:00Z", "2024-1-1", "2024-01-01T00:00:00.Z", "2024-01-01T00:00:00+1"]
        {
            assert!(rfc3339(text).is_err(), "{text}");
        }
        for text in
            ["2024-01-01T00:00:00Z", "2024-01-01 00:00", "2024-01-01T00:00:00.123+0100", "2024-01-01T00:00:"]
        {
            assert!(iso8601(text).is_ok(), "{text}");
        }
        for text in ["2024-01-01", "2024-01-01T00:00:00.1234567Z", "2024-01-01T00:00:00z", "x"] {
            assert!(iso8601(text).is_err(), "{text}");
        }
    }

    #[test]
    fn moments() {
        for (text, seconds) in [
            ("1970-01-01T00:00:00Z", 0),
            ("1970-01-01", 0),
            ("1970-01-02Z", 86_400),
            ("2000-02-29 23:59:59", 951_868_799),
            ("2000-03-01T01:00:00+01:00", 951_868_800),
            ("2026-11-20t18:34:38.355-05:00", 1_795_217_678),
        ] {
            assert_eq!(moment(text), Some(seconds * 1_000_000), "{text}");
        }
        assert_eq!(moment("2024-13-01"), None);
        assert_eq!(moment("soon"), None);
    }

    #[test]
    fn uris() {
        for text in ["did:key:z6Mk", "https://a", "urn:x", "a:b c"] {
            assert!(is_uri(text), "{text}");
        }
        for text in ["not a uri", "", ":x", "a-b:c", "a:", "a: b"] {
            assert!(!is_uri(text), "{text}");
        }
    }
}
