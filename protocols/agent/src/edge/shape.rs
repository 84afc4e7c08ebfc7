//! Whether a JSON text may be parsed: a parsed value takes many times the memory of its text.

use memchr::memchr2;

/// Most of what a JSON text may hold. Texts within it may still be no JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Levels of lists and objects.
    pub depth: usize,
    /// Values, those in lists and objects and these themselves included.
    pub values: usize,
}

impl Default for Shape {
    fn default() -> Self {
        Self { depth: 64, values: 100_000 }
    }
}

/// Why a text is not parsed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Misshapen {
    /// Deeper than [`Shape::depth`].
    #[error("nested too deeply")]
    TooDeep,
    /// More than [`Shape::values`].
    #[error("too many values")]
    TooMany,
}

impl Misshapen {
    /// For metrics.
    pub fn reason(self) -> &'static str {
        match self {
            Self::TooDeep => "too-deep",
            Self::TooMany => "too-many-values",
        }
    }
}

impl Shape {
    /// Looks at brackets and commas outside of strings; takes no memory, and about a microsecond for an envelope.
    ///
    /// Errors: the first bound that is passed.
    pub fn check(self, json: &[u8]) -> Result<(), Misshapen> {
        let (mut depth, mut values, mut at) = (0_usize, 1_usize, 0_usize);
        while let Some(byte) = json.get(at) {
            at += 1;
            match byte {
                b'"' => at = after_string(json, at),
                b'[' | b'{' => {
                    depth += 1;
                    values += 1;
                    if depth > self.depth {
                        return Err(Misshapen::TooDeep);
                    }
                }
                b']' | b'}' => depth = depth.saturating_sub(1),
                b',' => values += 1,
                _ => continue,
            }
            if values > self.values {
                return Err(Misshapen::TooMany);
            }
        }
        Ok(())
    }
}

fn after_string(json: &[u8], mut at: usize) -> usize {
    while let Some(found) = json.get(at..).and_then(|rest| memchr2(b'"', b'\\', rest)) {
        at += found;
        if json.get(at) == Some(&b'"') {
            return at + 1;
        }
        at += 2;
    }
    json.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depth_and_number_are_bounded() {
        let shape = Shape { depth: 3, values: 6 };
        for (text, expected) in [
            ("", Ok(())),
            ("[[[1]]]", Ok(())),
            ("[[[[1]]]]", Err(Misshapen::TooDeep)),
            ("[{\"a\":[{}]}]", Err(Misshapen::TooDeep)),
            ("[1,2,3,4,5]", Ok(())),
            ("[1,2,3,4,5,6]", Err(Misshapen::TooMany)),
            ("[[],[],[],[]]", Err(Misshapen::TooMany)),
            // What is in strings does not count, closing brackets of nowhere neither.
            ("[\"[[[[,,,,,,,,\",\"\\\"[[[[\\\\\"]", Ok(())),
            ("]]]][[[1]]]", Ok(())),
            ("\"\\", Ok(())),
            ("\"", Ok(())),
        ] {
            assert_eq!(shape.check(text.as_bytes()), expected, "{text}");
        }
        assert_eq!(Shape::default().check("[".repeat(1 << 20).as_bytes()), Err(Misshapen::TooDeep));
    }
}
