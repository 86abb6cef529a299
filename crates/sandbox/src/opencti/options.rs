//! What a test or the demo can choose about the pretended platform.

use std::time::Duration;

use serde_json::Value;

use super::model::Tlp;
use super::version::OpenCtiVersion;

/// What a user may do (facts §1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OpenCtiRights {
    /// `KNOWLEDGE`: read.
    pub knowledge: bool,
    /// `KNOWLEDGE_KNUPDATE`: write sightings and identities.
    pub update: bool,
    /// `TAXIIAPI`: read streams.
    pub data_sharing: bool,
    /// `APIACCESS_USETOKEN`: asked for since 7.260224 only.
    pub use_token: bool,
    /// `BYPASS`: everything, and the raw stream.
    pub bypass: bool,
}

impl OpenCtiRights {
    /// Reads, and nothing else.
    pub const READER: OpenCtiRights = OpenCtiRights {
        knowledge: true,
        update: false,
        data_sharing: false,
        use_token: true,
        bypass: false,
    };
    /// Reads, also streams.
    pub const STREAM_READER: OpenCtiRights = OpenCtiRights {
        data_sharing: true,
        ..OpenCtiRights::READER
    };
    /// Reads and writes sightings.
    pub const SIGHTER: OpenCtiRights = OpenCtiRights {
        update: true,
        ..OpenCtiRights::READER
    };
    /// An administrator.
    pub const ADMINISTRATOR: OpenCtiRights = OpenCtiRights {
        knowledge: true,
        update: true,
        data_sharing: true,
        use_token: true,
        bypass: true,
    };

    pub(crate) fn may_read(self) -> bool {
        self.knowledge || self.bypass
    }

    pub(crate) fn may_update(self) -> bool {
        self.update || self.bypass
    }

    pub(crate) fn may_stream(self) -> bool {
        self.data_sharing || self.bypass
    }

    pub(crate) fn names(self) -> Vec<&'static str> {
        let all = [
            (self.bypass, "BYPASS"),
            (self.knowledge, "KNOWLEDGE"),
            (self.update, "KNOWLEDGE_KNUPDATE"),
            (self.data_sharing, "TAXIIAPI"),
            (self.use_token, "APIACCESS_USETOKEN"),
        ];
        all.iter()
            .filter(|(granted, _)| *granted)
            .map(|(_, name)| *name)
            .collect()
    }
}

/// One account and its token.
#[derive(Debug, Clone)]
pub struct OpenCtiUser {
    /// Displayed name.
    pub name: String,
    /// Bearer token.
    pub token: String,
    /// An expired token is as good as none: the request runs anonymously.
    pub token_expired: bool,
    /// What it may do.
    pub rights: OpenCtiRights,
    /// What is marked stricter is not there for this user, without a word (facts §1).
    pub highest_marking: Tlp,
}

impl OpenCtiUser {
    /// An account that sees every marking.
    pub fn new(name: &str, token: &str, rights: OpenCtiRights) -> OpenCtiUser {
        OpenCtiUser {
            name: name.to_owned(),
            token: token.to_owned(),
            token_expired: false,
            rights,
            highest_marking: Tlp::Red,
        }
    }
}

/// A live stream somebody made in the platform.
#[derive(Debug, Clone)]
pub struct OpenCtiStream {
    /// Id in its path, a uuid.
    pub id: String,
    /// Stopped streams answer 410.
    pub running: bool,
    /// A `FilterGroup`; none lets all pass.
    pub filter: Option<Value>,
}

impl OpenCtiStream {
    /// A running stream of everything.
    pub fn new(id: &str) -> OpenCtiStream {
        OpenCtiStream {
            id: id.to_owned(),
            running: true,
            filter: None,
        }
    }
}

/// Everything that can be chosen; the default is the newest known release with one user who may do all but `BYPASS`.
#[derive(Debug, Clone)]
pub struct OpenCtiOptions {
    /// Port on 127.0.0.1; none lets the system choose.
    pub port: Option<u16>,
    /// Which release is played.
    pub version: OpenCtiVersion,
    /// Path before `/graphql` and `/stream`, e.g. `/opencti`; empty for none.
    pub base_path: String,
    /// Accounts; empty makes one that may do all but `BYPASS`, with a token from the seed.
    pub users: Vec<OpenCtiUser>,
    /// Streams; empty makes one of everything.
    pub streams: Vec<OpenCtiStream>,
    /// Largest page; none takes the release's own, 5000 or 500.
    pub page_maximum: Option<usize>,
    /// How many made-up indicators there are beside those put in. They cost no memory.
    pub synthetic: u64,
    /// Pause between heartbeats on a stream; the real one is 5 s, before 5.7 20 s.
    pub heartbeat: Duration,
    /// How many events the stream remembers; older ones are forgotten (the real default is 2,000,000).
    pub events_kept: usize,
    /// Waited before each answer.
    pub latency: Duration,
    /// Seed of tokens.
    pub seed: u64,
}

impl Default for OpenCtiOptions {
    fn default() -> OpenCtiOptions {
        OpenCtiOptions {
            port: None,
            version: OpenCtiVersion::V7,
            base_path: String::new(),
            users: Vec::new(),
            streams: Vec::new(),
            page_maximum: None,
            synthetic: 0,
            heartbeat: Duration::from_secs(5),
            events_kept: 2_000_000,
            latency: Duration::ZERO,
            seed: 0,
        }
    }
}

impl OpenCtiOptions {
    /// Gives an account and a stream to options that name none.
    pub(crate) fn completed(mut self) -> OpenCtiOptions {
        let mut random = fastrand::Rng::with_seed(self.seed);
        if self.users.is_empty() {
            let rights = OpenCtiRights {
                bypass: false,
                ..OpenCtiRights::ADMINISTRATOR
            };
            let token = made_token(self.version, &mut random);
            self.users
                .push(OpenCtiUser::new("service-account", &token, rights));
        }
        if self.streams.is_empty() {
            let id = uuid::Builder::from_random_bytes(random.u128(..).to_be_bytes()).into_uuid();
            self.streams.push(OpenCtiStream::new(&id.to_string()));
        }
        self
    }

    pub(crate) fn page_maximum(&self) -> usize {
        self.page_maximum
            .unwrap_or_else(|| self.version.page_maximum())
    }
}

fn made_token(version: OpenCtiVersion, random: &mut fastrand::Rng) -> String {
    if version.has_token_system() {
        let secret: String = (0..40).map(|_| random.alphanumeric()).collect();
        format!("flgrn_octi_tkn_{secret}")
    } else {
        uuid::Builder::from_random_bytes(random.u128(..).to_be_bytes())
            .into_uuid()
            .to_string()
    }
}
