//! Rules for what people type, used by several bodies.

/// A username: 3 to 30 letters, digits, `_`, `.` or `-`.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "garde calls it with a reference")]
pub(super) fn username(value: &str, _: &()) -> garde::Result {
    let fits = (3..=30).contains(&value.chars().count());
    let plain = value
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-'));
    if fits && plain {
        Ok(())
    } else {
        Err(garde::Error::new("3 to 30 letters, digits, '_', '.' or '-'"))
    }
}

/// One line of 1 to 80 characters, not blank.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "garde calls it with a reference")]
pub(super) fn name(value: &str, _: &()) -> garde::Result {
    if value.trim().is_empty() || value.chars().count() > 80 {
        return Err(garde::Error::new("1 to 80 characters, not blank"));
    }
    line(value, &())
}

/// One line: no control characters.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "garde calls it with a reference")]
pub(super) fn line(value: &str, _: &()) -> garde::Result {
    if value.chars().any(char::is_control) {
        return Err(garde::Error::new("no control characters"));
    }
    Ok(())
}

/// Text without NUL, which neither databases nor editors take.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "garde calls it with a reference")]
pub(super) fn text(value: &str, _: &()) -> garde::Result {
    if value.contains('\0') {
        return Err(garde::Error::new("no NUL characters"));
    }
    Ok(())
}
