//! The Security channel's audit events: what each tells of, in the words of elastic's integrations, and whose names it
//! carries. Source: Microsoft, "Appendix L: Events to Monitor" and "Advanced security auditing" (event descriptions).

/// Whom `user.*` names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Actor {
    /// Nobody.
    Nobody,
    /// `SubjectUser*`: who did it.
    Subject,
    /// `TargetUser*`: who logged on or asked for a ticket.
    Target,
    /// `Account*`: whose terminal session it is.
    Account,
}

/// What `Target*` names beside the actor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Object {
    /// Nothing that ECS has a name for.
    Nothing,
    /// An account that was acted on: `user.target.*`.
    User,
    /// The account whose rights were used: `user.effective.*`.
    Effective,
    /// A group, whose member is in `Member*`.
    Group,
}

/// One audit event.
pub(super) struct Audit {
    /// Event id.
    pub(super) id: u16,
    /// `event.action`.
    pub(super) action: &'static str,
    /// `event.category`.
    pub(super) category: &'static [&'static str],
    /// `event.type`.
    pub(super) kind: &'static [&'static str],
    /// Whom it names.
    pub(super) actor: Actor,
    /// What else it names.
    pub(super) object: Object,
}

const fn row(
    id: u16,
    action: &'static str,
    category: &'static [&'static str],
    kind: &'static [&'static str],
    actor: Actor,
    object: Object,
) -> Audit {
    Audit { id, action, category, kind, actor, object }
}

/// The audit event of this id.
pub(super) fn find(id: u32) -> Option<&'static Audit> {
    let place = *INDEX.get(id as usize)?;
    AUDITS.get(usize::from(place).checked_sub(1)?)
}

const INDEX_LEN: usize = 6500;

/// Place in [`AUDITS`] plus one, by event id.
static INDEX: [u8; INDEX_LEN] = index();

const fn index() -> [u8; INDEX_LEN] {
    let mut index = [0; INDEX_LEN];
    let mut place = 0;
    while place < AUDITS.len() {
        index[AUDITS[place].id as usize] = place as u8 + 1;
        place += 1;
    }
    index
}

use Actor::{Account, Nobody, Subject, Target};
use Object::{Effective, Group, Nothing, User};

