//! The findings in words: a sentence in French and in English, and the command that mends it.

use std::path::Path;

use crate::domain::money::euros;
use crate::domain::refusal::Language;
use crate::domain::spoken::sentence;
use crate::terminal::local_time::day;
use crate::terminal::verbs::say;
use crate::uplink::Unreachable;

use super::finding::{FileSystem, Finding, Measure};

/// A finding, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Words {
    /// What is wrong, and what comes of it.
    pub sentence: String,
    /// What to type; nothing where no command mends it, and the sentence says what does.
    pub mend: Option<String>,
}

/// `finding` in `language`, about the terminal in `data`.
pub fn words(finding: &Finding, data: &Path, language: Language) -> Words {
    let (french, english, mend) = spoken(finding, data);
    Words { sentence: say(language, &french, &english), mend }
}

/// In French, in English, and what to type.
type Told = (String, String, Option<String>);

fn told(french: impl Into<String>, english: impl Into<String>, mend: impl Into<String>) -> Told {
    let mend = mend.into();
    (french.into(), english.into(), (!mend.is_empty()).then_some(mend))
}

/// One line for each finding: it is read as a table.
fn spoken(finding: &Finding, data: &Path) -> Told {
    match finding {
        Finding::DirectoryMissing(path) => told(
            format!("Le dossier du terminal {} n'existe pas : vérifiez --data ou la clé data.", path.display()),
            format!("The terminal's directory {} is not there: check --data or the key data.", path.display()),
            "",
        ),
        Finding::NotReadable(path) => told(
            format!("Vous ne pouvez pas lire {} : demandez au nom de l'utilisateur du terminal.", path.display()),
            format!("You cannot read {}: ask as the terminal's user.", path.display()),
            format!("sudo -u \"$(stat -c %U '{0}')\" pass-terminal doctor --data '{0}'", data.display()),
        ),
        Finding::WritableByOthers(path) => told(
            format!("D'autres que l'utilisateur du terminal peuvent modifier {}.", path.display()),
            format!("Others than the terminal's user can change {}.", path.display()),
            format!("sudo chmod go-w '{}'", path.display()),
        ),
        Finding::OtherOwner(path) => told(
            format!(
                "{} n'appartient pas à l'utilisateur du terminal : le service ne pourra pas s'en servir.",
                path.display()
            ),
            format!(
                "{} does not belong to the terminal's user: the service will not be able to use it.",
                path.display()
            ),
            format!("sudo chown -R --reference='{0}' '{0}'", data.display()),
        ),
        Finding::KeyExposed(path) => told(
            format!("D'autres peuvent lire la clé privée {} : le terminal ne s'en sert pas.", path.display()),
            format!("Others can read the private key {}: the terminal does not use it.", path.display()),
            format!("sudo chmod 600 '{}'", path.display()),
        ),
        Finding::KeyUnusable(why) => told(
            format!(
                "Une clé du terminal manque ou est abîmée ({why}) : elle n'existe qu'ici, il faut un nouveau terminal."
            ),
            format!(
                "A key of the terminal is missing or damaged ({why}): it is nowhere else, so a new terminal is needed."
            ),
            "pass-region terminal add --partner PARTNER --replaces TERMINAL",
        ),
        Finding::LedgerUnusable(why) => told(
            format!("Le journal ne peut pas être ouvert, et rien n'y a été changé : {why}."),
            format!("The ledger cannot be opened, and nothing of it was changed: {why}."),
            "",
        ),
        Finding::LedgerDamaged(why) => told(
            format!("Le journal n'est pas intact : {why}. Ne vendez plus avec ce terminal et appelez le support."),
            format!("The ledger is not intact: {why}. Sell nothing with this terminal and call support."),
            with_data("verify", data),
        ),
        Finding::LedgerBehind => told(
            "Le journal est une ancienne copie : un échange avec la région le remet à jour.",
            "The ledger is an old copy: an exchange with the region brings it up to date.",
            with_data("sync", data),
        ),
        Finding::NotEnrolled => told(
            "Ce terminal n'est pas inscrit : demandez un code à la région.",
            "This terminal is not enrolled: ask the region for a code.",
            with_data("enrol --region URL --code CODE", data),
        ),
        Finding::DiskFull(free) => told(
            format!(
                "Le disque est plein ou presque (reste {}) : rien ne se vend sans place pour l'écrire.",
                size(*free)
            ),
            format!("The disk is full, or almost ({} left): nothing is sold that cannot be written.", size(*free)),
            "sudo journalctl --vacuum-size=50M && sudo apt-get clean",
        ),
        Finding::DiskLow(free) => told(
            format!(
                "Le disque se remplit (reste {}) : faites de la place avant qu'il n'arrête les ventes.",
                size(*free)
            ),
            format!("The disk is filling up ({} left): make room before it stops the sales.", size(*free)),
            "sudo journalctl --vacuum-size=50M && sudo apt-get clean",
        ),
        Finding::FileSystem(kind) => file_system(*kind, data),
        Finding::ReaderServiceAbsent => told(
            "Le service des lecteurs (pcscd) n'est pas installé ou ne tourne pas.",
            "The service of card readers (pcscd) is not installed or does not run.",
            "sudo apt-get install pcscd libccid && sudo systemctl enable --now pcscd.socket",
        ),
        Finding::ReaderServiceRefused => told(
            "Le service des lecteurs (pcscd) vous refuse : la règle polkit du terminal manque, ou vous n'êtes pas son utilisateur.",
            "The service of card readers (pcscd) refuses you: the terminal's polkit rule is missing, or you are not its user.",
            "sudo apt-get install --reinstall pass-terminal && sudo -u pass-terminal pass-terminal doctor",
        ),
        Finding::ReaderServiceFrozen => told(
            "Le service des lecteurs (pcscd) ne répond plus.",
            "The service of card readers (pcscd) does not answer any more.",
            "sudo systemctl restart pcscd",
        ),
        Finding::ReaderServiceFails(why) => told(
            format!("Le service des lecteurs (pcscd) est en panne ({why})."),
            format!("The service of card readers (pcscd) fails ({why})."),
            "sudo systemctl restart pcscd && journalctl -u pcscd -n 20",
        ),
        Finding::ReaderHeldByKernel => told(
            "Le noyau tient le lecteur (module pn533_usb), comme il le fait d'un ACR122U : pcscd ne peut pas le prendre.",
            "The kernel holds the reader (module pn533_usb), as it does an ACR122U: pcscd cannot take it.",
            "printf 'blacklist pn533_usb\\nblacklist pn533\\nblacklist nfc\\n' | sudo tee /etc/modprobe.d/pass-terminal.conf && sudo modprobe -r pn533_usb",
        ),
        Finding::ReaderOther { wanted } => told(
            format!(
                "Aucun lecteur branché n'a « {wanted} » dans son nom : corrigez la clé reader ou branchez ce lecteur."
            ),
            format!(
                "No reader that is plugged in has “{wanted}” in its name: mend the key reader, or plug that reader in."
            ),
            "sudo editor /etc/pass-terminal/terminal.toml   # reader",
        ),
        Finding::CardHeld(reader) => told(
            format!("Un autre programme garde la carte du lecteur {reader} pour lui : fermez-le."),
            format!("Another program keeps the card in the reader {reader} to itself: close it."),
            "sudo fuser -v /run/pcscd/pcscd.comm",
        ),
        Finding::ReaderAbsent => told(
            "Aucun lecteur de cartes n'est branché, ou son pilote manque.",
            "No card reader is plugged in, or its driver is missing.",
            "lsusb && sudo apt-get install libccid libacsccid1",
        ),
        Finding::ClockBehind(seconds) => told(
            format!(
                "L'horloge retarde de {} sur ce que ce terminal a déjà signé : il ne vend pas à une heure passée.",
                span(*seconds, Language::French)
            ),
            format!(
                "The clock is {} behind what this terminal has signed already: it does not sell in the past.",
                span(*seconds, Language::English)
            ),
            "sudo timedatectl set-ntp true && timedatectl",
        ),
        Finding::ClockOff(seconds) => {
            let (french, english) = if *seconds > 0 { ("avance", "fast") } else { ("retarde", "slow") };
            let apart = u32::try_from(seconds.unsigned_abs()).unwrap_or(u32::MAX);
            told(
                format!("L'horloge {french} de {} sur celle de la région.", span(apart, Language::French)),
                format!("The clock is {} {english} against the region's.", span(apart, Language::English)),
                "sudo timedatectl set-ntp true && timedatectl",
            )
        }
        Finding::ClockNotSynchronised => told(
            "L'horloge n'est pas synchronisée : elle finira par être fausse.",
            "The clock is not synchronised: it will be wrong one day.",
            "sudo timedatectl set-ntp true",
        ),
        Finding::CertificateEnded => told(
            "L'autorisation du terminal pour cette saison est finie ou n'est pas arrivée : un échange avec la région la renouvelle.",
            "The terminal's authorisation for this season has ended or has not arrived: an exchange with the region renews it.",
            with_data("sync", data),
        ),
        Finding::CertificateEnds(at) => told(
            format!(
                "L'autorisation du terminal finit le {} : sans échange avec la région d'ici là, il ne vendra plus.",
                day(*at, Language::French)
            ),
            format!(
                "The terminal's authorisation ends on {}: without an exchange with the region until then it sells no more.",
                day(*at, Language::English)
            ),
            with_data("sync", data),
        ),
        Finding::VersionBehind { required, overdue } => {
            let version = required.version;
            let [au, by] = [Language::French, Language::English].map(|language| day(required.by, language));
            let (french, english) = if *overdue { ("Il fallait", "was needed") } else { ("Il faut", "is needed") };
            told(
                format!("{french} la version {version} du terminal avant le {au} ; celle-ci est plus ancienne."),
                format!("Version {version} of the terminal {english} before {by}; this one is older."),
                format!("sudo apt-get install ./pass-terminal_{version}_$(dpkg --print-architecture).deb"),
            )
        }
        Finding::RegionUnset => told(
            "Aucune région n'est configurée : les ventes ne partent pas, et le terminal s'arrêtera à ses limites.",
            "No region is set up: sales do not leave, and the terminal will stop at its limits.",
            "sudo editor /etc/pass-terminal/terminal.toml   # region = \"https://...\"",
        ),
        Finding::Region { url, why } => region(url, why),
        Finding::Exposure { measure, value, hard, reached } => exposure(*measure, *value, *hard, *reached, data),
        Finding::PrinterAbsent(why) => told(
            format!(
                "L'imprimante ne répond pas : allumez-la, vérifiez son câble et l'adresse de la configuration ({why})."
            ),
            format!(
                "The printer does not answer: switch it on, check its cable and the address in the configuration ({why})."
            ),
            "",
        ),
        Finding::PrinterFails(why) => told(
            format!("Le dernier reçu n'a pas été imprimé : vérifiez le papier et le capot ({why})."),
            format!("The newest receipt was not printed: check paper and cover ({why})."),
            with_data("receipt print ENTRY", data),
        ),
        Finding::BankTerminalAbsent(why) => told(
            format!(
                "Le TPE ne répond pas : allumez-le, terminez ce qu'il affiche, vérifiez son câble et son adresse ({why})."
            ),
            format!(
                "The bank terminal does not answer: switch it on, end what it shows, check its cable and its address ({why})."
            ),
            with_data("payment test", data),
        ),
        Finding::BankTerminalOther(why) => told(
            format!(
                "Ce qui répond n'est pas un TPE réglé en Caisse-AP sur IP : demandez le réglage à sa banque ({why})."
            ),
            format!("What answers is no bank terminal set to Caisse-AP over IP: ask its bank for the setting ({why})."),
            with_data("payment test", data),
        ),
        Finding::DaemonAbsent => told(
            "Le service du terminal ne tourne pas : rien ne se vend.",
            "The terminal's service is not running: nothing is sold.",
            "sudo systemctl restart pass-terminal && systemctl status pass-terminal",
        ),
        Finding::DaemonRefused(socket) => told(
            format!(
                "Vous n'avez pas le droit de parler au service par {} : il faut être du groupe pass-terminal.",
                socket.display()
            ),
            format!(
                "You may not speak to the service through {}: that takes the group pass-terminal.",
                socket.display()
            ),
            "sudo adduser \"$USER\" pass-terminal",
        ),
        Finding::DaemonSilent(why) => told(
            format!("Le service du terminal tourne et ne répond pas ({why})."),
            format!("The terminal's service runs and does not answer ({why})."),
            "sudo systemctl restart pass-terminal",
        ),
        Finding::NotSelling(refusal) => {
            let said = |language| format!("{} {}", refusal.sentence(language), refusal.next_step(language));
            told(said(Language::French), said(Language::English), "")
        }
    }
}

