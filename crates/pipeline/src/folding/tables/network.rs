//! What comes over the network: connections, names, requests, log-ins, signatures.

use super::{EVENT, HOSTS, PORTS, PROCESSES, SOURCE_FIELDS, SOURCES, URLS, USERS};
use crate::folding::family::{Family, blind, same};

const USER_FIELDS: &[&str] = &[
    "data.dstuser",
    "data.srcuser",
    "data.user",
    "data.username",
    "data.win.eventdata.targetUserName",
];

pub(in crate::folding) static NETWORK: Family = Family {
    name: "network connection",
    key: &[
        blind(&[
            "data.dstip",
            "data.dst_ip",
            "data.dest_ip",
            "data.win.eventdata.destinationIp",
            "data.win.eventdata.destAddress",
            "data.eventdata.destinationIp",
            "data.id.resp_h",
            "data.win.eventdata.destinationHostname",
        ]),
        same(&[
            "data.dstport",
            "data.dst_port",
            "data.dest_port",
            "data.win.eventdata.destinationPort",
            "data.win.eventdata.destPort",
            "data.eventdata.destinationPort",
            "data.id.resp_p",
        ]),
        blind(&[
            "data.protocol",
            "data.proto",
            "data.win.eventdata.protocol",
            "data.eventdata.protocol",
        ]),
        same(&[
            "data.win.eventdata.image",
            "data.win.eventdata.application",
            "data.eventdata.image",
        ]),
        blind(&[
            "data.action",
            "data.log_subtype",
            "data.conn_state",
            "data.win.eventdata.initiated",
        ]),
    ],
    collected: &[
        (
            SOURCES,
            &[
                "data.srcip",
                "data.src_ip",
                "data.win.eventdata.sourceIp",
                "data.win.eventdata.sourceAddress",
                "data.eventdata.sourceIp",
                "data.id.orig_h",
            ],
        ),
        (
            USERS,
            &[
                "data.win.eventdata.user",
                "data.eventdata.user",
                "data.user",
            ],
        ),
        (
            HOSTS,
            &["data.win.eventdata.destinationHostname", "data.server_name"],
        ),
    ],
    has_rest: false,
};

pub(in crate::folding) static DNS: Family = Family {
    name: "DNS query",
    key: &[
        blind(&[
            "data.win.eventdata.queryName",
            "data.eventdata.queryName",
            "data.dns.rrname",
            "data.dns.query.rrname",
            "data.query",
        ]),
        same(&["data.win.eventdata.image", "data.eventdata.image"]),
    ],
    collected: &[
        (SOURCES, &["data.srcip", "data.src_ip", "data.id.orig_h"]),
        (
            "answers",
            &[
                "data.win.eventdata.queryResults",
                "data.answers",
                "data.dns.rdata",
            ],
        ),
    ],
    has_rest: false,
};

pub(in crate::folding) static AUTHENTICATION: Family = Family {
    name: "authentication",
    key: &[],
    collected: &[
        (SOURCES, SOURCE_FIELDS),
        (USERS, USER_FIELDS),
        (
            HOSTS,
            &["data.win.eventdata.workstationName", "data.hostname"],
        ),
        (PROCESSES, &["data.win.eventdata.processName"]),
    ],
    has_rest: false,
};

/// A log-in that went well says who is in now: another user is another event.
pub(in crate::folding) static LOGIN: Family = Family {
    name: "log-in",
    key: &[
        EVENT,
        blind(USER_FIELDS),
        blind(&["data.win.eventdata.targetDomainName"]),
        same(&["data.win.eventdata.logonType"]),
    ],
    collected: &[
        (SOURCES, SOURCE_FIELDS),
        (
            HOSTS,
            &["data.win.eventdata.workstationName", "data.hostname"],
        ),
        (PROCESSES, &["data.win.eventdata.processName"]),
    ],
    has_rest: false,
};

pub(in crate::folding) static WEB: Family = Family {
    name: "web request",
    key: &[],
    collected: &[
        (SOURCES, SOURCE_FIELDS),
        (URLS, &["data.url", "data.ClientRequestURI", "data.uri"]),
        (HOSTS, &["data.ClientRequestHost", "data.hostname"]),
        ("status codes", &["data.id", "data.EdgeResponseStatus"]),
    ],
    has_rest: false,
};

pub(in crate::folding) static IDS: Family = Family {
    name: "IDS signature",
    key: &[
        same(&["data.alert.signature_id", "data.id"]),
        same(&["data.alert.gid"]),
        blind(&["data.dest_ip", "data.dstip", "data.dst_ip"]),
        same(&["data.dest_port", "data.dstport", "data.dst_port"]),
    ],
    collected: &[
        (SOURCES, &["data.src_ip", "data.srcip"]),
        (URLS, &["data.http.url"]),
        (
            HOSTS,
            &[
                "data.http.hostname",
                "data.tls.sni",
                "data.dns.query.rrname",
            ],
        ),
        (PORTS, &["data.src_port", "data.srcport"]),
    ],
    has_rest: false,
};
