//! Services of others: which operation on which resource. Who and from where is collected.

use super::{FILES, HOSTS, SOURCES, USERS};
use crate::folding::family::{Family, blind, same};

pub(in crate::folding) static AWS: Family = Family {
    name: "AWS",
    key: &[
        same(&["data.aws.source"]),
        same(&[
            "data.aws.eventSource",
            "data.aws.service.serviceName",
            "data.api.service.name",
        ]),
        same(&[
            "data.aws.eventName",
            "data.aws.operation",
            "data.aws.type",
            "data.aws.check-name",
            "data.aws.detail-type",
            "data.aws.action",
            "data.api.operation",
        ]),
        same(&[
            "data.aws.aws_account_id",
            "data.aws.recipientAccountId",
            "data.aws.account",
            "data.aws.accountId",
        ]),
        same(&["data.aws.awsRegion", "data.aws.region", "data.cloud.region"]),
        same(&["data.aws.bucket", "data.aws.requestParameters.bucketName"]),
        same(&["data.aws.resources.ARN", "data.aws.resources.uid"]),
        same(&[
            "data.aws.requestParameters.userName",
            "data.aws.requestParameters.roleName",
            "data.aws.requestParameters.groupId",
            "data.aws.requestParameters.instanceId",
            "data.aws.resource.instanceDetails.instanceId",
            "data.aws.resource.accessKeyDetails.userName",
        ]),
        same(&["data.aws.errorCode", "data.aws.error_code"]),
        same(&["data.aws.status", "data.aws.check-item-detail.Status"]),
        blind(&["data.aws.dstaddr"]),
        same(&["data.aws.dstport"]),
    ],
    collected: &[
        (
            SOURCES,
            &[
                "data.aws.sourceIPAddress",
                "data.aws.source_ip_address",
                "data.aws.remote_ip",
                "data.aws.srcaddr",
                "data.src_endpoint.ip",
            ],
        ),
        (
            USERS,
            &[
                "data.aws.userIdentity.userName",
                "data.aws.userIdentity.arn",
                "data.aws.requester",
                "data.identity.user.name",
            ],
        ),
        (FILES, &["data.aws.key"]),
    ],
    has_rest: false,
};

pub(in crate::folding) static AZURE: Family = Family {
    name: "Azure",
    key: &[
        blind(&["data.azure_tag", "data.azure_storage_tag", "data.category"]),
        blind(&[
            "data.operationName",
            "data.OperationName",
            "data.activityDisplayName",
            "data.activity",
        ]),
        blind(&[
            "data.resourceId",
            "data.ResourceId",
            "data.resourceDisplayName",
            "data.targetResources.id",
        ]),
        blind(&[
            "data.resultType",
            "data.ResultType",
            "data.result",
            "data.status.errorCode",
        ]),
    ],
    collected: &[
        (
            SOURCES,
            &[
                "data.callerIpAddress",
                "data.CallerIpAddress",
                "data.ipAddress",
            ],
        ),
        (
            USERS,
            &[
                "data.userPrincipalName",
                "data.identity",
                "data.caller",
                "data.Caller",
            ],
        ),
    ],
    has_rest: false,
};

pub(in crate::folding) static GCP: Family = Family {
    name: "GCP",
    key: &[
        same(&[
            "data.gcp.protoPayload.methodName",
            "data.gcp.jsonPayload.disposition",
            "data.gcp.jsonPayload.queryName",
        ]),
        same(&[
            "data.gcp.protoPayload.resourceName",
            "data.gcp.jsonPayload.instance.vm_name",
            "data.gcp.jsonPayload.vmInstanceName",
        ]),
        same(&["data.gcp.resource.type"]),
        same(&["data.gcp.resource.labels.project_id"]),
        blind(&["data.gcp.jsonPayload.connection.dest_ip"]),
        same(&["data.gcp.jsonPayload.connection.dest_port"]),
        same(&["data.gcp.protoPayload.status.code", "data.gcp.severity"]),
    ],
    collected: &[
        (
            SOURCES,
            &[
                "data.gcp.protoPayload.requestMetadata.callerIp",
                "data.gcp.jsonPayload.connection.src_ip",
                "data.gcp.jsonPayload.sourceIP",
            ],
        ),
        (
            USERS,
            &["data.gcp.protoPayload.authenticationInfo.principalEmail"],
        ),
    ],
    has_rest: false,
};

pub(in crate::folding) static OFFICE365: Family = Family {
    name: "Office 365",
    key: &[
        same(&["data.office365.OrganizationId"]),
        same(&["data.office365.Workload"]),
        same(&["data.office365.RecordType"]),
        same(&["data.office365.Operation"]),
        same(&["data.office365.ObjectId"]),
        same(&["data.office365.ResultStatus"]),
    ],
    collected: &[
        (
            SOURCES,
            &[
                "data.office365.ClientIP",
                "data.office365.ActorIpAddress",
                "data.office365.ClientIPAddress",
            ],
        ),
        (USERS, &["data.office365.UserId"]),
        (FILES, &["data.office365.SourceFileName"]),
    ],
    has_rest: false,
};

pub(in crate::folding) static MS_GRAPH: Family = Family {
    name: "MS Graph",
    key: &[
        same(&["data.ms-graph.tenantId"]),
        same(&["data.ms-graph.relationship"]),
        same(&[
            "data.ms-graph.title",
            "data.ms-graph.displayName",
            "data.ms-graph.activityDisplayName",
            "data.ms-graph.activityType",
        ]),
        same(&["data.ms-graph.category"]),
        same(&["data.ms-graph.detectorId", "data.ms-graph.appDisplayName"]),
        same(&["data.ms-graph.threatDisplayName"]),
        same(&["data.ms-graph.status", "data.ms-graph.activityResult"]),
        // The incident ties alerts of one attack together.
        same(&["data.ms-graph.incidentId"]),
    ],
    collected: &[
        (
            USERS,
            &[
                "data.ms-graph.userPrincipalName",
                "data.ms-graph.evidence.userAccount.userPrincipalName",
            ],
        ),
        (HOSTS, &["data.ms-graph.evidence.deviceDnsName"]),
        (
            SOURCES,
            &[
                "data.ms-graph.ipAddress",
                "data.ms-graph.evidence.ipAddress",
            ],
        ),
    ],
    has_rest: false,
};

pub(in crate::folding) static GITHUB: Family = Family {
    name: "GitHub",
    key: &[
        same(&["data.github.action"]),
        blind(&["data.github.org"]),
        blind(&["data.github.repo", "data.github.team"]),
        blind(&["data.github.user"]),
    ],
    collected: &[
        (USERS, &["data.github.actor"]),
        (SOURCES, &["data.github.actor_ip"]),
    ],
    has_rest: false,
};

pub(in crate::folding) static DOCKER: Family = Family {
    name: "Docker",
    key: &[
        same(&["data.docker.Type"]),
        same(&["data.docker.Action"]),
        // Anew for each run where nobody names them, so the image counts first.
        same(&[
            "data.docker.Actor.Attributes.image",
            "data.docker.Actor.Attributes.name",
            "data.docker.Actor.ID",
        ]),
        same(&["data.docker.Actor.Attributes.exitCode"]),
    ],
    collected: &[(
        "containers",
        &["data.docker.Actor.Attributes.name", "data.docker.Actor.ID"],
    )],
    has_rest: false,
};