fn file_system(kind: FileSystem, data: &Path) -> Told {
    let (french, english) = match kind {
        FileSystem::Network => {
            ("est sur le réseau : ses verrous n'y valent rien", "is on the network: its locks mean nothing there")
        }
        FileSystem::Memory => {
            ("est en mémoire : il disparaît avec le courant", "is in memory: it is gone with the power")
        }
        FileSystem::Overlay => (
            "est dans une couche de conteneur : il disparaît avec elle",
            "is in a layer of a container: it is gone with it",
        ),
        FileSystem::Fat => (
            "est sur du FAT, qui ne garde ni propriétaires ni ordre",
            "is on FAT, which keeps neither owners nor order",
        ),
    };
    told(
        format!("Le journal {french}. Mettez-le sur un disque local (ext4, xfs, btrfs)."),
        format!("The ledger {english}. Put it on a local disk (ext4, xfs, btrfs)."),
        format!("findmnt --target '{}'", data.display()),
    )
}

fn region(url: &str, unreachable: &Unreachable) -> Told {
    let try_it = || format!("curl -I '{url}'");
    let (french, mend) = match unreachable {
        Unreachable::Settings(why) => (
            format!("L'adresse de la région ou le fichier d'autorités est faux ({why})."),
            "pass-terminal validate".to_owned(),
        ),
        Unreachable::Name { name, .. } => (
            format!("Le nom de la région, {name}, est introuvable : la ligne ou le DNS."),
            format!("getent hosts {name}"),
        ),
        Unreachable::Connection(name, why) => {
            (format!("La région ({name}) ne prend pas la connexion : la ligne ou un pare-feu ({why})."), try_it())
        }
        Unreachable::Proxy(proxy, why) => (
            format!("Le mandataire (proxy) {proxy} ne laisse pas passer vers la région ({why})."),
            "systemctl show pass-terminal --property=Environment   # HTTPS_PROXY, NO_PROXY".to_owned(),
        ),
        Unreachable::TlsTime(name) => (
            format!(
                "À l'heure de cette machine, le certificat de {name} n'est pas valable : l'horloge est fausse, ou la région doit le renouveler."
            ),
            "timedatectl".to_owned(),
        ),
        Unreachable::TlsName(name) => (
            format!(
                "Le certificat présenté n'est pas celui de {name} : l'adresse est fausse, ou la ligne est détournée."
            ),
            format!(
                "openssl s_client -connect {} -servername {name} </dev/null | openssl x509 -noout -subject -ext subjectAltName",
                host_and_port(url)
            ),
        ),
        Unreachable::TlsAuthority(name) => (
            format!(
                "Aucune autorité reconnue ici n'a signé le certificat de {name} : clé region-authorities, ou paquet ca-certificates."
            ),
            "sudo apt-get install ca-certificates && pass-terminal validate".to_owned(),
        ),
        Unreachable::Tls(name, why) => (format!("TLS avec {name} échoue ({why})."), String::new()),
        Unreachable::Slow(name) => {
            (format!("{name} ne répond pas à temps : la ligne est trop lente ou coupée."), try_it())
        }
        Unreachable::NotTheRegion(name, status) => (
            format!(
                "Autre chose que la région répond à {name} (HTTP {status}) : un portail du réseau, ou une adresse fausse."
            ),
            try_it(),
        ),
        Unreachable::Other(name, why) => (format!("La ligne vers {name} est en panne ({why})."), String::new()),
    };
    told(french, sentence(&unreachable.to_string()), mend)
}

