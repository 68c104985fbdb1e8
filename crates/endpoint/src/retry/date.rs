//! Dates of HTTP (RFC 9110, section 5.6.7), of which there are three forms; all are in GMT.

const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

/// Seconds from the beginning of 1970 to a date; none for what is no date or lies before.
pub(super) fn since_1970(text: &str) -> Option<u64> {
    let parts: Vec<&str> = text
        .split([' ', ',', '-'])
        .filter(|it| !it.is_empty())
        .collect();
    // Sun, 06 Nov 1994 08:49:37 GMT and Sunday, 06-Nov-94 08:49:37 GMT, or Sun Nov  6 08:49:37 1994.
    let ([_, day, month, year, time, "GMT" | "UTC"] | [_, month, day, time, year]) = parts[..]
    else {
        return None;
    };
    let month = MONTHS.iter().position(|it| *it == month)? as u64 + 1;
    let day: u64 = day.parse().ok()?;
    let year: u64 = match (year.len(), year.parse().ok()?) {
        // Two figures are of a time when the century went without saying; those from 70 on are of the last one.
        (2, year @ 70..) => 1900 + year,
        (2, year) => 2000 + year,
        (4, year @ 1970..) => year,
        _ => return None,
    };
    if day == 0 || day > days(year, month) {
        return None;
    }
    let mut units = time.split(':').map(|it| it.parse::<u64>().ok());
    let (hour, minute, second) = (units.next()??, units.next()??, units.next()??);
    if hour > 23 || minute > 59 || second > 60 || units.next().is_some() {
        return None;
    }
    let years: u64 = (1970..year)
        .map(|it| if is_leap(it) { 366 } else { 365 })
        .sum();
    let months: u64 = (1..month).map(|it| days(year, it)).sum();
    Some((((years + months + day - 1) * 24 + hour) * 60 + minute) * 60 + second)
}

fn is_leap(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

fn days(year: u64, month: u64) -> u64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_seconds_as_the_date_command_does() {
        // `date -u -d TEXT +%s`, GNU coreutils.
        for (text, seconds) in [
            ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
            ("Sun, 06 Nov 1994 08:49:37 GMT", 784_111_777),
            ("Tue, 29 Feb 2000 23:59:59 GMT", 951_868_799),
            ("Wed, 01 Mar 2000 00:00:00 GMT", 951_868_800),
            ("Tue, 31 Dec 2024 12:00:00 GMT", 1_735_646_400),
            ("Mon, 01 Mar 2100 00:00:00 GMT", 4_107_542_400),
        ] {
            assert_eq!(since_1970(text), Some(seconds), "{text}");
        }
    }

    #[test]
    fn what_is_no_date_is_none() {
        for text in [
            "",
            "GMT",
            "Thu, 29 Feb 2100 00:00:00 GMT",
            "Thu, 00 Jan 2026 00:00:00 GMT",
            "Thu, 01 Foo 2026 00:00:00 GMT",
            "Thu, 01 Jan 1969 00:00:00 GMT",
            "Thu, 01 Jan 2026 24:00:00 GMT",
            "Thu, 01 Jan 2026 00:00 GMT",
            "Thu, 01 Jan 2026 00:00:00 CET",
            "Thu, 01 Jan 99999999999999999999 00:00:00 GMT",
        ] {
            assert_eq!(since_1970(text), None, "{text}");
        }
    }
}
