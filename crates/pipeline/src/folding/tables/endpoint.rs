//! What happens on one machine: programs, files, registry, services, accounts.

use super::{EVENT, HASHES, HOSTS, PROCESSES, SOURCES, USERS, VALUES};
use crate::folding::family::{Family, Word, blind, same};
use crate::path::{Path, at};

const IMAGE: Word = same(&[
    at!("data.win.eventdata.image"),
    at!("data.win.eventdata.newProcessName"),
    at!("data.eventdata.image"),
    at!("data.sysmon.image"),
]);
const HASH: Word = blind(&[
    at!("data.win.eventdata.hashes"),
    at!("data.win.eventdata.hash"),
    at!("data.eventdata.hashes"),
    at!("data.sysmon.hash"),
]);
const WHO: &[Path<'static>] = &[
    at!("data.win.eventdata.user"),
    at!("data.win.eventdata.subjectUserName"),
    at!("data.eventdata.user"),
    at!("data.srcuser"),
];

pub(in crate::folding) static PROCESS: Family = Family {
    name: "process creation",
    key: &[
        IMAGE,
        same(&[
            at!("data.win.eventdata.commandLine"),
            at!("data.eventdata.commandLine"),
        ]),
        HASH,
    ],
    collected: &[
        (USERS, WHO),
        (
            "parent processes",
            &[
                at!("data.win.eventdata.parentImage"),
                at!("data.win.eventdata.parentProcessName"),
                at!("data.eventdata.parentImage"),
                at!("data.sysmon.parentImage"),
            ],
        ),
    ],
    has_rest: false,
};

pub(in crate::folding) static IMAGE_LOAD: Family = Family {
    name: "image or driver load",
    key: &[IMAGE, same(&[at!("data.win.eventdata.imageLoaded")]), HASH],
    collected: &[(USERS, WHO)],
    has_rest: false,
};

pub(in crate::folding) static PROCESS_ACCESS: Family = Family {
    name: "access to a process",
    key: &[
        EVENT,
        same(&[
            at!("data.win.eventdata.sourceImage"),
            at!("data.win.eventdata.image"),
            at!("data.eventdata.image"),
        ]),
        same(&[at!("data.win.eventdata.targetImage")]),
        same(&[at!("data.win.eventdata.grantedAccess")]),
    ],
    collected: &[(
        USERS,
        &[
            at!("data.win.eventdata.sourceUser"),
            at!("data.win.eventdata.user"),
        ],
    )],
    has_rest: false,
};

pub(in crate::folding) static FILE: Family = Family {
    name: "file",
    key: &[
        EVENT,
        same(&[
            at!("syscheck.path"),
            at!("data.win.eventdata.targetFilename"),
            at!("data.win.eventdata.objectName"),
            at!("data.eventdata.targetFilename"),
            at!("data.audit.file.name"),
            at!("data.audit.directory.name"),
        ]),
        same(&[
            at!("syscheck.event"),
            at!("data.win.eventdata.accessMask"),
            at!("data.audit.syscall"),
        ]),
    ],
    collected: &[
        (
            HASHES,
            &[
                at!("syscheck.sha256_after"),
                at!("data.win.eventdata.hashes"),
                at!("data.win.eventdata.hash"),
            ],
        ),
        (
            PROCESSES,
            &[
                at!("syscheck.audit.process.name"),
                at!("data.win.eventdata.image"),
                at!("data.win.eventdata.processName"),
                at!("data.eventdata.image"),
                at!("data.audit.exe"),
            ],
        ),
        (
            USERS,
            &[
                at!("syscheck.audit.user.name"),
                at!("syscheck.uname_after"),
                at!("data.win.eventdata.user"),
                at!("data.win.eventdata.subjectUserName"),
                at!("data.eventdata.user"),
            ],
        ),
    ],
    has_rest: false,
};

pub(in crate::folding) static REGISTRY: Family = Family {
    name: "registry",
    key: &[
        EVENT,
        same(&[
            at!("syscheck.path"),
            at!("data.win.eventdata.targetObject"),
            at!("data.win.eventdata.objectName"),
        ]),
        same(&[
            at!("syscheck.value_name"),
            at!("data.win.eventdata.objectValueName"),
        ]),
        same(&[at!("syscheck.event"), at!("data.win.eventdata.eventType")]),
        same(&[at!("syscheck.arch")]),
        same(&[
            at!("data.win.eventdata.image"),
            at!("data.win.eventdata.processName"),
        ]),
    ],
    collected: &[
        (
            VALUES,
            &[
                at!("data.win.eventdata.details"),
                at!("data.win.eventdata.newValue"),
                at!("syscheck.sha256_after"),
            ],
        ),
        (USERS, WHO),
    ],
    has_rest: false,
};

