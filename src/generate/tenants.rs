//! The bodies' ledgers: what is allowed, so that the planted incidents are the only things that are not.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use jiff::ToSpan;
use stream::Timestamp;

use super::line::japan;
use super::sites::{STAFF, terminal};

/// The terminals of the tax section, the only ones that may talk to eLTAX.
pub const TAX_TERMINALS: &str = "10.10.2.0/24";
/// Where eLTAX answers in these ledgers.
pub const ELTAX: &str = "203.0.113.10";
/// The server whose exception ends on the first day.
pub const EXPIRING_SERVER: &str = "10.10.100.30";
/// What that exception leads to.
pub const EXPIRING_PEER: &str = "203.0.113.40";

/// Writes `tenants/<id>/` for every body.
pub fn write(dir: &Path, start: Timestamp) -> Result<()> {
    let first_day = japan(start).date();
    let year_end = first_day.checked_add(200.days()).context("date out of range")?;
    let from = first_day.checked_sub(100.days()).context("date out of range")?;
    let put = |tenant: &str, name: &str, text: String| {
        let path = dir.join(tenant).join(name);
        fs::create_dir_all(path.parent().unwrap_or(dir))
            .and_then(|()| fs::write(&path, text))
            .with_context(|| format!("write {}", path.display()))
    };
    put("ken", "tenant.toml", tenant_toml("見本県", "alpha", None))?;
    put("town", "tenant.toml", tenant_toml("見本町", "alpha", Some("ken")))?;
    put("kumiai", "tenant.toml", tenant_toml("見本衛生組合", "internet-only", Some("ken")))?;

    put("town", "zones.csv", format!("{ZONES_HEADER}{}", town_zones(&from.to_string())))?;
    put(
        "kumiai",
        "zones.csv",
        format!(
            "{ZONES_HEADER}172.16.0.0/16,internet,処理場,総務係,{from},,\n192.0.2.128/26,dmz,処理場,総務係,{from},,\n"
        ),
    )?;
    put(
        "ken",
        "zones.csv",
        format!(
            "{ZONES_HEADER}172.20.0.0/16,internet,県庁,情報政策課,{from},,\n172.21.0.0/16,seccloud,データセンター,情報政策課,{from},,\n192.0.2.192/26,dmz,データセンター,情報政策課,{from},,\n"
        ),
    )?;

    put(
        "town",
        "flows.csv",
        format!("{FLOWS_HEADER}{}", town_flows(&from.to_string(), &first_day.to_string(), &year_end.to_string())),
    )?;
    let small = internet_flows(&from.to_string(), &year_end.to_string());
    put("kumiai", "flows.csv", format!("{FLOWS_HEADER}{small}"))?;
    put(
        "ken",
        "flows.csv",
        format!(
            "{FLOWS_HEADER}{small}M-06,internet,,seccloud,,tcp,443,outbound,,,,{from},{year_end},情報政策課,令和8情第3号,{year_end},セキュリティクラウドの管理\nM-07,seccloud,,external,,any,,outbound,,,,{from},{year_end},情報政策課,令和8情第3号,{year_end},監視サービスの外部通信\n"
        ),
    )?;

    put(
        "town",
        "ledgers/sanitisers.csv",
        format!(
            "name,ip,method,valid_from,valid_until\nファイル無害化 内側,10.20.200.10,file,{from},\nファイル無害化 外側,10.30.200.10,file,{from},\n"
        ),
    )?;
    put("town", "ledgers/terminals.csv", terminals(&from.to_string()))?;
    put("town", "ledgers/accounts.csv", accounts(&from.to_string()))?;
    Ok(())
}

const ZONES_HEADER: &str = "prefix,zone,site,owner,valid_from,valid_until,note\n";
const FLOWS_HEADER: &str = "id,from_zone,from,to_zone,to,protocol,ports,direction,via,days,hours,valid_from,valid_until,owner,approval,review_by,purpose\n";

fn tenant_toml(name: &str, model: &str, parent: Option<&str>) -> String {
    let parent = parent.map(|id| format!("parent = \"{id}\"\n")).unwrap_or_default();
    format!("name = \"{name}\"\nmodel = \"{model}\"\n{parent}")
}

fn town_zones(from: &str) -> String {
    format!(
        "10.10.0.0/16,mynumber,本庁舎,住民課,{from},,\n\
         10.20.0.0/16,lgwan,本庁舎,総務課,{from},,\n\
         10.30.0.0/16,internet,本庁舎,総務課,{from},,\n\
         192.0.2.0/25,dmz,本庁舎,総務課,{from},,公開サーバー\n"
    )
}

fn internet_flows(from: &str, until: &str) -> String {
    let tail = format!("{from},{until},総務課,令和8情第1号,{until}");
    format!(
        "M-01,internet,,external,,tcp,80;443,outbound,,,,{tail},ホームページ閲覧\n\
         M-02,internet,,external,,udp,53;123,outbound,,,,{tail},名前解決と時刻同期\n\
         M-03,external,,dmz,,tcp,25;80;443,outbound,,,,{tail},公開サーバー\n\
         M-04,dmz,,external,,tcp,25;53;443,outbound,,,,{tail},メール送信と更新\n\
         M-05,internet,,dmz,,tcp,22;80;443,outbound,,,,{tail},公開サーバーの管理\n"
    )
}

fn town_flows(from: &str, first_day: &str, until: &str) -> String {
    let tail = format!("{from},{until},総務課,令和8情第2号,{until}");
    format!(
        "{}M-10,lgwan,,internet,,tcp,443,outbound,sanitiser,,,{tail},ファイル無害化\n\
         M-11,internet,,lgwan,,tcp,443,outbound,sanitiser,,,{tail},ファイル無害化\n\
         TK-0001,mynumber,{TAX_TERMINALS},external,{ELTAX},tcp,443,outbound,,,07:00-22:00,{from},{until},税務課,令和8情第12号,{until},eLTAX 受信\n\
         TK-0002,mynumber,10.10.100.20,lgwan,10.20.50.10,tcp,8443,outbound,,,,{from},{until},住民課,令和8情第13号,{until},住基連携\n\
         TK-0003,mynumber,{EXPIRING_SERVER},external,{EXPIRING_PEER},tcp,443,outbound,,,,{from},{first_day},住民課,令和8情第14号,{first_day},移行期間の連携\n",
        internet_flows(from, until),
    )
}

fn terminals(from: &str) -> String {
    let mut text = String::from("host,ip,mac,dept,zone,use,valid_from,valid_until\n");
    for (zone, octet, prefix) in [("mynumber", 10, "MN"), ("lgwan", 20, "LG"), ("internet", 30, "IN")] {
        for person in 0..STAFF.len() {
            let dept = if person < 24 { "住民課" } else { "税務課" };
            text.push_str(&format!(
                "{prefix}{person:03},{},02:00:5e:{octet:02x}:00:{person:02x},{dept},{zone},個人,{from},\n",
                terminal(octet, person)
            ));
        }
    }
    text
}

fn accounts(from: &str) -> String {
    let mut text =
        String::from("user,dept,kind,privileged,shared,home_terminal,status,valid_from,valid_until,last_logon\n");
    for (person, user) in STAFF.iter().enumerate() {
        let dept = if person < 24 { "住民課" } else { "税務課" };
        text.push_str(&format!("{user},{dept},職員,no,no,LG{person:03},有効,{from},,\n"));
    }
    text
}
