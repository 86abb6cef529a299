//! Services of others: which operation on which resource. Who and from where is collected.

use super::{FILES, HOSTS, SOURCES, USERS};
use crate::folding::family::{Family, blind, same};
use crate::path::at;

pub(in crate::folding) static AWS: Family = Family {
    name: "AWS",
    key: &[
        same(&[at!("data.aws.source")]),
        same(&[
            at!("data.aws.eventSource"),
            at!("data.aws.service.serviceName"),
            at!("data.api.service.name"),
        ]),
        same(&[
            at!("data.aws.eventName"),
            at!("data.aws.operation"),
            at!("data.aws.type"),
            at!("data.aws.check-name"),
            at!("data.aws.detail-type"),
            at!("data.aws.action"),
            at!("data.api.operation"),
        ]),
        same(&[
            at!("data.aws.aws_account_id"),
            at!("data.aws.recipientAccountId"),
            at!("data.aws.account"),
            at!("data.aws.accountId"),
        ]),
        same(&[
            at!("data.aws.awsRegion"),
            at!("data.aws.region"),
            at!("data.cloud.region"),
        ]),
        same(&[
            at!("data.aws.bucket"),
            at!("data.aws.requestParameters.bucketName"),
        ]),
        same(&[at!("data.aws.resources.ARN"), at!("data.aws.resources.uid")]),
        same(&[
            at!("data.aws.requestParameters.userName"),
            at!("data.aws.requestParameters.roleName"),
            at!("data.aws.requestParameters.groupId"),
            at!("data.aws.requestParameters.instanceId"),
            at!("data.aws.resource.instanceDetails.instanceId"),
            at!("data.aws.resource.accessKeyDetails.userName"),
        ]),
        same(&[at!("data.aws.errorCode"), at!("data.aws.error_code")]),
        same(&[
            at!("data.aws.status"),
            at!("data.aws.check-item-detail.Status"),
        ]),
        blind(&[at!("data.aws.dstaddr")]),
        same(&[at!("data.aws.dstport")]),
    ],
    collected: &[
        (
            SOURCES,
            &[
                at!("data.aws.sourceIPAddress"),
                at!("data.aws.source_ip_address"),
                at!("data.aws.remote_ip"),
                at!("data.aws.srcaddr"),
                at!("data.src_endpoint.ip"),
            ],
        ),
        (
            USERS,
            &[
                at!("data.aws.userIdentity.userName"),
                at!("data.aws.userIdentity.arn"),
                at!("data.aws.requester"),
                at!("data.identity.user.name"),
            ],
        ),
        (FILES, &[at!("data.aws.key")]),
    ],
    has_rest: false,
};

pub(in crate::folding) static AZURE: Family = Family {
    name: "Azure",
    key: &[
        blind(&[
            at!("data.azure_tag"),
            at!("data.azure_storage_tag"),
            at!("data.category"),
        ]),
        blind(&[
            at!("data.operationName"),
            at!("data.OperationName"),
            at!("data.activityDisplayName"),
            at!("data.activity"),
        ]),
        blind(&[
            at!("data.resourceId"),
            at!("data.ResourceId"),
            at!("data.resourceDisplayName"),
            at!("data.targetResources.id"),
        ]),
        blind(&[
            at!("data.resultType"),
            at!("data.ResultType"),
            at!("data.result"),
            at!("data.status.errorCode"),
        ]),
    ],
    collected: &[
        (
            SOURCES,
            &[
                at!("data.callerIpAddress"),
                at!("data.CallerIpAddress"),
                at!("data.ipAddress"),
            ],
        ),
        (
            USERS,
            &[
                at!("data.userPrincipalName"),
                at!("data.identity"),
                at!("data.caller"),
                at!("data.Caller"),
            ],
        ),
    ],
    has_rest: false,
};

