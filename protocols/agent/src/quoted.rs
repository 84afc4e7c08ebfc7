//! What others wrote, as it may be shown in a log: short, on one line, without characters that a terminal obeys.

use std::fmt::{self, Display, Write};

/// Most characters that are shown of anything that a peer wrote.
pub const MOST: usize = 200;

/// Shows at most [`MOST`] characters of what others wrote, escaped, and a dot more when there was more.
#[derive(Clone, Copy)]
pub struct Quoted<T>(pub T);

impl<T: Display> Display for Quoted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(Bounded::new(f, MOST), "{}", self.0)
    }
}

impl<T: Display> fmt::Debug for Quoted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Display::fmt(self, f)
    }
}

/// Passes so many characters on, escaped; then `…`, and nothing more.
pub struct Bounded<'w, W: Write> {
    out: &'w mut W,
    left: Option<usize>,
}

impl<'w, W: Write> Bounded<'w, W> {
    /// Writes to `out`.
    pub fn new(out: &'w mut W, most: usize) -> Self {
        Self { out, left: Some(most) }
    }
}

impl<W: Write> Write for Bounded<'_, W> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for character in text.chars() {
            let Some(left) = self.left else { return Ok(()) };
            let shown = if is_plain(character) { None } else { Some(character.escape_default()) };
            let width = shown.as_ref().map_or(1, ExactSizeIterator::len);
            if width > left {
                self.left = None;
                return self.out.write_char('…');
            }
            self.left = Some(left - width);
            match shown {
                None => self.out.write_char(character)?,
                Some(escaped) => write!(self.out, "{escaped}")?,
            }
        }
        Ok(())
    }
}

/// Neither a control character nor one that ends a line or turns the direction of writing.
fn is_plain(character: char) -> bool {
    !character.is_control()
        && !matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_wrote_stays_on_its_line_and_is_short() {
        for (text, shown) in [
            ("plain \"text\" \\ é", "plain \"text\" \\ é"),
            ("a\nERROR forged\r\t\u{1b}[2J\u{9b}", "a\\nERROR forged\\r\\t\\u{1b}[2J\\u{9b}"),
            ("a\u{2028}b\u{202e}c", "a\\u{2028}b\\u{202e}c"),
        ] {
            assert_eq!(Quoted(text).to_string(), shown);
            assert_eq!(format!("{:?}", Quoted(text)), shown);
        }
        let exact = "x".repeat(MOST);
        assert_eq!(Quoted(&exact).to_string(), exact);
        assert_eq!(Quoted("x".repeat(MOST + 1)).to_string(), format!("{exact}…"));
        for long in ["x".repeat(1 << 20), "\n".repeat(1 << 20)] {
            let shown = Quoted(long).to_string();
            assert!(shown.chars().count() <= MOST + 1 && shown.ends_with('…'));
            assert_eq!(Quoted(&shown).to_string(), shown, "twice is once");
        }
    }
}
