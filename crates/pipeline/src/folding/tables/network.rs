//! What comes over the network: connections, names, requests, log-ins, signatures.

use super::{EVENT, HOSTS, PORTS, PROCESSES, SOURCE_FIELDS, SOURCES, URLS, USERS};
use crate::folding::family::{Family, blind, same};
use crate::path::{Path, at};

const USER_FIELDS: &[Path<'static>] = &[
    at!("data.dstuser"),
    at!("data.srcuser"),
    at!("data.user"),
    at!("data.username"),
    at!("data.win.eventdata.targetUserName"),
];

pub(in crate::folding) static NETWORK: Family = Family {
    name: "network connection",
    key: &[
        blind(&[
            at!("data.dstip"),
            at!("data.dst_ip"),
            at!("data.dest_ip"),
            at!("data.win.eventdata.destinationIp"),
            at!("data.win.eventdata.destAddress"),
            at!("data.eventdata.destinationIp"),
            at!("data.id.resp_h"),
            at!("data.win.eventdata.destinationHostname"),
        ]),
        same(&[
            at!("data.dstport"),
            at!("data.dst_port"),
            at!("data.dest_port"),
            at!("data.win.eventdata.destinationPort"),
            at!("data.win.eventdata.destPort"),
            at!("data.eventdata.destinationPort"),
            at!("data.id.resp_p"),
        ]),
        blind(&[
            at!("data.protocol"),
            at!("data.proto"),
            at!("data.win.eventdata.protocol"),
            at!("data.eventdata.protocol"),
        ]),
        same(&[
            at!("data.win.eventdata.image"),
            at!("data.win.eventdata.application"),
            at!("data.eventdata.image"),
        ]),
        blind(&[
            at!("data.action"),
            at!("data.log_subtype"),
            at!("data.conn_state"),
            at!("data.win.eventdata.initiated"),
        ]),
    ],
    collected: &[
        (
            SOURCES,
            &[
                at!("data.srcip"),
                at!("data.src_ip"),
                at!("data.win.eventdata.sourceIp"),
                at!("data.win.eventdata.sourceAddress"),
                at!("data.eventdata.sourceIp"),
                at!("data.id.orig_h"),
            ],
        ),
        (
            USERS,
            &[
                at!("data.win.eventdata.user"),
                at!("data.eventdata.user"),
                at!("data.user"),
            ],
        ),
        (
            HOSTS,
            &[
                at!("data.win.eventdata.destinationHostname"),
                at!("data.server_name"),
            ],
        ),
    ],
    has_rest: false,
};

pub(in crate::folding) static DNS: Family = Family {
    name: "DNS query",
    key: &[
        blind(&[
            at!("data.win.eventdata.queryName"),
            at!("data.eventdata.queryName"),
            at!("data.dns.rrname"),
            at!("data.dns.query.rrname"),
            at!("data.query"),
        ]),
        same(&[at!("data.win.eventdata.image"), at!("data.eventdata.image")]),
    ],
    collected: &[
        (
            SOURCES,
            &[at!("data.srcip"), at!("data.src_ip"), at!("data.id.orig_h")],
        ),
        (
            "answers",
            &[
                at!("data.win.eventdata.queryResults"),
                at!("data.answers"),
                at!("data.dns.rdata"),
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
            &[
                at!("data.win.eventdata.workstationName"),
                at!("data.hostname"),
            ],
        ),
        (PROCESSES, &[at!("data.win.eventdata.processName")]),
    ],
    has_rest: false,
};

/// A log-in that went well says who is in now: another user is another event.
pub(in crate::folding) static LOGIN: Family = Family {
    name: "log-in",
    key: &[
        EVENT,
        blind(USER_FIELDS),
        blind(&[at!("data.win.eventdata.targetDomainName")]),
        same(&[at!("data.win.eventdata.logonType")]),
    ],
    collected: &[
        (SOURCES, SOURCE_FIELDS),
        (
            HOSTS,
            &[
                at!("data.win.eventdata.workstationName"),
                at!("data.hostname"),
            ],
        ),
        (PROCESSES, &[at!("data.win.eventdata.processName")]),
    ],
    has_rest: false,
};

pub(in crate::folding) static WEB: Family = Family {
    name: "web request",
    key: &[],
    collected: &[
        (SOURCES, SOURCE_FIELDS),
        (
            URLS,
            &[
                at!("data.url"),
                at!("data.ClientRequestURI"),
                at!("data.uri"),
            ],
        ),
        (
            HOSTS,
            &[at!("data.ClientRequestHost"), at!("data.hostname")],
        ),
        (
            "status codes",
            &[at!("data.id"), at!("data.EdgeResponseStatus")],
        ),
    ],
    has_rest: false,
};

pub(in crate::folding) static IDS: Family = Family {
    name: "IDS signature",
    key: &[
        same(&[at!("data.alert.signature_id"), at!("data.id")]),
        same(&[at!("data.alert.gid")]),
        blind(&[at!("data.dest_ip"), at!("data.dstip"), at!("data.dst_ip")]),
        same(&[
            at!("data.dest_port"),
            at!("data.dstport"),
            at!("data.dst_port"),
        ]),
    ],
    collected: &[
        (SOURCES, &[at!("data.src_ip"), at!("data.srcip")]),
        (URLS, &[at!("data.http.url")]),
        (
            HOSTS,
            &[
                at!("data.http.hostname"),
                at!("data.tls.sni"),
                at!("data.dns.query.rrname"),
            ],
        ),
        (PORTS, &[at!("data.src_port"), at!("data.srcport")]),
    ],
    has_rest: false,
};
