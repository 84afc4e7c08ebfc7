//! IRIs: recognising them, and resolving references against a base (RFC 3986 section 5.2, RFC 3987).

/// Starts with a scheme and a colon: `scheme ":" ...` of RFC 3986 section 3.1.
pub(crate) fn has_scheme(text: &str) -> bool {
    scheme_length(text).is_some()
}

fn scheme_length(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    if !bytes.first()?.is_ascii_alphabetic() {
        return None;
    }
    for (at, byte) in bytes.iter().enumerate().skip(1) {
        match byte {
            b':' => return Some(at),
            b'+' | b'-' | b'.' => {}
            b if b.is_ascii_alphanumeric() => {}
            _ => return None,
        }
    }
    None
}

pub(crate) fn is_blank(text: &str) -> bool {
    text.starts_with("_:")
}

/// An absolute IRI that can stand in an RDF statement: scheme, no character that RFC 3987 excludes, one `#` at most.
pub(crate) fn is_well_formed(text: &str) -> bool {
    let Some(scheme) = scheme_length(text) else { return false };
    let mut fragments = 0;
    for byte in text.as_bytes().iter().skip(scheme + 1) {
        match byte {
            0..=0x20 | b'<' | b'>' | b'"' | b'{' | b'}' | b'|' | b'\\' | b'^' | b'`' | 0x7F => return false,
            b'#' => fragments += 1,
            _ => {}
        }
    }
    fragments <= 1
}

/// `1*8ALPHA *("-" 1*8alphanum)`, the shape that BCP 47 and N-Quads agree on.
pub(crate) fn is_language_tag(tag: &str) -> bool {
    tag.split('-').enumerate().all(|(at, part)| {
        (1..=8).contains(&part.len())
            && part.bytes().all(|b| if at == 0 { b.is_ascii_alphabetic() } else { b.is_ascii_alphanumeric() })
    })
}

struct Parts<'a> {
    scheme: Option<&'a str>,
    authority: Option<&'a str>,
    path: &'a str,
    query: Option<&'a str>,
    fragment: Option<&'a str>,
}

/// RFC 3986 appendix B.
fn split(text: &str) -> Parts<'_> {
    let (scheme, rest) = match scheme_length(text) {
        Some(at) => (Some(&text[..at]), &text[at + 1..]),
        None => (None, text),
    };
    let (rest, fragment) = match rest.split_once('#') {
        Some((before, fragment)) => (before, Some(fragment)),
        None => (rest, None),
    };
    let (rest, query) = match rest.split_once('?') {
        Some((before, query)) => (before, Some(query)),
        None => (rest, None),
    };
    let (authority, path) = match rest.strip_prefix("//") {
        Some(after) => {
            let end = after.find('/').unwrap_or(after.len());
            (Some(&after[..end]), &after[end..])
        }
        None => (None, rest),
    };
    Parts { scheme, authority, path, query, fragment }
}

/// RFC 3986 section 5.2.4.
fn remove_dot_segments(path: &str) -> String {
    let mut input = path;
    let mut output = String::with_capacity(path.len());
    while !input.is_empty() {
        if let Some(rest) = input.strip_prefix("../").or_else(|| input.strip_prefix("./")) {
            input = rest;
        } else if input.starts_with("/./") {
            input = &input[2..];
        } else if input == "/." {
            input = "/";
        } else if input.starts_with("/../") || input == "/.." {
            input = if input == "/.." { "/" } else { &input[3..] };
            let cut = output.rfind('/').unwrap_or(0);
            output.truncate(cut);
        } else if input == "." || input == ".." {
            input = "";
        } else {
            let start = usize::from(input.starts_with('/'));
            let end = input[start..].find('/').map_or(input.len(), |at| at + start);
            output.push_str(&input[..end]);
            input = &input[end..];
        }
    }
    output
}

/// Resolves `reference` against `base` (RFC 3986 section 5.2.2). `base` must have a scheme.
pub(crate) fn resolve(base: &str, reference: &str) -> String {
    let r = split(reference);
    if r.scheme.is_some() {
        // As both references do: an absolute IRI is taken as it stands, dots included.
        return reference.to_owned();
    }
    let b = split(base);
    let (authority, path, query);
    if r.authority.is_some() {
        (authority, path, query) = (r.authority, remove_dot_segments(r.path), r.query);
    } else {
        authority = b.authority;
        if r.path.is_empty() {
            path = b.path.to_owned();
            query = r.query.or(b.query);
        } else {
            query = r.query;
            path = if r.path.starts_with('/') {
                remove_dot_segments(r.path)
            } else if b.authority.is_some() && b.path.is_empty() {
                remove_dot_segments(&format!("/{}", r.path))
            } else {
                let keep = b.path.rfind('/').map_or(0, |at| at + 1);
                remove_dot_segments(&format!("{}{}", &b.path[..keep], r.path))
            };
        }
    }
    let mut out = String::with_capacity(base.len() + reference.len());
    if let Some(scheme) = b.scheme {
        out.push_str(scheme);
        out.push(':');
    }
    if let Some(authority) = authority {
        out.push_str("//");
        out.push_str(authority);
    }
    out.push_str(&path);
    if let Some(query) = query {
        out.push('?');
        out.push_str(query);
    }
    if let Some(fragment) = r.fragment {
        out.push('#');
        out.push_str(fragment);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 3986 section 5.4.1 and 5.4.2.
    #[test]
    fn references_resolve_as_in_rfc_3986() {
        let base = "http://a/b/c/d;p?q";
        for (reference, expected) in [
            ("g:h", "g:h"),
            ("g", "http://a/b/c/g"),
            ("./g", "http://a/b/c/g"),
            ("g/", "http://a/b/c/g/"),
            ("/g", "http://a/g"),
            ("//g", "http://g"),
            ("?y", "http://a/b/c/d;p?y"),
            ("g?y", "http://a/b/c/g?y"),
            ("#s", "http://a/b/c/d;p?q#s"),
            ("g#s", "http://a/b/c/g#s"),
            ("g?y#s", "http://a/b/c/g?y#s"),
            (";x", "http://a/b/c/;x"),
            ("", "http://a/b/c/d;p?q"),
            (".", "http://a/b/c/"),
            ("..", "http://a/b/"),
            ("../g", "http://a/b/g"),
            ("../..", "http://a/"),
            ("../../../../g", "http://a/g"),
            ("/./g", "http://a/g"),
            ("/../g", "http://a/g"),
            ("g.", "http://a/b/c/g."),
            ("..g", "http://a/b/c/..g"),
            ("./../g", "http://a/b/g"),
            ("g;x=1/../y", "http://a/b/c/y"),
            ("g?y/../x", "http://a/b/c/g?y/../x"),
        ] {
            assert_eq!(resolve(base, reference), expected, "{reference}");
        }
    }

    #[test]
    fn ill_formed_iris_are_told_apart() {
        for good in ["did:example:1", "urn:uuid:x", "http://a/b?c#d", "http://ex/\u{e9}"] {
            assert!(is_well_formed(good), "{good}");
        }
        for bad in
            ["", "a", "/x", "http://a b", "http://a/#b#c", "http://a/<", "1a:b", "http://a/{b}", "a:\u{1}"]
        {
            assert!(!is_well_formed(bad), "{bad}");
        }
        assert!(is_language_tag("en-US") && is_language_tag("de"));
        assert!(!is_language_tag("a b") && !is_language_tag("") && !is_language_tag("en_us"));
    }
}
