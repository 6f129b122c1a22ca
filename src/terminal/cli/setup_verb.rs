//! `setup`: asks an installer the few questions that only a person can answer, and writes the configuration: the shipped file, with its comments, and the answers in
//! their places. What was given as an option is not asked.

use std::io::{self, BufRead, Write};
use std::path::Path;

use super::super::config::{ConfigError, check};
use super::args::SetupArgs;
use super::{DaemonVerbs, Exit, Failure, Setup};
use crate::domain::refusal::Language;
use crate::printer::Connection;
use crate::uplink::Uplink;
use crate::whole_file::{self, PUBLIC};
use crate::wire::code::EnrolmentCode;

/// The file that is written, before the answers.
const SHIPPED: &str = include_str!("../../../config/terminal.toml");
/// The longest answer.
const ANSWER_BYTES_MAX: u64 = 4096;

/// What the installer said.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Answers {
    language: Language,
    region: String,
    code: Option<String>,
    printer: Option<String>,
}

/// One question: what it asks, and what an answer must be.
struct Question {
    french: &'static str,
    english: &'static str,
    /// What is right, when an answer is not.
    right: fn(&str, Language) -> Result<(), String>,
}

const LANGUAGE: Question = Question {
    french: "Langue des phrases, fr ou en [fr] : ",
    english: "Language of the sentences, fr or en [fr]: ",
    right: |answer, language| match answer {
        "" | "fr" | "en" => Ok(()),
        _ => Err(of(language, "Répondez fr ou en.", "Answer fr or en.")),
    },
};
const REGION: Question = Question {
    french: "Adresse de la région, https://... : ",
    english: "The region's address, https://...: ",
    right: |answer, language| match Uplink::new(answer, None) {
        Ok(_) => Ok(()),
        Err(_) => Err(of(
            language,
            "L'adresse d'une région s'écrit https://nom/.",
            "An address of a region is written https://name/.",
        )),
    },
};
const CODE: Question = Question {
    french: "Code d'inscription (vide : plus tard) : ",
    english: "Enrolment code (empty: later): ",
    right: |answer, language| match EnrolmentCode::parse(answer) {
        _ if answer.is_empty() => Ok(()),
        Ok(_) => Ok(()),
        Err(_) => Err(of(
            language,
            "Un code a sept groupes de cinq lettres ou chiffres : recopiez-le en entier.",
            "A code has seven groups of five letters or digits: copy the whole of it.",
        )),
    },
};
const PRINTER: Question = Question {
    french: "Imprimante, tcp:HÔTE:9100 ou /dev/usb/lp0 (vide : aucune) : ",
    english: "Printer, tcp:HOST:9100 or /dev/usb/lp0 (empty: none): ",
    right: |answer, language| match Connection::parse(answer) {
        _ if answer.is_empty() => Ok(()),
        Some(_) => Ok(()),
        None => Err(of(
            language,
            "Une imprimante est tcp:HÔTE:9100 ou un appareil comme /dev/usb/lp0.",
            "A printer is tcp:HOST:9100 or a device such as /dev/usb/lp0.",
        )),
    },
};

fn of(language: Language, french: &str, english: &str) -> String {
    match language {
        Language::French => french.to_owned(),
        Language::English => english.to_owned(),
    }
}

/// The verb. With a code the terminal is enrolled at once.
pub(super) fn setup(
    setup: &Setup,
    verbs: &dyn DaemonVerbs,
    args: &SetupArgs,
    config: &Path,
    out: &mut dyn Write,
) -> Result<Exit, Failure> {
    let language = setup.language;
    if config.exists() && !args.force {
        let french = format!("{} existe déjà : rien n'a été changé (--force le remplace).", config.display());
        let english = format!("{} is there already: nothing was changed (--force replaces it).", config.display());
        return Err(Failure::new(Exit::Config, of(language, &french, &english)));
    }
    let answers = ask(args, language, &mut io::stdin().lock(), &mut io::stderr())?;
    let data = setup.settings.data.to_str().unwrap_or_default();
    let text = written(SHIPPED, data, &answers);
    check(config, &text).map_err(|error: ConfigError| Failure::new(Exit::Internal, error.to_string()))?;
    let unwritten = |error: io::Error| Failure::new(Exit::Io, format!("{}: {error}", config.display()));
    whole_file::write(config, PUBLIC, text.as_bytes()).map_err(unwritten)?;
    if !setup.json {
        let (french, english) =
            (format!("{} est écrit.", config.display()), format!("{} is written.", config.display()));
        writeln!(out, "{}", of(language, &french, &english))?;
    }
    match &answers.code {
        Some(code) => verbs.enrol(setup, Some(&answers.region), code, out),
        None => {
            if setup.json {
                writeln!(out, "{}", serde_json::json!({ "written": config.display().to_string() }))?;
            }
            Ok(Exit::Done)
        }
    }
}

fn ask(args: &SetupArgs, language: Language, from: &mut dyn BufRead, to: &mut dyn Write) -> Result<Answers, Failure> {
    let mut one = |question: &Question, given: Option<&str>, language| answer(question, given, language, from, to);
    let spoken = one(&LANGUAGE, args.language.as_deref(), language)?;
    let language = if spoken == "en" { Language::English } else { Language::French };
    let some = |answer: String| (!answer.is_empty()).then_some(answer);
    Ok(Answers {
        language,
        region: one(&REGION, args.region.as_deref(), language)?,
        code: some(one(&CODE, args.code.as_deref(), language)?),
        printer: some(one(&PRINTER, args.printer.as_deref(), language)?),
    })
}

