//! What happens on one machine: programs, files, registry, services, accounts.

use super::{EVENT, HASHES, HOSTS, PROCESSES, SOURCES, USERS, VALUES};
use crate::folding::family::{Family, Word, blind, same};

const IMAGE: Word = same(&[
    "data.win.eventdata.image",
    "data.win.eventdata.newProcessName",
    "data.eventdata.image",
    "data.sysmon.image",
]);
const HASH: Word = blind(&[
    "data.win.eventdata.hashes",
    "data.win.eventdata.hash",
    "data.eventdata.hashes",
    "data.sysmon.hash",
]);
const WHO: &[&str] = &[
    "data.win.eventdata.user",
    "data.win.eventdata.subjectUserName",
    "data.eventdata.user",
    "data.srcuser",
];

pub(in crate::folding) static PROCESS: Family = Family {
    name: "process creation",
    key: &[
        IMAGE,
        same(&[
            "data.win.eventdata.commandLine",
            "data.eventdata.commandLine",
        ]),
        HASH,
    ],
    collected: &[
        (USERS, WHO),
        (
            "parent processes",
            &[
                "data.win.eventdata.parentImage",
                "data.win.eventdata.parentProcessName",
                "data.eventdata.parentImage",
                "data.sysmon.parentImage",
            ],
        ),
    ],
    has_rest: false,
};

pub(in crate::folding) static IMAGE_LOAD: Family = Family {
    name: "image or driver load",
    key: &[IMAGE, same(&["data.win.eventdata.imageLoaded"]), HASH],
    collected: &[(USERS, WHO)],
    has_rest: false,
};

pub(in crate::folding) static PROCESS_ACCESS: Family = Family {
    name: "access to a process",
    key: &[
        EVENT,
        same(&[
            "data.win.eventdata.sourceImage",
            "data.win.eventdata.image",
            "data.eventdata.image",
        ]),
        same(&["data.win.eventdata.targetImage"]),
        same(&["data.win.eventdata.grantedAccess"]),
    ],
    collected: &[(
        USERS,
        &["data.win.eventdata.sourceUser", "data.win.eventdata.user"],
    )],
    has_rest: false,
};

pub(in crate::folding) static FILE: Family = Family {
    name: "file",
    key: &[
        EVENT,
        same(&[
            "syscheck.path",
            "data.win.eventdata.targetFilename",
            "data.win.eventdata.objectName",
            "data.eventdata.targetFilename",
            "data.audit.file.name",
            "data.audit.directory.name",
        ]),
        same(&[
            "syscheck.event",
            "data.win.eventdata.accessMask",
            "data.audit.syscall",
        ]),
    ],
    collected: &[
        (
            HASHES,
            &[
                "syscheck.sha256_after",
                "data.win.eventdata.hashes",
                "data.win.eventdata.hash",
            ],
        ),
        (
            PROCESSES,
            &[
                "syscheck.audit.process.name",
                "data.win.eventdata.image",
                "data.win.eventdata.processName",
                "data.eventdata.image",
                "data.audit.exe",
            ],
        ),
        (
            USERS,
            &[
                "syscheck.audit.user.name",
                "syscheck.uname_after",
                "data.win.eventdata.user",
                "data.win.eventdata.subjectUserName",
                "data.eventdata.user",
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
            "syscheck.path",
            "data.win.eventdata.targetObject",
            "data.win.eventdata.objectName",
        ]),
        same(&["syscheck.value_name", "data.win.eventdata.objectValueName"]),
        same(&["syscheck.event", "data.win.eventdata.eventType"]),
        same(&["syscheck.arch"]),
        same(&["data.win.eventdata.image", "data.win.eventdata.processName"]),
    ],
    collected: &[
        (
            VALUES,
            &[
                "data.win.eventdata.details",
                "data.win.eventdata.newValue",
                "syscheck.sha256_after",
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
            "data.win.eventdata.serviceName",
            "data.win.eventdata.taskName",
            "data.win.eventdata.param1",
        ]),
        same(&[
            "data.win.eventdata.imagePath",
            "data.win.eventdata.serviceFileName",
        ]),
        blind(&["data.win.eventdata.param2"]),
    ],
    collected: &[(
        USERS,
        &[
            "data.win.eventdata.subjectUserName",
            "data.win.eventdata.accountName",
        ],
    )],
    has_rest: false,
};