pub(in crate::folding) static GCP: Family = Family {
    name: "GCP",
    key: &[
        same(&[
            at!("data.gcp.protoPayload.methodName"),
            at!("data.gcp.jsonPayload.disposition"),
            at!("data.gcp.jsonPayload.queryName"),
        ]),
        same(&[
            at!("data.gcp.protoPayload.resourceName"),
            at!("data.gcp.jsonPayload.instance.vm_name"),
            at!("data.gcp.jsonPayload.vmInstanceName"),
        ]),
        same(&[at!("data.gcp.resource.type")]),
        same(&[at!("data.gcp.resource.labels.project_id")]),
        blind(&[at!("data.gcp.jsonPayload.connection.dest_ip")]),
        same(&[at!("data.gcp.jsonPayload.connection.dest_port")]),
        same(&[
            at!("data.gcp.protoPayload.status.code"),
            at!("data.gcp.severity"),
        ]),
    ],
    collected: &[
        (
            SOURCES,
            &[
                at!("data.gcp.protoPayload.requestMetadata.callerIp"),
                at!("data.gcp.jsonPayload.connection.src_ip"),
                at!("data.gcp.jsonPayload.sourceIP"),
            ],
        ),
        (
            USERS,
            &[at!(
                "data.gcp.protoPayload.authenticationInfo.principalEmail"
            )],
        ),
    ],
    has_rest: false,
};

pub(in crate::folding) static OFFICE365: Family = Family {
    name: "Office 365",
    key: &[
        same(&[at!("data.office365.OrganizationId")]),
        same(&[at!("data.office365.Workload")]),
        same(&[at!("data.office365.RecordType")]),
        same(&[at!("data.office365.Operation")]),
        same(&[at!("data.office365.ObjectId")]),
        same(&[at!("data.office365.ResultStatus")]),
    ],
    collected: &[
        (
            SOURCES,
            &[
                at!("data.office365.ClientIP"),
                at!("data.office365.ActorIpAddress"),
                at!("data.office365.ClientIPAddress"),
            ],
        ),
        (USERS, &[at!("data.office365.UserId")]),
        (FILES, &[at!("data.office365.SourceFileName")]),
    ],
    has_rest: false,
};

pub(in crate::folding) static MS_GRAPH: Family = Family {
    name: "MS Graph",
    key: &[
        same(&[at!("data.ms-graph.tenantId")]),
        same(&[at!("data.ms-graph.relationship")]),
        same(&[
            at!("data.ms-graph.title"),
            at!("data.ms-graph.displayName"),
            at!("data.ms-graph.activityDisplayName"),
            at!("data.ms-graph.activityType"),
        ]),
        same(&[at!("data.ms-graph.category")]),
        same(&[
            at!("data.ms-graph.detectorId"),
            at!("data.ms-graph.appDisplayName"),
        ]),
        same(&[at!("data.ms-graph.threatDisplayName")]),
        same(&[
            at!("data.ms-graph.status"),
            at!("data.ms-graph.activityResult"),
        ]),
        // The incident ties alerts of one attack together.
        same(&[at!("data.ms-graph.incidentId")]),
    ],
    collected: &[
        (
            USERS,
            &[
                at!("data.ms-graph.userPrincipalName"),
                at!("data.ms-graph.evidence.userAccount.userPrincipalName"),
            ],
        ),
        (HOSTS, &[at!("data.ms-graph.evidence.deviceDnsName")]),
        (
            SOURCES,
            &[
                at!("data.ms-graph.ipAddress"),
                at!("data.ms-graph.evidence.ipAddress"),
            ],
        ),
    ],
    has_rest: false,
};

pub(in crate::folding) static GITHUB: Family = Family {
    name: "GitHub",
    key: &[
        same(&[at!("data.github.action")]),
        blind(&[at!("data.github.org")]),
        blind(&[at!("data.github.repo"), at!("data.github.team")]),
        blind(&[at!("data.github.user")]),
    ],
    collected: &[
        (USERS, &[at!("data.github.actor")]),
        (SOURCES, &[at!("data.github.actor_ip")]),
    ],
    has_rest: false,
};

pub(in crate::folding) static DOCKER: Family = Family {
    name: "Docker",
    key: &[
        same(&[at!("data.docker.Type")]),
        same(&[at!("data.docker.Action")]),
        // Anew for each run where nobody names them, so the image counts first.
        same(&[
            at!("data.docker.Actor.Attributes.image"),
            at!("data.docker.Actor.Attributes.name"),
            at!("data.docker.Actor.ID"),
        ]),
        same(&[at!("data.docker.Actor.Attributes.exitCode")]),
    ],
    collected: &[(
        "containers",
        &[
            at!("data.docker.Actor.Attributes.name"),
            at!("data.docker.Actor.ID"),
        ],
    )],
    has_rest: false,
};