/// The answer that was given, which must be right, or one that is asked for until it is.
fn answer(
    question: &Question,
    given: Option<&str>,
    language: Language,
    from: &mut dyn BufRead,
    to: &mut dyn Write,
) -> Result<String, Failure> {
    if let Some(given) = given {
        let right = (question.right)(given, language);
        return right.map(|()| given.to_owned()).map_err(|right| Failure::new(Exit::Usage, right));
    }
    loop {
        write!(to, "{}", of(language, question.french, question.english))?;
        to.flush()?;
        let mut line = String::new();
        if io::Read::take(&mut *from, ANSWER_BYTES_MAX).read_line(&mut line)? == 0 {
            let french = "Il manque une réponse : rien n'a été écrit.";
            return Err(Failure::new(Exit::Usage, of(language, french, "An answer is missing: nothing was written.")));
        }
        match (question.right)(line.trim(), language) {
            Ok(()) => return Ok(line.trim().to_owned()),
            Err(right) => writeln!(to, "{right}")?,
        }
    }
}

/// `shipped` with the answers in their places.
fn written(shipped: &str, data: &str, answers: &Answers) -> String {
    let language = match answers.language {
        Language::French => "fr",
        Language::English => "en",
    };
    // The first line of each key, a comment or not, is its place.
    let mut places = vec![
        ("data", Some(data)),
        ("region", Some(answers.region.as_str())),
        ("language", Some(language)),
        ("connection", answers.printer.as_deref()),
    ];
    let mut text = String::new();
    for line in shipped.lines() {
        let bare = line.strip_prefix("# ").unwrap_or(line);
        let place = places.iter().position(|(key, _)| bare.starts_with(&format!("{key} = ")));
        match place.map(|place| places.remove(place)) {
            Some((key, Some(value))) => text.push_str(&format!("{key} = {}", quoted(value))),
            Some((_, None)) | None => text.push_str(line),
        }
        text.push('\n');
    }
    text
}

/// A string of TOML: what JSON escapes it escapes alike.
fn quoted(value: &str) -> String {
    serde_json::Value::from(value).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args() -> SetupArgs {
        SetupArgs { region: None, code: None, language: None, printer: None, force: false }
    }

    fn asked(args: &SetupArgs, typed: &str) -> (Result<Answers, Failure>, String) {
        let mut said = Vec::new();
        let answers = ask(args, Language::French, &mut typed.as_bytes(), &mut said);
        (answers, String::from_utf8(said).unwrap())
    }

    #[test]
    fn a_bad_answer_is_asked_for_again_with_one_clear_sentence() {
        let typed = "deutsch\nen\npass.example\nhttps://pass.example\nABC\n\nlp0\ntcp:10.0.0.5:9100\n";
        let (answers, said) = asked(&args(), typed);
        let expected = Answers {
            language: Language::English,
            region: "https://pass.example".to_owned(),
            code: None,
            printer: Some("tcp:10.0.0.5:9100".to_owned()),
        };
        assert_eq!(answers.unwrap(), expected);
        for sentence in ["Répondez fr ou en.", "is written https://name/", "seven groups", "A printer is tcp:HOST:9100"]
        {
            assert_eq!(said.matches(sentence).count(), 1, "{sentence}: {said}");
        }
    }

    #[test]
    fn what_is_given_is_not_asked_and_what_is_missing_writes_nothing() {
        let given = |text: &str| Some(text.to_owned());
        let all = SetupArgs {
            region: given("https://pass.example"),
            code: given(""),
            language: given("fr"),
            printer: given(""),
            force: false,
        };
        let (answers, said) = asked(&all, "");
        assert_eq!((answers.unwrap().printer, said.as_str()), (None, ""));
        assert_eq!(asked(&args(), "fr\n").0.unwrap_err().exit, Exit::Usage);
        let wrong = SetupArgs { printer: given("lp0"), ..all };
        assert_eq!(asked(&wrong, "").0.unwrap_err().exit, Exit::Usage);
    }

    #[test]
    fn the_answers_stand_in_the_shipped_file_which_stays_whole() {
        let answers = Answers {
            language: Language::English,
            region: "https://pass.example/\"x".to_owned(),
            code: None,
            printer: Some("/dev/usb/lp0".to_owned()),
        };
        let text = written(SHIPPED, "/srv/counter", &answers);
        assert!(check(Path::new("terminal.toml"), &text).is_ok());
        for line in [
            "data = \"/srv/counter\"",
            "region = \"https://pass.example/\\\"x\"",
            "language = \"en\"",
            "connection = \"/dev/usb/lp0\"",
            "card-wait-seconds = 30",
        ] {
            assert_eq!(text.lines().filter(|written| *written == line).count(), 1, "{line}");
        }
        assert_eq!(text.lines().count(), SHIPPED.lines().count());
        let none = Answers { printer: None, ..answers };
        assert!(written(SHIPPED, "/srv/counter", &none).contains("# connection = \"tcp:"));
    }
}
