//! Findings of an audit as text.

use xrdmatch::audit::{Audit, Reported, Severity};

/// The most findings of one kind that are shown as notes,
const NOTES: usize = 8;
/// and as warnings or alarms.
const OTHERS: usize = 40;

/// Findings in groups of one severity and kind, each verdict said once with all it is about.
pub(crate) fn audit(audit: &Audit) -> String {
    let mut text = String::new();
    let mut rest: &[Reported] = &audit.findings;
    let mut groups: Vec<(&Reported, Vec<&Reported>)> = Vec::new();
    while let Some((first, others)) = rest.split_first() {
        let key = |reported: &Reported| (reported.severity, reported.finding.kind());
        match groups.iter_mut().find(|(head, _)| key(head) == key(first)) {
            Some((_, group)) => group.push(first),
            None => groups.push((first, vec![first])),
        }
        rest = others;
    }
    groups.sort_by_key(|(head, _)| head.severity);
    for (head, group) in groups {
        let severity = match head.severity {
            Severity::Alarm => "ALARM",
            Severity::Warning => "warning",
            Severity::Note => "note",
        };
        let kind = head.finding.kind().replace('_', " ");
        let count = if group.len() > 1 { format!(" ({})", group.len()) } else { String::new() };
        text.push_str(&format!("{severity:<8} {kind}{count}\n"));
        let shown = if head.severity == Severity::Note { NOTES } else { OTHERS };
        let beyond = group.len().saturating_sub(shown);
        let mut said: Vec<(&str, Vec<String>)> = Vec::new();
        for reported in group.into_iter().take(shown) {
            let subject = reported.finding.subject();
            match said.iter_mut().find(|(verdict, _)| *verdict == reported.verdict) {
                Some((_, subjects)) => subjects.push(subject),
                None => said.push((&reported.verdict, vec![subject])),
            }
        }
        for (verdict, subjects) in said {
            for subject in subjects {
                text.push_str(&format!("         - {subject}\n"));
            }
            text.push_str(&wrapped(verdict, 11, 98));
        }
        if beyond > 0 {
            text.push_str(&format!("         … and {beyond} more, which --json lists\n"));
        }
        text.push('\n');
    }
    for (kind, count) in &audit.left_out {
        text.push_str(&format!("{count} more findings of kind `{kind}` are beyond --listed\n"));
    }
    let of = |severity| audit.findings.iter().filter(|found| found.severity == severity).count();
    text.push_str(&format!(
        "{} rows: {} alarms, {} warnings, {} notes\n",
        audit.rows,
        of(Severity::Alarm),
        of(Severity::Warning),
        of(Severity::Note)
    ));
    text
}

/// Words in lines of at most `width` characters, each after `indent` spaces.
fn wrapped(words: &str, indent: usize, width: usize) -> String {
    let mut text = String::new();
    let mut line = String::new();
    for word in words.split_whitespace() {
        if !line.is_empty() && indent + line.chars().count() + 1 + word.chars().count() > width {
            text.push_str(&format!("{:indent$}{line}\n", ""));
            line.clear();
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    text + &format!("{:indent$}{line}\n", "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_verdicts_are_wrapped_between_words() {
        assert_eq!(wrapped("one two three", 2, 9), "  one two\n  three\n");
        assert_eq!(wrapped("unbreakable", 1, 4), " unbreakable\n");
    }
}