#[rustfmt::skip]
static AUDITS: &[Audit] = &[
    row(1100, "logging-service-shutdown", &["process"], &["end"], Nobody, Nothing),
    row(1101, "logging-events-dropped", &["iam"], &["admin"], Nobody, Nothing),
    row(1102, "audit-log-cleared", &["iam"], &["admin", "change"], Subject, Nothing),
    row(1104, "logging-full", &["iam"], &["admin"], Nobody, Nothing),
    row(1105, "auditlog-archieved", &["iam"], &["admin"], Nobody, Nothing),
    row(1108, "logging-processing-error", &["iam"], &["admin"], Nobody, Nothing),
    row(4608, "system-started", &["host"], &["start"], Nobody, Nothing),
    row(4609, "system-shutdown", &["host"], &["end"], Nobody, Nothing),
    row(4610, "authentication-package-loaded", &["configuration"], &["access"], Nobody, Nothing),
    row(4611, "trusted-logon-process-registered", &["configuration"], &["change"], Subject, Nothing),
    row(4612, "audit-messages-lost", &["iam"], &["admin"], Nobody, Nothing),
    row(4614, "notification-package-loaded", &["configuration"], &["access"], Nobody, Nothing),
    row(4615, "lpc-port-misused", &["process"], &["info"], Subject, Nothing),
    row(4616, "system-time-changed", &["configuration"], &["change"], Subject, Nothing),
    row(4618, "monitored-event-pattern", &["iam"], &["info"], Nobody, Nothing),
    row(4621, "system-recovered-from-crash", &["host"], &["change"], Nobody, Nothing),
    row(4622, "security-package-loaded", &["configuration"], &["access"], Nobody, Nothing),
    row(4624, "logged-in", &["authentication"], &["start"], Target, Nothing),
    row(4625, "logon-failed", &["authentication"], &["start"], Target, Nothing),
    row(4626, "user-claims", &["authentication"], &["info"], Target, Nothing),
    row(4627, "group-membership", &["iam"], &["info"], Target, Nothing),
    row(4634, "logged-out", &["authentication"], &["end"], Target, Nothing),
    row(4646, "ike-dos-prevention", &["network"], &["info"], Nobody, Nothing),
    row(4647, "logged-out", &["authentication"], &["end"], Target, Nothing),
    row(4648, "logged-in-explicit", &["authentication"], &["start"], Subject, Effective),
    row(4649, "replay-attack-detected", &["authentication"], &["info"], Subject, Nothing),
    row(4656, "object-handle-requested", &["iam"], &["access"], Subject, Nothing),
    row(4657, "registry-value-modified", &["registry", "configuration"], &["change"], Subject, Nothing),
    row(4658, "object-handle-closed", &["iam"], &["info"], Subject, Nothing),
    row(4659, "object-delete-handle-requested", &["iam"], &["access"], Subject, Nothing),
    row(4660, "object-deleted", &["iam"], &["deletion"], Subject, Nothing),
    row(4661, "object-handle-requested", &["iam"], &["access"], Subject, Nothing),
    row(4662, "object-operation-performed", &["iam"], &["access"], Subject, Nothing),
    row(4663, "object-access-attempted", &["iam"], &["access"], Subject, Nothing),
    row(4664, "hard-link-created", &["file"], &["creation"], Subject, Nothing),
    row(4670, "permissions-changed", &["iam", "configuration"], &["admin", "change"], Subject, User),
    row(4672, "logged-in-special", &["iam"], &["admin"], Subject, Nothing),
    row(4673, "privileged-service-called", &["iam"], &["admin"], Subject, Nothing),
    row(4674, "privileged-operation", &["iam"], &["admin"], Subject, Nothing),
    row(4675, "sids-filtered", &["authentication"], &["info"], Target, Nothing),
    row(4688, "created-process", &["process"], &["start"], Subject, Effective),
    row(4689, "exited-process", &["process"], &["end"], Subject, Nothing),
    row(4690, "object-handle-duplicated", &["process"], &["info"], Subject, Nothing),
    row(4691, "indirect-object-access", &["process"], &["access"], Subject, Nothing),
    row(4692, "dpapi-master-key-backup", &["iam"], &["info"], Subject, Nothing),
    row(4693, "dpapi-master-key-recovery", &["iam"], &["info"], Subject, Nothing),
    row(4694, "dpapi-data-protected", &["iam"], &["info"], Subject, Nothing),
    row(4695, "dpapi-data-unprotected", &["iam"], &["info"], Subject, Nothing),
    row(4696, "primary-token-assigned", &["process"], &["change"], Subject, User),
    row(4697, "service-installed", &["iam", "configuration"], &["admin", "change"], Subject, Nothing),
    row(4698, "scheduled-task-created", &["iam", "configuration"], &["creation", "admin"], Subject, Nothing),
    row(4699, "scheduled-task-deleted", &["iam", "configuration"], &["deletion", "admin"], Subject, Nothing),
    row(4700, "scheduled-task-enabled", &["iam", "configuration"], &["change", "admin"], Subject, Nothing),
    row(4701, "scheduled-task-disabled", &["iam", "configuration"], &["change", "admin"], Subject, Nothing),
    row(4702, "scheduled-task-updated", &["iam", "configuration"], &["change", "admin"], Subject, Nothing),
    row(4703, "user-rights-adjusted", &["iam"], &["admin", "change"], Subject, User),
    row(4704, "user-rights-assigned", &["iam"], &["admin", "change"], Subject, User),
    row(4705, "user-rights-removed", &["iam"], &["admin", "change"], Subject, User),
    row(4706, "domain-trust-added", &["configuration"], &["creation"], Subject, Nothing),
    row(4707, "domain-trust-removed", &["configuration"], &["deletion"], Subject, Nothing),
    row(4709, "ipsec-services-started", &["configuration"], &["start"], Nobody, Nothing),
    row(4710, "ipsec-services-disabled", &["configuration"], &["end"], Nobody, Nothing),
    row(4713, "kerberos-policy-changed", &["configuration"], &["change"], Subject, Nothing),
    row(4714, "encrypted-data-recovery-policy-changed", &["configuration"], &["change"], Subject, Nothing),
    row(4715, "object-audit-policy-changed", &["configuration"], &["change"], Subject, Nothing),
    row(4716, "trusted-domain-information-changed", &["configuration"], &["change"], Subject, Nothing),
    row(4717, "system-security-access-granted", &["iam", "configuration"], &["admin", "change"], Subject, Nothing),
    row(4718, "system-security-access-removed", &["iam", "configuration"], &["admin", "deletion"], Subject, Nothing),
    row(4719, "changed-audit-config", &["iam", "configuration"], &["admin", "change"], Subject, Nothing),
    row(4720, "added-user-account", &["iam"], &["user", "creation"], Subject, User),
    row(4722, "enabled-user-account", &["iam"], &["user", "change"], Subject, User),
    row(4723, "changed-password", &["iam"], &["user", "change"], Subject, User),
    row(4724, "reset-password", &["iam"], &["user", "change"], Subject, User),
    row(4725, "disabled-user-account", &["iam"], &["user", "deletion"], Subject, User),
    row(4726, "deleted-user-account", &["iam"], &["user", "deletion"], Subject, User),
    row(4727, "added-group-account", &["iam"], &["group", "creation"], Subject, Group),
    row(4728, "added-member-to-group", &["iam"], &["group", "change"], Subject, Group),
    row(4729, "removed-member-from-group", &["iam"], &["group", "change"], Subject, Group),
    row(4730, "deleted-group-account", &["iam"], &["group", "deletion"], Subject, Group),
    row(4731, "added-group-account", &["iam"], &["group", "creation"], Subject, Group),
    row(4732, "added-member-to-group", &["iam"], &["group", "change"], Subject, Group),
    row(4733, "removed-member-from-group", &["iam"], &["group", "change"], Subject, Group),
    row(4734, "deleted-group-account", &["iam"], &["group", "deletion"], Subject, Group),
    row(4735, "modified-group-account", &["iam"], &["group", "change"], Subject, Group),
    row(4737, "modified-group-account", &["iam"], &["group", "change"], Subject, Group),
    row(4738, "modified-user-account", &["iam"], &["user", "change"], Subject, User),
    row(4739, "domain-policy-changed", &["configuration"], &["change"], Subject, Nothing),
    row(4740, "locked-out-user-account", &["iam"], &["user", "change"], Subject, User),
    row(4741, "added-computer-account", &["iam"], &["creation", "admin"], Subject, Nothing),
    row(4742, "changed-computer-account", &["iam"], &["change", "admin"], Subject, Nothing),
    row(4743, "deleted-computer-account", &["iam"], &["deletion", "admin"], Subject, Nothing),
    row(4744, "added-distribution-group-account", &["iam"], &["group", "creation"], Subject, Group),
    row(4745, "changed-distribution-group-account", &["iam"], &["group", "change"], Subject, Group),
    row(4746, "added-member-to-distribution-group", &["iam"], &["group", "change"], Subject, Group),
    row(4747, "removed-member-from-distribution-group", &["iam"], &["group", "change"], Subject, Group),
    row(4748, "deleted-distribution-group-account", &["iam"], &["group", "deletion"], Subject, Group),
    row(4749, "added-distribution-group-account", &["iam"], &["group", "creation"], Subject, Group),
    row(4750, "changed-distribution-group-account", &["iam"], &["group", "change"], Subject, Group),
    row(4751, "added-member-to-distribution-group", &["iam"], &["group", "change"], Subject, Group),
    row(4752, "removed-member-from-distribution-group", &["iam"], &["group", "change"], Subject, Group),
    row(4753, "deleted-distribution-group-account", &["iam"], &["group", "deletion"], Subject, Group),
    row(4754, "added-group-account", &["iam"], &["group", "creation"], Subject, Group),
    row(4755, "modified-group-account", &["iam"], &["group", "change"], Subject, Group),
    row(4756, "added-member-to-group", &["iam"], &["group", "change"], Subject, Group),
    row(4757, "removed-member-from-group", &["iam"], &["group", "change"], Subject, Group),
    row(4758, "deleted-group-account", &["iam"], &["group", "deletion"], Subject, Group),
    row(4759, "added-distribution-group-account", &["iam"], &["group", "creation"], Subject, Group),
    row(4760, "changed-distribution-group-account", &["iam"], &["group", "change"], Subject, Group),
    row(4761, "added-member-to-distribution-group", &["iam"], &["group", "change"], Subject, Group),
    row(4762, "removed-member-from-distribution-group", &["iam"], &["group", "change"], Subject, Group),
    row(4763, "deleted-distribution-group-account", &["iam"], &["group", "deletion"], Subject, Group),
    row(4764, "type-changed-group-account", &["iam"], &["group", "change"], Subject, Group),
    row(4765, "sid-history-added", &["iam"], &["user", "change"], Subject, User),
    row(4766, "sid-history-add-failed", &["iam"], &["user", "change"], Subject, User),
    row(4767, "unlocked-user-account", &["iam"], &["user", "change"], Subject, User),
    row(4768, "kerberos-authentication-ticket-requested", &["authentication"], &["start"], Target, Nothing),
    row(4769, "kerberos-service-ticket-requested", &["authentication"], &["start"], Target, Nothing),
    row(4770, "kerberos-service-ticket-renewed", &["authentication"], &["start"], Target, Nothing),
    row(4771, "kerberos-preauth-failed", &["authentication"], &["start"], Target, Nothing),
    row(4772, "kerberos-authentication-ticket-request-failed", &["authentication"], &["start"], Target, Nothing),
    row(4773, "kerberos-service-ticket-request-failed", &["authentication"], &["start"], Target, Nothing),
    row(4774, "account-mapped-for-logon", &["authentication"], &["start"], Target, Nothing),
    row(4775, "account-mapping-failed", &["authentication"], &["start"], Target, Nothing),
    row(4776, "credential-validated", &["authentication"], &["start"], Target, Nothing),
    row(4777, "credential-validation-failed", &["authentication"], &["start"], Target, Nothing),
    row(4778, "session-reconnected", &["authentication", "session"], &["start"], Account, Nothing),
    row(4779, "session-disconnected", &["authentication", "session"], &["end"], Account, Nothing),
    row(4780, "administrators-acl-set", &["iam"], &["user", "change"], Subject, User),
    row(4781, "renamed-user-account", &["iam"], &["user", "change"], Subject, Nothing),
    row(4782, "password-hash-accessed", &["iam"], &["user", "access"], Subject, User),
    row(4783, "added-application-group", &["iam"], &["group", "creation"], Subject, Group),
    row(4784, "changed-application-group", &["iam"], &["group", "change"], Subject, Group),
    row(4785, "added-member-to-application-group", &["iam"], &["group", "change"], Subject, Group),
    row(4786, "removed-member-from-application-group", &["iam"], &["group", "change"], Subject, Group),
    row(4789, "deleted-application-group", &["iam"], &["group", "deletion"], Subject, Group),
    row(4793, "password-policy-checked", &["iam"], &["user", "info"], Subject, Nothing),
    row(4794, "directory-services-restore-mode-password-set", &["iam"], &["user", "change"], Subject, Nothing),
    row(4797, "query-existence-of-blank-password", &["iam"], &["user", "info"], Subject, User),
    row(4798, "group-membership-enumerated", &["iam"], &["user", "info"], Subject, User),
    row(4799, "user-member-enumerated", &["iam"], &["group", "info"], Subject, Group),
    row(4800, "workstation-locked", &["authentication", "session"], &["info"], Target, Nothing),
    row(4801, "workstation-unlocked", &["authentication", "session"], &["info"], Target, Nothing),
    row(4802, "screensaver-invoked", &["session"], &["info"], Target, Nothing),
    row(4803, "screensaver-dismissed", &["session"], &["info"], Target, Nothing),
    row(4817, "object-audit-changed", &["iam", "configuration"], &["admin", "change"], Subject, User),
    row(4820, "kerberos-ticket-denied-by-policy", &["authentication"], &["start"], Target, Nothing),
    row(4821, "kerberos-service-ticket-denied-by-policy", &["authentication"], &["start"], Target, Nothing),
    row(4825, "remote-desktop-access-denied", &["authentication", "session"], &["denied"], Account, Nothing),
    row(4886, "certificate-requested", &["iam"], &["info"], Nobody, Nothing),
    row(4887, "certificate-issued", &["iam"], &["creation"], Nobody, Nothing),
    row(4888, "certificate-request-denied", &["iam"], &["denied"], Nobody, Nothing),
    row(4890, "certificate-manager-settings-changed", &["configuration"], &["change"], Nobody, Nothing),
    row(4898, "certificate-template-loaded", &["configuration"], &["info"], Nobody, Nothing),
    row(4902, "user-audit-policy-created", &["iam", "configuration"], &["admin", "creation"], Nobody, Nothing),
    row(4904, "security-event-source-added", &["iam", "configuration"], &["admin", "change"], Subject, Nothing),
    row(4905, "security-event-source-removed", &["iam", "configuration"], &["admin", "deletion"], Subject, Nothing),
    row(4906, "crash-on-audit-changed", &["iam", "configuration"], &["admin", "change"], Nobody, Nothing),
    row(4907, "audit-setting-changed", &["iam", "configuration"], &["admin", "change"], Subject, User),
    row(4908, "special-group-table-changed", &["iam", "configuration"], &["admin", "change"], Nobody, Nothing),
    row(4911, "resource-attributes-changed", &["iam", "configuration"], &["change"], Subject, Nothing),
    row(4912, "per-user-audit-policy-changed", &["iam", "configuration"], &["admin", "change"], Subject, Nothing),
    row(4913, "central-access-policy-changed", &["iam", "configuration"], &["change"], Subject, Nothing),
    row(4944, "windows-firewall-policy-active", &["configuration"], &["info"], Nobody, Nothing),
    row(4945, "windows-firewall-rule-listed", &["configuration"], &["info"], Nobody, Nothing),
    row(4946, "windows-firewall-rule-added", &["configuration"], &["creation"], Nobody, Nothing),
    row(4947, "windows-firewall-rule-modified", &["configuration"], &["change"], Nobody, Nothing),
    row(4948, "windows-firewall-rule-deleted", &["configuration"], &["deletion"], Nobody, Nothing),
    row(4949, "windows-firewall-settings-restored", &["configuration"], &["change"], Nobody, Nothing),
    row(4950, "windows-firewall-setting-changed", &["configuration"], &["change"], Nobody, Nothing),
    row(4953, "windows-firewall-rule-ignored", &["configuration"], &["info"], Nobody, Nothing),
    row(4954, "windows-firewall-group-policy-changed", &["configuration"], &["change"], Nobody, Nothing),
    row(4956, "windows-firewall-profile-changed", &["configuration"], &["change"], Nobody, Nothing),
    row(4957, "windows-firewall-rule-not-applied", &["configuration"], &["info"], Nobody, Nothing),
    row(4964, "logged-in-special", &["iam"], &["admin", "group"], Target, Nothing),
    row(4985, "transaction-state-changed", &["file"], &["change"], Subject, Nothing),
    row(5024, "windows-firewall-service-started", &["process"], &["start"], Nobody, Nothing),
    row(5025, "windows-firewall-service-stopped", &["process"], &["end"], Nobody, Nothing),
    row(5027, "windows-firewall-policy-unavailable", &["configuration"], &["error"], Nobody, Nothing),
    row(5028, "windows-firewall-policy-unparsed", &["configuration"], &["error"], Nobody, Nothing),
    row(5030, "windows-firewall-service-failed", &["process"], &["error"], Nobody, Nothing),
    row(5031, "windows-firewall-application-blocked", &["network"], &["denied"], Nobody, Nothing),
    row(5033, "windows-firewall-driver-started", &["driver"], &["start"], Nobody, Nothing),
    row(5034, "windows-firewall-driver-stopped", &["driver"], &["end"], Nobody, Nothing),
    row(5035, "windows-firewall-driver-failed", &["driver"], &["error"], Nobody, Nothing),
    row(5037, "windows-firewall-driver-error", &["driver"], &["end"], Nobody, Nothing),
    row(5038, "code-integrity-invalid-image", &["process"], &["error"], Nobody, Nothing),
    row(5058, "key-file-operation", &["iam"], &["access"], Subject, Nothing),
    row(5059, "key-migration-operation", &["iam"], &["access"], Subject, Nothing),
    row(5061, "cryptographic-operation", &["iam"], &["access"], Subject, Nothing),
    row(5136, "directory-object-modified", &["iam"], &["change"], Subject, Nothing),
    row(5137, "directory-object-created", &["iam"], &["creation"], Subject, Nothing),
    row(5138, "directory-object-undeleted", &["iam"], &["creation"], Subject, Nothing),
    row(5139, "directory-object-moved", &["iam"], &["change"], Subject, Nothing),
    row(5140, "network-share-object-accessed", &["network", "file"], &["info", "access"], Subject, Nothing),
    row(5141, "directory-object-deleted", &["iam"], &["deletion"], Subject, Nothing),
    row(5142, "network-share-object-added", &["network", "file"], &["creation"], Subject, Nothing),
    row(5143, "network-share-object-modified", &["network", "file"], &["change"], Subject, Nothing),
    row(5144, "network-share-object-deleted", &["network", "file"], &["deletion"], Subject, Nothing),
    row(5145, "network-share-object-access-checked", &["network", "file"], &["info", "access"], Subject, Nothing),
    row(5146, "packet-blocked", &["network"], &["denied"], Nobody, Nothing),
    row(5147, "packet-blocked", &["network"], &["denied"], Nobody, Nothing),
    row(5148, "denial-of-service-attack-detected", &["network"], &["info"], Nobody, Nothing),
    row(5149, "denial-of-service-attack-ended", &["network"], &["info"], Nobody, Nothing),
    row(5150, "packet-blocked", &["network"], &["denied"], Nobody, Nothing),
    row(5151, "packet-blocked", &["network"], &["denied"], Nobody, Nothing),
    row(5152, "packet-blocked", &["network"], &["denied"], Nobody, Nothing),
    row(5153, "packet-blocked", &["network"], &["denied"], Nobody, Nothing),
    row(5154, "listen-permitted", &["network"], &["info", "allowed"], Nobody, Nothing),
    row(5155, "listen-blocked", &["network"], &["denied"], Nobody, Nothing),
    row(5156, "connection-permitted", &["network"], &["connection", "allowed"], Nobody, Nothing),
    row(5157, "connection-blocked", &["network"], &["connection", "denied"], Nobody, Nothing),
    row(5158, "bind-permitted", &["network"], &["info", "allowed"], Nobody, Nothing),
    row(5159, "bind-blocked", &["network"], &["denied"], Nobody, Nothing),
    row(5168, "spn-check-failed", &["authentication"], &["denied"], Subject, Nothing),
    row(5376, "credential-manager-credentials-backed-up", &["iam"], &["user", "info"], Subject, Nothing),
    row(5377, "credential-manager-credentials-restored", &["iam"], &["user", "change"], Subject, Nothing),
    row(5378, "credentials-delegation-disallowed", &["authentication"], &["denied"], Subject, Nothing),
    row(5379, "credential-manager-credentials-were-read", &["iam"], &["user", "info"], Subject, Nothing),
    row(5380, "vault-credential-find", &["iam"], &["user", "info"], Subject, Nothing),
    row(5381, "vault-credentials-were-read", &["iam"], &["user", "info"], Subject, Nothing),
    row(5382, "vault-credentials-were-read", &["iam"], &["user", "info"], Subject, Nothing),
    row(5632, "wireless-authentication-requested", &["authentication"], &["start"], Subject, Nothing),
    row(5633, "wired-authentication-requested", &["authentication"], &["start"], Subject, Nothing),
    row(6272, "network-policy-server-granted-access", &["authentication"], &["start", "allowed"], Subject, Nothing),
    row(6273, "network-policy-server-denied-access", &["authentication"], &["start", "denied"], Subject, Nothing),
    row(6274, "network-policy-server-discarded-request", &["authentication"], &["info"], Subject, Nothing),
    row(6275, "network-policy-server-discarded-accounting", &["authentication"], &["info"], Subject, Nothing),
    row(6276, "network-policy-server-quarantined-user", &["authentication"], &["info"], Subject, Nothing),
    row(6277, "network-policy-server-granted-probation", &["authentication"], &["start", "allowed"], Subject, Nothing),
    row(6278, "network-policy-server-granted-full-access", &["authentication"], &["start", "allowed"], Subject, Nothing),
    row(6279, "network-policy-server-locked-account", &["iam"], &["user", "change"], Subject, Nothing),
    row(6280, "network-policy-server-unlocked-account", &["iam"], &["user", "change"], Subject, Nothing),
    row(6416, "external-device-recognized", &["host"], &["device"], Subject, Nothing),
    row(6419, "device-disable-requested", &["host"], &["device"], Subject, Nothing),
    row(6420, "device-disabled", &["host"], &["device"], Subject, Nothing),
    row(6421, "device-enable-requested", &["host"], &["device"], Subject, Nothing),
    row(6422, "device-enabled", &["host"], &["device"], Subject, Nothing),
    row(6423, "device-installation-forbidden", &["host"], &["device", "denied"], Subject, Nothing),
    row(6424, "device-installation-allowed", &["host"], &["device", "allowed"], Subject, Nothing),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_found_once() {
        assert!(AUDITS.len() < 255 && AUDITS.is_sorted_by(|a, b| a.id < b.id));
        for audit in AUDITS {
            assert_eq!(find(u32::from(audit.id)).map(|found| found.action), Some(audit.action));
        }
        assert!(find(0).is_none() && find(4623).is_none() && find(u32::MAX).is_none());
    }
}