pub(in crate::folding) static SCRIPT: Family = Family {
    name: "PowerShell script",
    key: &[
        EVENT,
        same(&["data.win.eventdata.path"]),
        same(&[
            "data.win.eventdata.scriptBlockText",
            "data.win.eventdata.payload",
        ]),
    ],
    collected: &[(USERS, &["data.win.eventdata.user"])],
    has_rest: false,
};

pub(in crate::folding) static WMI: Family = Family {
    name: "WMI subscription",
    key: &[
        EVENT,
        same(&["data.win.eventdata.operation"]),
        same(&["data.win.eventdata.name", "data.win.eventdata.consumer"]),
        same(&[
            "data.win.eventdata.destination",
            "data.win.eventdata.query",
            "data.win.eventdata.filter",
        ]),
    ],
    collected: &[(USERS, WHO)],
    has_rest: false,
};

pub(in crate::folding) static PIPE: Family = Family {
    name: "named pipe",
    key: &[EVENT, IMAGE, same(&["data.win.eventdata.pipeName"])],
    collected: &[(USERS, WHO)],
    has_rest: false,
};

pub(in crate::folding) static SHARE: Family = Family {
    name: "network share",
    key: &[
        EVENT,
        same(&["data.win.eventdata.shareName"]),
        same(&["data.win.eventdata.relativeTargetName"]),
    ],
    collected: &[
        (SOURCES, &["data.win.eventdata.ipAddress"]),
        (USERS, &["data.win.eventdata.subjectUserName"]),
    ],
    has_rest: false,
};

pub(in crate::folding) static ACCOUNT: Family = Family {
    name: "account or group change",
    key: &[
        EVENT,
        blind(&["data.win.eventdata.targetUserName"]),
        blind(&["data.win.eventdata.targetDomainName"]),
        blind(&[
            "data.win.eventdata.memberSid",
            "data.win.eventdata.memberName",
        ]),
        blind(&["data.win.eventdata.newUacValue"]),
    ],
    collected: &[("changed by", &["data.win.eventdata.subjectUserName"])],
    has_rest: false,
};

pub(in crate::folding) static COMMAND: Family = Family {
    name: "command",
    key: &[
        same(&["data.audit.exe"]),
        same(&["data.command", "data.audit.command"]),
        // As the call was made; auditd writes each argument on its own.
        same(&["data.audit.execve.a0"]),
        same(&["data.audit.execve.a1"]),
        same(&["data.audit.execve.a2"]),
        same(&["data.audit.execve.a3"]),
        same(&["data.audit.execve.a4"]),
        same(&["data.audit.execve.a5"]),
        same(&["data.audit.execve.a6"]),
        same(&["data.audit.execve.a7"]),
        same(&["data.audit.execve.argc"]),
        same(&["data.srcuser", "data.audit.auid"]),
        same(&["data.dstuser"]),
    ],
    collected: &[
        (FOLDERS, &["data.pwd", "data.audit.cwd"]),
        (HOSTS, &["data.audit.hostname"]),
    ],
    has_rest: false,
};

const FOLDERS: &str = "folders";

pub(in crate::folding) static AUDIT: Family = Family {
    name: "audit record",
    key: &[
        same(&["data.audit.type"]),
        same(&["data.audit.exe"]),
        same(&["data.audit.command"]),
        same(&["data.audit.op"]),
        same(&["data.audit.acct"]),
        same(&["data.audit.dev"]),
        same(&["data.audit.key"]),
        same(&["data.audit.res"]),
    ],
    collected: &[
        (USERS, &["data.audit.auid"]),
        (SOURCES, &["data.audit.srcip"]),
    ],
    has_rest: false,
};

pub(in crate::folding) static ACTIVE_RESPONSE: Family = Family {
    name: "active response",
    key: &[
        same(&["data.script", "data.command", "data.parameters.program"]),
        same(&["data.type", "data.parameters.extra_args"]),
    ],
    collected: &[(SOURCES, &["data.srcip", "data.parameters.alert.data.srcip"])],
    has_rest: false,
};