/// `region.example:443` of `https://region.example/`.
fn host_and_port(url: &str) -> String {
    let after = url.split_once("://").map_or(url, |(_, after)| after);
    let authority = after.split('/').next().unwrap_or(after);
    // Within the brackets of an IPv6 address a colon begins no port.
    let has_port = authority.rsplit(']').next().is_some_and(|end| end.contains(':'));
    if has_port { authority.to_owned() } else { format!("{authority}:443") }
}

fn exposure(measure: Measure, value: u64, hard: u64, reached: bool, data: &Path) -> Told {
    let (french, english) = match measure {
        Measure::Offline => (
            format!("Pas d'échange avec la région depuis {value} h (limite {hard} h)"),
            format!("No exchange with the region for {value} h (limit {hard} h)"),
        ),
        Measure::Entries => (
            format!("{value} écritures attendent la région (limite {hard})"),
            format!("{value} entries wait for the region (limit {hard})"),
        ),
        Measure::Cents => (
            format!(
                "{} attendent la région (limite {})",
                euros(value, Language::French),
                euros(hard, Language::French)
            ),
            format!(
                "{} wait for the region (limit {})",
                euros(value, Language::English),
                euros(hard, Language::English)
            ),
        ),
        Measure::DenyList => (
            format!("La liste d'opposition a {value} h (limite {hard} h)"),
            format!("The deny list is {value} h old (limit {hard} h)"),
        ),
    };
    let (after_french, after_english) = if reached {
        ("le terminal ne vend plus", "the terminal sells no more")
    } else {
        ("échangez bientôt", "exchange soon")
    };
    told(format!("{french} : {after_french}."), format!("{english}: {after_english}."), with_data("sync", data))
}

fn with_data(verb: &str, data: &Path) -> String {
    format!("pass-terminal {verb} --data '{}'", data.display())
}

fn size(bytes: u64) -> String {
    format!("{} MB", bytes / 1_000_000)
}

fn span(seconds: u32, language: Language) -> String {
    let day = match language {
        Language::French => "j",
        Language::English => "d",
    };
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / 60),
        7200..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} {day}", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_goes_where_the_terminal_goes() {
        let table = [
            ("https://region.example/", "region.example:443"),
            ("https://region.example:8443/pass/", "region.example:8443"),
            ("https://[2001:db8::7]/", "[2001:db8::7]:443"),
            ("https://[2001:db8::7]:8443", "[2001:db8::7]:8443"),
        ];
        for (url, expected) in table {
            assert_eq!(host_and_port(url), expected);
        }
        let url = "http://127.0.0.1:8085/".to_owned();
        let slow = Finding::Region { url, why: Unreachable::Slow("127.0.0.1".to_owned()) };
        let said = words(&slow, Path::new("/data"), Language::English);
        assert_eq!(said.mend.as_deref(), Some("curl -I 'http://127.0.0.1:8085/'"));
        assert_eq!(said.sentence, "127.0.0.1 does not answer in time.");
    }
}