pub(in crate::folding) static SERVICE: Family = Family {
    name: "service or task",
    key: &[
        EVENT,
        blind(&[
            at!("data.win.eventdata.serviceName"),
            at!("data.win.eventdata.taskName"),
            at!("data.win.eventdata.param1"),
        ]),
        same(&[
            at!("data.win.eventdata.imagePath"),
            at!("data.win.eventdata.serviceFileName"),
        ]),
        blind(&[at!("data.win.eventdata.param2")]),
    ],
    collected: &[(
        USERS,
        &[
            at!("data.win.eventdata.subjectUserName"),
            at!("data.win.eventdata.accountName"),
        ],
    )],
    has_rest: false,
};

pub(in crate::folding) static SCRIPT: Family = Family {
    name: "PowerShell script",
    key: &[
        EVENT,
        same(&[at!("data.win.eventdata.path")]),
        same(&[
            at!("data.win.eventdata.scriptBlockText"),
            at!("data.win.eventdata.payload"),
        ]),
    ],
    collected: &[(USERS, &[at!("data.win.eventdata.user")])],
    has_rest: false,
};

pub(in crate::folding) static WMI: Family = Family {
    name: "WMI subscription",
    key: &[
        EVENT,
        same(&[at!("data.win.eventdata.operation")]),
        same(&[
            at!("data.win.eventdata.name"),
            at!("data.win.eventdata.consumer"),
        ]),
        same(&[
            at!("data.win.eventdata.destination"),
            at!("data.win.eventdata.query"),
            at!("data.win.eventdata.filter"),
        ]),
    ],
    collected: &[(USERS, WHO)],
    has_rest: false,
};

pub(in crate::folding) static PIPE: Family = Family {
    name: "named pipe",
    key: &[EVENT, IMAGE, same(&[at!("data.win.eventdata.pipeName")])],
    collected: &[(USERS, WHO)],
    has_rest: false,
};

pub(in crate::folding) static SHARE: Family = Family {
    name: "network share",
    key: &[
        EVENT,
        same(&[at!("data.win.eventdata.shareName")]),
        same(&[at!("data.win.eventdata.relativeTargetName")]),
    ],
    collected: &[
        (SOURCES, &[at!("data.win.eventdata.ipAddress")]),
        (USERS, &[at!("data.win.eventdata.subjectUserName")]),
    ],
    has_rest: false,
};

pub(in crate::folding) static ACCOUNT: Family = Family {
    name: "account or group change",
    key: &[
        EVENT,
        blind(&[at!("data.win.eventdata.targetUserName")]),
        blind(&[at!("data.win.eventdata.targetDomainName")]),
        blind(&[
            at!("data.win.eventdata.memberSid"),
            at!("data.win.eventdata.memberName"),
        ]),
        blind(&[at!("data.win.eventdata.newUacValue")]),
    ],
    collected: &[("changed by", &[at!("data.win.eventdata.subjectUserName")])],
    has_rest: false,
};

pub(in crate::folding) static COMMAND: Family = Family {
    name: "command",
    key: &[
        same(&[at!("data.audit.exe")]),
        same(&[at!("data.command"), at!("data.audit.command")]),
        // As the call was made; auditd writes each argument on its own.
        same(&[at!("data.audit.execve.a0")]),
        same(&[at!("data.audit.execve.a1")]),
        same(&[at!("data.audit.execve.a2")]),
        same(&[at!("data.audit.execve.a3")]),
        same(&[at!("data.audit.execve.a4")]),
        same(&[at!("data.audit.execve.a5")]),
        same(&[at!("data.audit.execve.a6")]),
        same(&[at!("data.audit.execve.a7")]),
        same(&[at!("data.audit.execve.argc")]),
        same(&[at!("data.srcuser"), at!("data.audit.auid")]),
        same(&[at!("data.dstuser")]),
    ],
    collected: &[
        (FOLDERS, &[at!("data.pwd"), at!("data.audit.cwd")]),
        (HOSTS, &[at!("data.audit.hostname")]),
    ],
    has_rest: false,
};

const FOLDERS: &str = "folders";

pub(in crate::folding) static AUDIT: Family = Family {
    name: "audit record",
    key: &[
        same(&[at!("data.audit.type")]),
        same(&[at!("data.audit.exe")]),
        same(&[at!("data.audit.command")]),
        same(&[at!("data.audit.op")]),
        same(&[at!("data.audit.acct")]),
        same(&[at!("data.audit.dev")]),
        same(&[at!("data.audit.key")]),
        same(&[at!("data.audit.res")]),
    ],
    collected: &[
        (USERS, &[at!("data.audit.auid")]),
        (SOURCES, &[at!("data.audit.srcip")]),
    ],
    has_rest: false,
};

pub(in crate::folding) static ACTIVE_RESPONSE: Family = Family {
    name: "active response",
    key: &[
        same(&[
            at!("data.script"),
            at!("data.command"),
            at!("data.parameters.program"),
        ]),
        same(&[at!("data.type"), at!("data.parameters.extra_args")]),
    ],
    collected: &[(
        SOURCES,
        &[at!("data.srcip"), at!("data.parameters.alert.data.srcip")],
    )],
    has_rest: false,
};
