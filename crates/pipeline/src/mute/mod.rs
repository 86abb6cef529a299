//! Mute times: hours, days and months in which some alerts are silenced (`docs/silences.md`).
//!
//! Conditions are read off the clock on the wall in the mute's time zone. So where clocks are put forward, a time that does not exist
//! mutes nothing, and where they are put back, a time that comes twice mutes twice. Times over midnight belong to the day they begin on.
//! The time zones are those built into the program: the answer hangs on no file of the machine.

mod config;
mod ranges;

use std::collections::HashSet;

use jiff::{
    Timestamp,
    civil::{Date, DateTime},
    tz::{TimeZone, TimeZoneDatabase},
};

pub use config::{MuteConfig, TimesConfig};

use crate::{index::MatcherIndex, matcher::Matchers, quiet::QuietError, view::AlertView};
use ranges::{Range, Times};

/// All mute times, filed by their matchers.
#[derive(Debug, Default)]
pub(crate) struct Mutes {
    mutes: Vec<Mute>,
    index: MatcherIndex,
}

#[derive(Debug)]
pub(crate) struct Mute {
    pub(crate) name: String,
    pub(crate) matchers: Matchers,
    zone: TimeZone,
    times: Vec<Times>,
    weekdays: Vec<Range>,
    days_of_month: Vec<Range>,
    months: Vec<Range>,
    years: Vec<Range>,
}

impl Mutes {
    pub(crate) fn new(configs: Vec<MuteConfig>) -> Result<Self, QuietError> {
        let zones = TimeZoneDatabase::bundled();
        let mut names = HashSet::new();
        let mut mutes = Vec::new();
        for config in configs {
            if !names.insert(config.name.clone()) {
                return Err(QuietError::new(
                    format!("quiet.mute {:?}", config.name),
                    "a second one has this name: names must be unique",
                ));
            }
            mutes.push(Mute::new(config, &zones)?);
        }
        let index = MatcherIndex::new(mutes.iter().map(|mute| mute.matchers.clone()).collect());
        Ok(Self { mutes, index })
    }

    /// The first, in the order of the configuration, that is on and whose matchers hold.
    pub(crate) fn matching(&self, view: &AlertView<'_>, now: Timestamp) -> Option<&str> {
        if self.mutes.is_empty() {
            return None;
        }
        let mut holding = self.index.holding(view).into_iter();
        let mute = holding.find(|&place| self.mutes[place].is_on(now))?;
        Some(&self.mutes[mute].name)
    }

    pub(crate) fn mutes(&self) -> &[Mute] {
        &self.mutes
    }
}

impl Mute {
    fn new(config: MuteConfig, zones: &TimeZoneDatabase) -> Result<Self, QuietError> {
        let place = format!("quiet.mute {:?}", config.name);
        let error = |why: String| QuietError::new(&*place, why);
        if config.name.trim().is_empty() {
            return Err(error(
                "it needs a name, which is shown where it silences an alert".into(),
            ));
        }
        if config.comment.trim().is_empty() {
            return Err(error("comment is empty: say why".into()));
        }
        if config.matchers.match_empty() {
            return Err(error(
                "matchers also hold for an alert without the fields, so nearly everything would be muted: add one such as \
                 agent.name = \"lab01\""
                    .into(),
            ));
        }
        let zone = zones.get(&config.time_zone).map_err(|_| {
            error(format!(
                "time_zone {:?} is unknown: write an IANA name such as Europe/Berlin",
                config.time_zone
            ))
        })?;
        let list = |key: &str, texts: &[String], parse: fn(&str) -> Result<Range, String>| {
            let one = |(number, text): (usize, &String)| {
                let key = format!("{place} {key}[{number}]");
                parse(text).map_err(|why| QuietError::new(key, why))
            };
            texts
                .iter()
                .enumerate()
                .map(one)
                .collect::<Result<Vec<_>, _>>()
        };
        let mut times = Vec::new();
        for (number, config) in config.times.iter().enumerate() {
            let key = format!("{place} times[{number}]");
            times.push(Times::parse(config).map_err(|why| QuietError::new(key, why))?);
        }
        Ok(Self {
            times,
            weekdays: list("weekdays", &config.weekdays, ranges::weekdays)?,
            days_of_month: list(
                "days_of_month",
                &config.days_of_month,
                ranges::days_of_month,
            )?,
            months: list("months", &config.months, ranges::months)?,
            years: list("years", &config.years, ranges::years)?,
            zone,
            name: config.name,
            matchers: config.matchers,
        })
    }

    pub(crate) fn is_on(&self, now: Timestamp) -> bool {
        let clock = self.clock(now);
        let (today, minute) = (clock.date(), minute(clock));
        if self.times.is_empty() {
            return self.is_day(today);
        }
        self.times.iter().any(|times| {
            if !times.is_over_midnight() {
                return (times.start..times.end).contains(&minute) && self.is_day(today);
            }
            (minute >= times.start && self.is_day(today))
                || (minute < times.end
                    && today
                        .yesterday()
                        .is_ok_and(|yesterday| self.is_day(yesterday)))
        })
    }

    /// What the clock on the wall shows.
    pub(crate) fn clock(&self, now: Timestamp) -> DateTime {
        self.zone.to_datetime(now)
    }

    fn is_day(&self, day: Date) -> bool {
        let any = |ranges: &[Range], holds: &dyn Fn(Range) -> bool| {
            ranges.is_empty() || ranges.iter().any(|range| holds(*range))
        };
        let weekday = i16::from(day.weekday().to_monday_one_offset());
        let (of_month, days) = (i16::from(day.day()), i16::from(day.days_in_month()));
        any(&self.weekdays, &|range| range.holds(weekday))
            && any(&self.days_of_month, &|range| {
                range.holds_day(of_month, days)
            })
            && any(&self.months, &|range| range.holds(i16::from(day.month())))
            && any(&self.years, &|range| range.holds(day.year()))
    }
}

fn minute(clock: DateTime) -> u16 {
    // Hours and minutes of a clock are not negative.
    u16::from(clock.hour().unsigned_abs()) * 60 + u16::from(clock.minute().unsigned_abs())
}
